import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store

/// Columns on their way through PostgreSQL: binary COPY in, a binary result out.
@Suite struct BinaryRowTests {
    static let types: [FeatureType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(1), .vector(5), .listInt64,
        .listString,
    ]

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `every value of every type comes back as it went`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let count = seed == 1 ? 3_000 : 100
        let columns = Self.types.map { type in Column(type: type, (0..<count).map { _ in random.value(type) }) }
        let session = try Session(conninfo: try ThrowawayCluster.shared().database())
        let names = Self.types.indices.map { "c\($0)" }
        let fields = zip(names, Self.types).map { "\($0) \($1.sqlType)" }.joined(separator: ", ")
        try session.execute("CREATE TABLE public.t (i bigint, \(fields), absent text, fixed boolean)")
        let numbers = Column(type: .int64, values: .int64((0..<count).map { Int64($0) }))
        let copy = CopyRows(
            fields: [.column(numbers)] + columns.map { .column($0) } + [.constant(nil), .constant([1])]
        )
        // Some rows only, in an order of their own.
        var order = (0..<Int32(count)).filter { _ in !random.oneIn(10) }
        order.shuffle(using: &random)
        try copy.copy(rows: order, into: "COPY public.t FROM STDIN (FORMAT binary)", on: session.connection)

        let rows = try session.query("SELECT i, \(names.joined(separator: ", ")), absent, fixed FROM public.t")
        #expect(rows.count == order.count)
        var rowOf = [Int32](repeating: -1, count: count)
        for row in 0..<rows.count { rowOf[Int(try #require(rows.int64(row, 0)))] = Int32(row) }
        let hidden = (0..<count).map { _ in random.oneIn(10) }
        let reader = ResultColumn(rows: rows, rowOf: rowOf)
        for (index, column) in columns.enumerated() {
            let got = try reader.read(index + 1, as: column.type, isNull: hidden)
            let expected = (0..<count).map { rowOf[$0] < 0 || hidden[$0] ? Value.null : column.value($0) }
            #expect(got.boxed.map(\.identity) == expected.map(\.identity), "\(column.type.text)")
        }
        #expect((0..<rows.count).allSatisfy { rows.isNull($0, columns.count + 1) })
        #expect((0..<rows.count).allSatisfy { rows.bool($0, columns.count + 2) == true })
    }

    @Test func `PostgreSQL reads the values as we mean them`() throws {
        let session = try Session(conninfo: try ThrowawayCluster.shared().database())
        try session.execute(
            """
            CREATE TABLE public.t (a boolean, b integer, c bigint, d real, e double precision, f text, g bytea, h timestamptz,
                i real[], j bigint[], k text[])
            """
        )
        let columns: [Column] = [
            Column(type: .bool, [.bool(true)]), Column(type: .int32, [.int32(-7)]),
            Column(type: .int64, [.int64(.min)]),
            Column(type: .float32, [.float32(1.5)]), Column(type: .float64, [.float64(-.infinity)]),
            Column(type: .string, [.string("é")]), Column(type: .bytes, [.bytes([0, 255])]),
            Column(type: .timestamp, [.timestamp(Timestamp(microseconds: -1))]),
            Column(type: .vector(2), [.vector([1, .nan])]), Column(type: .listInt64, [.listInt64([])]),
            Column(type: .listString, [.listString(["", "NULL"])]),
        ]
        let copy = CopyRows(fields: columns.map { .column($0) })
        try copy.copy(rows: [0], into: "COPY public.t FROM STDIN (FORMAT binary)", on: session.connection)
        let text = try session.query(
            "SELECT t::text FROM (SELECT a, b, c, d, e, f, encode(g, 'hex'), h AT TIME ZONE 'UTC', i, j, k FROM public.t) t"
        ).text(0, 0)
        let expected = #"""
            (t,-7,-9223372036854775808,1.5,-Infinity,é,00ff,"1969-12-31 23:59:59.999999","{1,NaN}",{},"{"""",""NULL""}")
            """#
        #expect(text == expected)
    }
}
