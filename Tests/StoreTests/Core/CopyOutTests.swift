import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Segments
@testable import Store

/// Rows that come by COPY, compared with those of an ordinary result.
@Suite struct CopyOutTests {
    private static func session() throws -> Session {
        try Session(conninfo: try ThrowawayCluster.shared().database())
    }

    /// All rows of a query, by blocks.
    private static func copy(
        _ session: Session,
        _ query: String,
        _ types: [FeatureType],
        rowsMax: Int
    ) throws -> [[Value]] {
        try session.transaction(.read) { () throws(StoreError) in
            let copy = try CopyOut(session, query: query, types: types)
            var rows: [[Value]] = []
            while let block = try copy.next(rowsMax: rowsMax) {
                #expect(block[0].rowCount <= rowsMax)
                for row in 0..<block[0].rowCount { rows.append(block.map { $0.value(row) }) }
            }
            #expect(try copy.next(rowsMax: 1) == nil)
            return rows
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `every type and null comes as it is stored, in blocks of any size`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 8)
        let view = try history.store.view("stats")
        let query = SegmentRows.query(view, PartitionRange(from: nil, to: nil))
        let types = SegmentRows.layout(view).types
        let session = history.store.session
        let result = try session.query(query)
        let reader = ResultColumn(rows: result, rowOf: (0..<Int32(result.count)).map(\.self))
        let never = [Bool](repeating: false, count: result.count)
        let columns = try types.enumerated().map { try reader.read($0, as: $1, isNull: never) }
        let expected = (0..<result.count).map { row in columns.map { $0.value(row) } }
        for rowsMax in [1, 7, 100_000] {
            let rows = try Self.copy(session, query, types, rowsMax: rowsMax)
            #expect(rows.map { "\($0)" } == expected.map { "\($0)" }, "seed \(seed), \(rowsMax)")
        }
    }

    @Test func `no rows are no block`() throws {
        let session = try Self.session()
        #expect(try Self.copy(session, "SELECT 1::int WHERE false", [.int32], rowsMax: 10) == [])
    }

    @Test func `an error of the server in the middle is thrown, and the session goes on`() throws {
        let session = try Self.session()
        let error = #expect(throws: StoreError.self) {
            try Self.copy(session, "SELECT 1 / (i - 5000) FROM generate_series(1, 9000) i", [.int32], rowsMax: 64)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("division by zero"))
        #expect(try session.query("SELECT 7").int32(0, 0) == 7)
    }

    @Test func `a COPY that is given up leaves a session that can be used`() throws {
        let session = try Self.session()
        #expect(throws: StoreError.self) {
            try session.transaction(.read) { () throws(StoreError) in
                let copy = try CopyOut(session, query: "SELECT i FROM generate_series(1, 9000000) i", types: [.int32])
                _ = try copy.next(rowsMax: 10)
                copy.cancel()
                throw .conflict("enough")
            }
        }
        #expect(try session.query("SELECT 7").int32(0, 0) == 7)
    }

    @Test(
        arguments: [[.int64], [.bool, .int32], [], [.int32, .int32], [.listInt64], [.vector(2)], [.float64]]
            as [[FeatureType]]
    )
    func `rows of other types are refused`(types: [FeatureType]) throws {
        let session = try Self.session()
        #expect(throws: StoreError.self) { try Self.copy(session, "SELECT 1::int", types, rowsMax: 10) }
        #expect(try session.query("SELECT 7").int32(0, 0) == 7)
    }

    @Test func `arrays that are no list of ours are refused`() throws {
        let session = try Self.session()
        for (sql, type) in [
            ("'{{1,2},{3,4}}'::bigint[]", .listInt64), ("'{1,NULL}'::bigint[]", .listInt64),
            ("'{1,2,3}'::real[]", .vector(2)), ("'{1}'::integer[]", .listInt64), ("'{a,NULL}'::text[]", .listString),
        ] as [(String, FeatureType)] {
            #expect(throws: StoreError.self, "\(sql)") {
                try Self.copy(session, "SELECT \(sql)", [type], rowsMax: 10)
            }
        }
        #expect(try Self.copy(session, "SELECT '{}'::bigint[]", [.listInt64], rowsMax: 1) == [[.listInt64([])]])
    }
}
