import Features
import Hashing
import PointInTime
import TestSupport
import Testing

@Suite struct ContentDigestTests {
    static let types: [FeatureType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(3), .listInt64, .listString,
    ]
    static let names = types.indices.map { "column\($0)" }

    /// Rows of every type, nulls among them.
    static func table(_ rowCount: Int, seed: UInt64) -> [Column] {
        var random = SeededRandom(seed: seed)
        return types.map { type in Column(type: type, (0..<rowCount).map { _ in random.value(type) }) }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `the digest is that of the rows' bytes, put together one by one`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let columns = Self.table(random.int(0...200), seed: seed)
        var digest = ContentDigest(names: Self.names, types: Self.types)
        digest.update(columns, rowCount: columns[0].rowCount)
        #expect(digest.value() == SlowDigest.value(Self.names, columns))
        #expect(digest.rowCount == columns[0].rowCount)
    }

    @Test(arguments: [65_535, 65_536, 65_537, 131_072, 131_073])
    func `blocks end after 65,536 rows`(rowCount: Int) {
        let column = Column(type: .int64, values: .int64((0..<rowCount).map { Int64($0) }))
        var digest = ContentDigest(names: ["n"], types: [.int64])
        digest.update([column], rowCount: rowCount)
        #expect(digest.value() == SlowDigest.value(["n"], [column]))
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `how rows are cut into batches makes no difference`(seed: UInt64) {
        let columns = Self.table(5_000, seed: seed)
        var whole = ContentDigest(names: Self.names, types: Self.types)
        whole.update(columns, rowCount: 5_000)
        var cut = ContentDigest(names: Self.names, types: Self.types)
        var random = SeededRandom(seed: seed)
        var row = 0
        while row < 5_000 {
            let end = min(5_000, row + random.int(0...1_500))
            cut.update(columns.map { $0.slice(row..<end) }, rowCount: end - row)
            // Looking at the digest on the way changes nothing.
            _ = cut.value()
            row = end
        }
        #expect(whole.value() == cut.value())
    }

    @Test(arguments: [1, 65_535, 65_536, 65_537, 131_071])
    func `a cut near the end of a block makes no difference`(cut: Int) {
        let column = Column(type: .int64, values: .int64((0..<131_080).map { Int64($0) }))
        var digest = ContentDigest(names: ["n"], types: [.int64])
        digest.update([column.slice(0..<cut)], rowCount: cut)
        digest.update([column.slice(cut..<131_080)], rowCount: 131_080 - cut)
        #expect(digest.value() == SlowDigest.value(["n"], [column]))
    }

    /// Version 1 is written in manifests that people keep: this value never changes.
    @Test func `version 1 gives the value it always gave`() {
        let columns = [
            Column(type: .int64, [.int64(1), .null, .int64(-3)]),
            Column(type: .float64, [.float64(0.5), .float64(.nan), .null]),
            Column(type: .string, [.string(""), .string("é"), .null]),
            Column(type: .timestamp, [.timestamp(Timestamp(microseconds: -1)), .null, .timestamp(.latest)]),
            Column(type: .vector(2), [.vector([1, -0.0]), .null, .vector([.infinity, .nan])]),
            Column(type: .listString, [.listString([]), .listString(["a", ""]), .null]),
        ]
        var digest = ContentDigest(names: ["a", "b", "c", "d", "e", "f"], types: columns.map(\.type))
        digest.update(columns, rowCount: 3)
        #expect(digest.text == "sha256:40628ac1c2c0e97acb6ba56c766c0cebf19889aa351a907e2fa59fa3ec23d27a")
    }

    /// docs/reference/segments-format.md has it for other programs.
    @Test func `three blocks of numbers give the value of the page for other engines`() {
        var digest = ContentDigest(names: ["n"], types: [.int64])
        digest.update([Column(type: .int64, values: .int64(Array(0..<131_080)))], rowCount: 131_080)
        #expect(digest.text == "sha256:355561f33ded753e5326c8ebab3012ebe5557d5115cc54c8706c5a837dfaa64a")
    }

    @Test func `every NaN is one NaN, but zero has two signs`() {
        func digest(_ value: Double) -> [UInt8] {
            var digest = ContentDigest(names: ["x"], types: [.float64])
            digest.update([Column(type: .float64, values: .float64([value]))], rowCount: 1)
            return digest.value()
        }
        #expect(digest(.nan) == digest(-Double.signalingNaN))
        #expect(digest(0) != digest(-0.0))
    }

    @Test func `null, zero, empty and absent are four contents`() {
        func digest(_ values: [Value], name: String = "x") -> [UInt8] {
            var digest = ContentDigest(names: [name], types: [.string])
            digest.update([Column(type: .string, values)], rowCount: values.count)
            return digest.value()
        }
        let contents = [
            digest([]), digest([.null]), digest([.string("")]), digest([.string("0")]), digest([.null, .null]),
            digest([], name: "y"),
        ]
        #expect(Set(contents).count == contents.count)
    }
}

/// The content digest as its description says it, a row and a byte at a time.
enum SlowDigest {
    static func value(_ names: [String], _ columns: [Column]) -> [UInt8] {
        var message = Array("asof-content/1\n".utf8)
        for (name, column) in zip(names, columns) {
            message += Array("\(name.utf8.count):\(name) \(column.type.text)\n".utf8)
        }
        let rowCount = columns.first?.rowCount ?? 0
        var row = 0
        while row < rowCount {
            var block: [UInt8] = []
            for index in row..<min(rowCount, row + 65_536) {
                for column in columns { block += bytes(column.value(index)) }
            }
            message += SHA256.digest(block)
            row += 65_536
        }
        return SHA256.digest(message)
    }

    private static func bytes(_ value: Value) -> [UInt8] {
        switch value {
        case .null: [0]
        case .bool(let value): [1, value ? 1 : 0]
        case .int32(let value): [1] + eight(UInt64(bitPattern: Int64(value)))
        case .int64(let value): [1] + eight(UInt64(bitPattern: value))
        case .timestamp(let value): [1] + eight(UInt64(bitPattern: value.microseconds))
        case .float32(let value): [1] + float(Double(value))
        case .float64(let value): [1] + float(value)
        case .string(let value): [1] + text(Array(value.utf8))
        case .bytes(let value): [1] + text(value)
        case .vector(let values): [1] + four(values.count) + values.flatMap { float(Double($0)) }
        case .listInt64(let values): [1] + four(values.count) + values.flatMap { eight(UInt64(bitPattern: $0)) }
        case .listString(let values): [1] + four(values.count) + values.flatMap { text(Array($0.utf8)) }
        }
    }

    private static func eight(_ bits: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } }
    private static func four(_ count: Int) -> [UInt8] { Array(eight(UInt64(count))[..<4]) }
    private static func text(_ bytes: [UInt8]) -> [UInt8] { four(bytes.count) + bytes }
    private static func float(_ value: Double) -> [UInt8] {
        eight(value.isNaN ? 0x7FF8_0000_0000_0000 : value.bitPattern)
    }
}
