import Columnar
import Features
import Foundation
import PointInTime
import TestSupport
import Testing

/// A segment's file as it was written, and what it was written from.
struct WrittenSegment {
    static let keys = [KeyColumn(name: "user_id", type: .int64), KeyColumn(name: "place", type: .string)]
    static let features = RoundTripTests.types.enumerated().map { index, type in
        FeatureDefinition(name: "f\(index)", type: type)
    }
    static let columns = SegmentColumns(keys: keys, features: features)

    let path: String
    let checks: SegmentFacts
    let bytes: [UInt8]
    let groups: [[[Value]]]

    /// - Parameter nullShare: one value of so many is null; 0 = none.
    init(_ scratch: Scratch, groupRows: [Int], nullShare: Int, using random: inout SeededRandom) throws {
        path = scratch.path + "/segment.parquet"
        let writer = try SegmentWriter(path: path, columns: Self.columns)
        var groups: [[[Value]]] = []
        var next: Int64 = -3
        for count in groupRows {
            var rows: [[Value]] = []
            for _ in 0..<count {
                next += Int64.random(in: 0...1, using: &random)
                let word = ["", "a", "é", "long enough for no prefix"].randomElement(using: &random) ?? ""
                var row: [Value] = [
                    .int64(next), .string(word), .timestamp(Timestamp(microseconds: next &* 1_000)), .int64(next &+ 7),
                    .timestamp(Timestamp(microseconds: next &* 999)), .bool(Int.random(in: 0..<9, using: &random) == 0),
                ]
                for feature in Self.features {
                    var value = RandomValue.make(feature.type, using: &random)
                    while nullShare == 0, value == .null { value = RandomValue.make(feature.type, using: &random) }
                    if nullShare > 0, Int.random(in: 0..<nullShare, using: &random) == 0 { value = .null }
                    row.append(value)
                }
                rows.append(row)
            }
            let group = Self.columns.types.enumerated().map { index, type in Column(type, rows.map { $0[index] }) }
            try writer.write(group, rowCount: count)
            groups.append(rows)
        }
        self.groups = groups
        checks = try writer.finish()
        bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Reads all that a file has.
    static func readAll(_ path: String, _ facts: SegmentFacts) throws {
        let file = try SegmentFile(path: path, written: facts, keys: keys, features: features.map(\.name))
        for (index, group) in file.groups.enumerated() {
            _ = try readOrder(file, index)
            _ = try read(file, index, Array(0..<Int32(group.rowCount)))
            _ = try read(file, index, (0..<Int32(group.rowCount)).filter { $0 % 3 == 1 })
        }
    }

    func open() throws -> SegmentFile {
        try SegmentFile(path: path, written: checks, keys: Self.keys, features: Self.features.map(\.name))
    }

    /// The features of a group's rows, as the file says.
    static func read(_ file: SegmentFile, _ group: Int, _ rows: [Int32]) throws -> [[Value]] {
        var columns: [Column] = []
        for (index, feature) in features.enumerated() {
            var column = Column(emptyOf: feature.type)
            try rows.withUnsafeBufferPointer {
                try file.append(.feature(index), ofGroup: group, rows: $0, to: &column)
            }
            columns.append(column)
        }
        return rows.indices.map { row in columns.map { $0.value(row) } }
    }

    /// Keys, event time, position and known at of a group, as the file says.
    static func readOrder(_ file: SegmentFile, _ group: Int) throws -> [[Value]] {
        let order = try file.order(ofGroup: group, with: [.positions, .knownAt])
        _ = try #require(order.positions)
        _ = try #require(order.knownAt)
        return (0..<order.rowCount).map(order.values)
    }
}

@Suite struct SegmentFileTests {
    @Test(arguments: [0, 1, 2, 3, 4, 5] as [UInt64])
    func `any rows of any columns are read as they were written, and as Arrow reads them`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scratch = try Scratch()
        // One is longer than a page.
        let sizes = seed == 0 ? [17_000] : (0..<3).map { _ in Int.random(in: 1...300, using: &random) }
        let written = try WrittenSegment(scratch, groupRows: sizes, nullShare: Int(seed) % 3 * 5, using: &random)
        let file = try written.open()
        #expect(file.rowCount == sizes.reduce(0, +))
        #expect(file.groups.map(\.rowCount) == sizes)
        for (group, rows) in written.groups.enumerated() {
            let first = try #require(rows.first)
            let last = try #require(rows.last)
            #expect(file.groups[group].firstKeys == Array(first[..<2]), "seed \(seed)")
            #expect(file.groups[group].lastKeys == Array(last[..<2]), "seed \(seed)")
            #expect(try WrittenSegment.readOrder(file, group) == rows.map { Array($0[..<5]) }, "seed \(seed)")
            for share in [1, 3, 40] {
                let chosen = (0..<Int32(rows.count)).flatMap { row -> [Int32] in
                    guard Int.random(in: 0..<share, using: &random) == 0 else { return [] }
                    return Int.random(in: 0..<9, using: &random) == 0 ? [row, row] : [row]
                }
                let read = try WrittenSegment.read(file, group, chosen)
                #expect(
                    read.map { $0.map(bits) } == chosen.map { rows[Int($0)][6...].map(bits) },
                    "seed \(seed), group \(group), one of \(share)"
                )
            }
        }
        let requests = zip(WrittenSegment.columns.names, WrittenSegment.columns.types).map {
            ColumnRequest(sourceName: $0, type: $1)
        }
        let arrow = try readAll(written.path, .parquet, requests)
        #expect(arrow.map { $0.map(bits) } == written.groups.joined().map { $0.map(bits) }, "seed \(seed)")
    }

    @Test func `a feature that the file does not have is null`() throws {
        var random = SeededRandom(seed: 7)
        let scratch = try Scratch()
        let written = try WrittenSegment(scratch, groupRows: [1, 50], nullShare: 0, using: &random)
        let file = try SegmentFile(
            path: written.path,
            written: written.checks,
            keys: WrittenSegment.keys,
            features: [nil, "f1"]
        )
        var column = Column(.float64, [.float64(1)])
        try [Int32(3), 4].withUnsafeBufferPointer {
            try file.append(.feature(0), ofGroup: 1, rows: $0, to: &column)
        }
        #expect((0..<3).map(column.value) == [.float64(1), .null, .null])
    }

    @Test func `texts that outgrow a dictionary, large texts and columns of nulls are read as they were written`()
        throws
    {
        let scratch = try Scratch()
        let count = 30_000
        // More than a dictionary takes, so that pages of one column are of both kinds.
        let texts = (0..<count).map { row -> Value in
            row % 97 == 5 ? .null : .string("\(row) is a text that no other row has, and long enough to fill pages")
        }
        var large = [Value](repeating: .string("small"), count: count)
        large[3] = .string(String(repeating: "x", count: 1 << 20))
        large[20_000] = .string(String(repeating: "y", count: 1 << 20))
        var contents: [(FeatureType, [Value])] = [(.string, texts), (.string, large)]
        for type in RoundTripTests.types { contents.append((type, [Value](repeating: .null, count: count))) }
        let features = contents.enumerated().map { FeatureDefinition(name: "f\($0)", type: $1.0) }
        let keys = [KeyColumn(name: "k", type: .int64)]
        let rows = (0..<Int64(count)).map(\.self)
        let numbers = Column(type: .int64, values: .int64(rows))
        let times = Column(type: .timestamp, values: .int64(rows))
        let path = scratch.path + "/segment.parquet"
        let writer = try SegmentWriter(path: path, columns: SegmentColumns(keys: keys, features: features))
        let deleted = Column(type: .bool, values: .bool([Bool](repeating: false, count: count)))
        try writer.write(
            [numbers, times, numbers, times, deleted] + contents.map { Column($0.0, $0.1) },
            rowCount: count
        )
        let file = try SegmentFile(path: path, written: try writer.finish(), keys: keys, features: features.map(\.name))
        for step in [1, 333] {
            let chosen = stride(from: 3, to: Int32(count), by: step).map(\.self)
            for (index, (type, values)) in contents.enumerated() {
                var column = Column(emptyOf: type)
                try chosen.withUnsafeBufferPointer {
                    try file.append(.feature(index), ofGroup: 0, rows: $0, to: &column)
                }
                #expect(chosen.indices.allSatisfy { column.value($0) == values[Int(chosen[$0])] }, "\(type.text)")
            }
        }
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func `a flipped bit is an error or changes nothing`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scratch = try Scratch()
        let written = try WrittenSegment(
            scratch,
            groupRows: [20, 9],
            nullShare: seed == 11 ? 0 : 4,
            using: &random
        )
        let bytes = try Data(contentsOf: URL(fileURLWithPath: written.path))
        let expected = written.groups.map { $0.map { $0[6...].map(bits) } }
        var (errors, harmless) = (0, 0)
        for _ in 0..<700 {
            var damaged = bytes
            let place = Int.random(in: 0..<bytes.count, using: &random)
            damaged[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            try damaged.write(to: URL(fileURLWithPath: written.path))
            do {
                let file = try written.open()
                for (group, rows) in written.groups.enumerated() {
                    #expect(try WrittenSegment.readOrder(file, group) == rows.map { Array($0[..<5]) }, "byte \(place)")
                    let read = try WrittenSegment.read(file, group, (0..<Int32(rows.count)).map(\.self))
                    #expect(read.map { $0.map(bits) } == expected[group], "byte \(place), seed \(seed)")
                }
                harmless += 1
            } catch is HistoryRunError {
                errors += 1
            }
        }
        // Statistics in page headers, which nobody reads, are all that may change.
        #expect(errors > harmless, "seed \(seed): \(errors) errors, \(harmless) without effect")
    }

    @Test func `a file that is missing, cut, longer or another is told`() throws {
        var random = SeededRandom(seed: 3)
        let scratch = try Scratch()
        let written = try WrittenSegment(scratch, groupRows: [30], nullShare: 0, using: &random)
        let url = URL(fileURLWithPath: written.path)
        let bytes = try Data(contentsOf: url)
        for length in [0, 1, 100, bytes.count / 2, bytes.count - 1] {
            try bytes.prefix(length).write(to: url)
            #expect(message { _ = try written.open() }?.contains("bytes; \(bytes.count) were written") == true)
        }
        try (bytes + [0]).write(to: url)
        #expect(message { _ = try written.open() }?.contains("were written") == true)
        try bytes.write(to: url)
        let other = try WrittenSegment(try Scratch(), groupRows: [30], nullShare: 0, using: &random)
        var checks = other.checks
        checks.bytes = written.checks.bytes
        #expect(throws: HistoryRunError.self) {
            try SegmentFile(path: written.path, written: checks, keys: WrittenSegment.keys, features: [])
        }
        let shrinking = try written.open()
        try bytes.prefix(10).write(to: url, options: [])
        #expect(throws: HistoryRunError.self) { try WrittenSegment.readOrder(shrinking, 0) }
        try FileManager.default.removeItem(at: url)
        #expect(message { _ = try written.open() }?.hasSuffix("the file is missing") == true)
    }
}
