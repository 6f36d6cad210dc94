import Dispatch
import Features
import Glibc
import PointInTime
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Store

/// A view's memory against a dictionary of boxed rows.
@Suite struct ViewMemoryTests {
    static let types: [FeatureType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(1), .vector(5), .listInt64,
        .listString,
    ]

    enum KeyKind: CaseIterable {
        case int64, string, pair, global

        var columns: [KeyColumn] {
            switch self {
            case .int64: [KeyColumn(name: "user_id", type: .int64)]
            case .string: [KeyColumn(name: "origin", type: .string)]
            case .pair: [KeyColumn(name: "origin", type: .string), KeyColumn(name: "user_id", type: .int64)]
            case .global: []
            }
        }
    }

    static func view(_ keys: [KeyColumn], _ types: [FeatureType]) -> StoredView {
        StoredView(
            id: 1,
            shape: 1,
            definition: ViewDefinition(
                name: "v",
                entities: keys.map(\.name),
                keys: keys,
                features: types.enumerated().map { FeatureDefinition(name: "f\($0)", type: $1) }
            )
        )
    }

    /// An entity's keys, told apart by their bytes: Swift finds `é` and `e` with an accent equal.
    struct Keys: Hashable {
        let values: [Value]

        init(_ values: [Value]) { self.values = values }

        static func == (left: Keys, right: Keys) -> Bool {
            left.values.map(\.identity) == right.values.map(\.identity)
        }

        func hash(into hasher: inout Hasher) { hasher.combine(values.map(\.identity)) }
    }

    /// The obvious twin: the latest row of each entity, boxed.
    struct Twin {
        struct Row {
            var eventTime: Int64
            var position: Int64
            var isDeleted: Bool
            var features: [Value]
        }

        var rows: [Keys: Row] = [:]

        mutating func apply(_ batch: [HistoryRow], position: Int64, isGlobal: Bool) {
            for row in batch {
                let keys = Keys(isGlobal ? [.int64(0)] : row.keys)
                if let old = rows[keys], (old.eventTime, old.position) > (row.eventTime, position) { continue }
                rows[keys] = Row(
                    eventTime: row.eventTime,
                    position: position,
                    isDeleted: row.isDeleted,
                    features: row.features
                )
            }
        }
    }

    /// Takes an entity out, as removals do.
    static func remove(_ keys: [Value], from memory: ViewMemory) -> Bool {
        memory.change { table, figures in
            var key = EntityKey(memory.layout.keys)
            key.append(keys)
            let found: UInt32? =
                if memory.layout.keyForm == .int64, case .int64(let key) = keys[0] {
                    table.find(key)
                } else {
                    key.bytes.withUnsafeBytes { table.find($0) }
                }
            guard let found else { return false }
            if PackedRow(base: table.address(found)).isDeleted { figures.tombstones -= 1 }
            table.remove(found)
            return true
        }
    }

    /// The row of an entity in memory, boxed.
    static func row(_ memory: ViewMemory, _ keys: [Value]) -> Twin.Row? {
        memory.withReader { reader -> Twin.Row? in
            let row: PackedRow?
            if memory.layout.keyForm == .int64, case .int64(let key) = keys[0] {
                row = reader.row(key)
            } else {
                var key = EntityKey(memory.layout.keys)
                key.append(keys)
                row = key.bytes.withUnsafeBytes { reader.row(keyBytes: $0) }
            }
            return row.map { boxed($0, memory.layout) }
        }
    }

    static func boxed(_ row: PackedRow, _ layout: RowLayout) -> Twin.Row {
        Twin.Row(
            eventTime: row.eventTime,
            position: row.position,
            isDeleted: row.isDeleted,
            features: layout.columns.indices.map { row.value($0, layout) }
        )
    }

    static func isEqual(_ left: Twin.Row?, _ right: Twin.Row?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return left.eventTime == right.eventTime && left.position == right.position
            && left.isDeleted == right.isDeleted && left.features.map(\.identity) == right.features.map(\.identity)
    }

    /// Compares look-ups, enumeration and figures with the twin.
    static func check(_ memory: ViewMemory, _ twin: Twin, absent: [[Value]]) {
        for (keys, row) in twin.rows {
            #expect(isEqual(Self.row(memory, keys.values), row), "\(keys)")
        }
        for keys in absent where twin.rows[Keys(keys)] == nil { #expect(Self.row(memory, keys) == nil) }
        let enumerated = memory.withReader { reader in
            (0..<reader.rowLimit).compactMap { reader.row(number: $0).map { Keys($0.keys(reader.layout)) } }
        }
        #expect(enumerated.count == twin.rows.count && Set(enumerated) == Set(twin.rows.keys))
        let figures = memory.figures
        #expect(figures.rows == twin.rows.count)
        #expect(figures.tombstones == twin.rows.values.count { $0.isDeleted })
    }

    @Test(arguments: KeyKind.allCases, [1, 2, 3] as [UInt64])
    func `random commits, removals and late rows leave what a dictionary holds`(keys: KeyKind, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let types = seed == 1 ? Self.types : (0..<random.int(1...20)).map { _ in random.pick(Self.types) }
        let view = Self.view(keys.columns, types)
        let memory = ViewMemory(layout: RowLayout(keys: view.storageKeys, features: view.definition.features))
        let known: [[Value]] = (0..<300).map { _ in
            keys.columns.map { key in
                key.type == .int64
                    ? .int64(random.oneIn(2) ? Int64(random.int(-50...50)) : Int64(bitPattern: random.next()))
                    : .string(
                        random.text() + (random.oneIn(3) ? String(repeating: "k", count: random.int(0...40)) : "")
                    )
            }
        }
        var twin = Twin()
        for _ in 0..<40 {
            if random.oneIn(6) {
                let keys = keys == .global ? [.int64(0)] : random.pick(known)
                #expect(Self.remove(keys, from: memory) == (twin.rows.removeValue(forKey: Keys(keys)) != nil))
                continue
            }
            let batch = (0..<random.int(1...120)).map { _ in
                HistoryRow(
                    random.pick(known),
                    at: Int64(random.int(0...20)),
                    isDeleted: random.oneIn(8),
                    types.map { Self.value($0, &random) }
                )
            }
            let position = Int64(random.int(1...50))
            memory.apply(TestStore.viewRows(batch, view), position: position)
            twin.apply(batch, position: position, isGlobal: keys == .global)
        }
        Self.check(memory, twin, absent: keys == .global ? [] : known)
    }

    /// As ``SeededRandom/value(_:)``, some of them too long for a row, a few too long for a block of the heap.
    static func value(_ type: FeatureType, _ random: inout SeededRandom) -> Value {
        let value = random.value(type)
        let count = random.oneIn(200) ? random.int(16_000...70_000) : random.int(0...100)
        switch value {
        case .string(let text) where random.oneIn(2): return .string(text + String(repeating: "x", count: count))
        case .bytes where random.oneIn(2): return .bytes((0..<count).map { _ in UInt8(random.int(0...255)) })
        case .listInt64 where random.oneIn(2): return .listInt64((0..<count).map { _ in Int64(random.int(-9...9)) })
        case .listString where random.oneIn(2): return .listString((0..<count % 500).map { _ in random.text() })
        default: return value
        }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `memory of values that change length all the time stays bounded`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let view = Self.view(KeyKind.string.columns, [.string, .listString, .int64])
        let memory = ViewMemory(layout: RowLayout(keys: view.storageKeys, features: view.definition.features))
        var twin = Twin()
        var live = 0
        for position in 0..<150 {
            let batch = (0..<100).map { _ in
                let key = "entity-with-a-long-name-\(random.int(0...700))"
                let text = String(repeating: "v", count: random.int(0...600))
                return HistoryRow(
                    [.string(key)],
                    at: Int64(position),
                    [.string(text), .listString([text, "", "é"]), .int64(Int64(position))]
                )
            }
            memory.apply(TestStore.viewRows(batch, view), position: Int64(position))
            twin.apply(batch, position: Int64(position), isGlobal: false)
            if position % 20 == 0 {
                for keys in twin.rows.keys where random.oneIn(3) {
                    #expect(Self.remove(keys.values, from: memory))
                    twin.rows[keys] = nil
                }
            }
        }
        for row in twin.rows.values {
            if case .string(let text) = row.features[0] { live += 2 * text.utf8.count + 150 }
        }
        Self.check(memory, twin, absent: [])
        // A quarter of the blocks may be dead, and places are up to twice their values.
        #expect(memory.figures.bytes < 3 * live + (4 << 20), "\(memory.figures.bytes) bytes for \(live)")
    }

    @Test func `the same commits in any order, and twice, lead to the same memory`() {
        var random = SeededRandom(seed: 7)
        let view = Self.view(KeyKind.int64.columns, Self.types)
        let layout = RowLayout(keys: view.storageKeys, features: view.definition.features)
        let commits = (1...40).map { position in
            // Within one commit an entity has one row a time, as history stores it.
            (
                position,
                (0..<30).map { key in
                    HistoryRow(
                        [.int64(Int64(key))],
                        at: Int64(random.int(0...5)),
                        isDeleted: random.oneIn(9),
                        Self.types.map { random.value($0) }
                    )
                }
            )
        }
        var twin = Twin()
        for (position, rows) in commits { twin.apply(rows, position: Int64(position), isGlobal: false) }
        for _ in 0..<5 {
            let memory = ViewMemory(layout: layout)
            for (position, rows) in (commits + commits.prefix(20)).shuffled(using: &random) {
                memory.apply(TestStore.viewRows(rows, view), position: Int64(position))
            }
            Self.check(memory, twin, absent: [])
        }
    }

    @Test func `a reader never sees half a row`() {
        let view = Self.view(KeyKind.int64.columns, [.int64, .string, .vector(3), .listInt64, .float64, .int32])
        let memory = ViewMemory(layout: RowLayout(keys: view.storageKeys, features: view.definition.features))
        func rows(_ keys: Range<Int64>, _ number: Int64) -> ViewRows {
            let text = String(repeating: "\(number % 10)", count: Int(number % 97))
            return TestStore.viewRows(
                keys.map {
                    HistoryRow(
                        [.int64($0)],
                        at: number,
                        [
                            .int64(number), .string(text), .vector([Float(number), Float(number), Float(number)]),
                            .listInt64([number, number, number]), .float64(Double(number)), .int32(Int32(number)),
                        ]
                    )
                },
                view
            )
        }
        let entities: Int64 = 400
        memory.apply(rows(0..<entities, 0), position: 1)
        let isDone = Atomic(false)
        let readers = (0..<3).map { seed in
            BackgroundWork { () throws(StoreError) -> (reads: Int, torn: Int) in
                var random = SeededRandom(seed: UInt64(seed))
                var (reads, torn) = (0, 0)
                while !isDone.load(ordering: .relaxed) || reads == 0 {
                    for _ in 0..<50 {
                        let key = Int64.random(in: 0..<entities, using: &random)
                        let isWhole = memory.withReader { reader -> Bool in
                            guard let row = reader.row(key) else { return false }
                            let layout = reader.layout
                            let number = row.eventTime
                            var digits = row.bytes(layout.columns[1].offset).makeIterator()
                            var isWhole = row.load(layout.columns[0].offset, as: Int64.self) == number
                            isWhole = isWhole && row.bytes(layout.columns[1].offset).count == Int(number % 97)
                            while let digit = digits.next() { isWhole = isWhole && digit == 48 + UInt8(number % 10) }
                            isWhole =
                                isWhole
                                && row.value(2, layout) == .vector([Float(number), Float(number), Float(number)])
                            isWhole = isWhole && row.value(3, layout) == .listInt64([number, number, number])
                            isWhole = isWhole && row.load(layout.columns[4].offset, as: Double.self) == Double(number)
                            return isWhole && row.load(layout.columns[5].offset, as: Int32.self) == Int32(number)
                        }
                        if !isWhole { torn += 1 }
                        reads += 1
                    }
                }
                return (reads, torn)
            }
        }
        for number in 1...50 as ClosedRange<Int64> { memory.apply(rows(0..<entities, number), position: number) }
        isDone.store(true, ordering: .relaxed)
        for reader in readers {
            let result = try? reader.wait()
            #expect((result?.reads ?? 0) > 0 && result?.torn == 0, "\(String(describing: result))")
        }
        #expect(memory.figures.rows == Int(entities))
    }

    @Test func `readings of memories in opposite orders and two appliers do not wait for one another`() throws {
        let view = Self.view(KeyKind.int64.columns, [.float64])
        let layout = RowLayout(keys: view.storageKeys, features: view.definition.features)
        // Many, so that readings are on their way for long.
        let memories = (0..<200).map { _ in ViewMemory(layout: layout) }
        let (first, last) = (try #require(memories.first), try #require(memories.last))
        let work = DispatchGroup()
        func start(_ count: Int, _ body: @escaping @Sendable () -> Void) {
            // Threads of their own, so that those that hang hold up nobody else.
            DispatchQueue(label: "asof.test").async(group: work) { for _ in 0..<count { body() } }
        }
        start(2_000) { ViewMemory.withReaders(memories + [first]) { _ in } }
        start(2_000) { ViewMemory.withReaders(memories.reversed()) { _ in } }
        start(100_000) { first.change { _, _ in } }
        start(100_000) { last.change { _, _ in } }
        #expect(work.wait(timeout: .now() + 60) == .success)
    }

    @Test func `a row of 50 floats takes hardly more than its values`() {
        let view = Self.view(KeyKind.int64.columns, (0..<50).map { _ in .float64 })
        let layout = RowLayout(keys: view.storageKeys, features: view.definition.features)
        #expect(layout.stride == 432)
        let memory = ViewMemory(layout: layout)
        let count = 4_000
        let rows = ViewRows(
            keys: [Column(type: .int64, values: .int64((0..<count).map { Int64($0) }))],
            eventTimes: Column(type: .timestamp, values: .int64(Array(repeating: 1, count: count))),
            features: (0..<50).map { _ in Column(type: .float64, values: .float64(Array(repeating: 1.5, count: count)))
            }
        )
        memory.apply(rows, position: 1)
        #expect(memory.figures.bytes < count * (432 + 24))
    }
}
