import Features
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Serving
@testable import Store

/// Replies encoded from packed rows against those that boxed values give, byte by byte.
@Suite struct FeatureReplyTwinTests {
    static let types = [
        "bool", "int32", "int64", "float32", "float64", "string", "bytes", "timestamp", "vector(1)", "vector(5)",
        "list(int64)", "list(string)",
    ]
    static let numeric = types.filter { !["string", "bytes", "list(int64)", "list(string)"].contains($0) }

    /// Two views of random features, and services over them, one with a view in two roles.
    static func yaml(_ random: inout SeededRandom, _ types: [String]) -> String {
        let names = (0..<random.int(1...24)).map { "f\($0)" }
        let first = names.map { "\($0): \(random.pick(types))" }.joined(separator: ", ")
        let second = names.map { "\($0): \(random.pick(types))" }.joined(separator: ", ")
        return """
            entities: { user: { key: user_id, type: int64 }, airport: { key: origin, type: string } }
            views:
              users: { entities: [user], ttl: 500us, features: { \(first) } }
              weather: { entities: [airport, user], features: { \(second) } }
              floats: { entities: [user], features: { a: float64, b: float64, c: float64, d: float64 } }
            services:
              both:
                - weather.*
                - users.*
                - { view: weather, as: dest_weather, keys: { origin: dest }, features: [f0] }
              one: [users.*]
              floats: [floats.*]
            """
    }

    static func store(_ seed: UInt64, _ types: [String], resident: Set<String>? = nil) throws -> ServedStore {
        var random = SeededRandom(seed: seed)
        let yaml = yaml(&random, types)
        // Each service's version before, with other rules.
        var rules = SeededRandom(seed: seed &+ 1_000)
        let store = try ServedStore(yaml, resident: resident) { definitions in
            definitions.services.map { service in
                var before = definitions.rules(of: service)
                for role in before.roles.indices {
                    before.roles[role].rules.ttl =
                        rules.oneIn(3) ? nil : Interval(microseconds: Int64(rules.int(0...1_000)))
                    before.roles[role].rules.delay = Interval(microseconds: Int64(rules.int(0...1_000)))
                    before.roles[role].rules.isStrict = rules.oneIn(2)
                }
                return Registry.StoredService(service, version: 2, rules: before)
            }
        }
        for view in store.catalog.views {
            var batch: [HistoryRow] = []
            for user in 0..<8 {
                for origin in view.definition.keys.count == 2 ? ["JFK", "LAX", "x y,z="] : [""] {
                    var keys: [Value] = [.int64(Int64(user))]
                    if view.definition.keys.count == 2 { keys.insert(.string(origin), at: 0) }
                    batch.append(
                        HistoryRow(
                            keys,
                            at: store.now - Int64(random.int(0...1_000)),
                            isDeleted: random.oneIn(6),
                            view.definition.features.map { random.value($0.type) }
                        )
                    )
                }
            }
            try store.add(view.name, batch)
        }
        return store
    }

    /// One value of a reply, boxed, with what META says about it.
    struct Cell {
        var value: Value
        var status: ValueStatus
        var eventTime: Int64?
        var type: FeatureType
    }

    /// - Parameter rules: `nil` = those of the view.
    static func cell(
        _ store: ServedStore,
        _ view: String,
        _ keys: [Value],
        _ feature: String,
        rules: ViewRules? = nil
    ) throws -> Cell {
        let definition = try store.catalog.view(named: view).definition
        let rules = rules ?? definition.rules
        let place = try #require(definition.features.firstIndex { $0.name == feature })
        let type = definition.features[place].type
        guard let row = store.rows[view]?[keys] else {
            return Cell(value: .null, status: .missing, eventTime: nil, type: type)
        }
        var cell = Cell(value: row.features[place], status: .present, eventTime: row.eventTime, type: type)
        if row.isDeleted {
            cell.status = .missing
        } else if let ttl = rules.ttl?.microseconds, row.eventTime < store.now - ttl {
            cell.status = .expired
        } else if cell.value == .null {
            cell.status = .null
        }
        if cell.status != .present { cell.value = .null }
        return cell
    }

    static func packed(_ cells: [[Cell]], isDouble: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        func put(_ value: Double, _ asFloat: Float) {
            if isDouble {
                withUnsafeBytes(of: (value.isNaN ? Double.nan : value).bitPattern.littleEndian) { bytes += $0 }
            } else {
                withUnsafeBytes(of: (asFloat.isNaN ? Float.nan : asFloat).bitPattern.littleEndian) { bytes += $0 }
            }
        }
        for cell in cells.joined() {
            switch cell.value {
            case .bool(let value): put(value ? 1 : 0, value ? 1 : 0)
            case .int32(let value): put(Double(value), Float(value))
            case .int64(let value): put(Double(value), Float(value))
            case .timestamp(let value): put(Double(value.microseconds), Float(value.microseconds))
            case .float32(let value): put(Double(value), value)
            case .float64(let value): put(value, Float(value))
            case .vector(let values): for value in values { put(Double(value), value) }
            default: for _ in 0..<(cell.type.packedWidth ?? 0) { put(.nan, .nan) }
            }
        }
        return bytes
    }

    /// The reply that FS.SERVE, or FS.MGET beside its plain rows, must give.
    static func expected(
        _ names: [String],
        _ cells: [[Cell]],
        format: String,
        hasMeta: Bool,
        schema: String,
        rules: String,
        _ store: ServedStore,
        _ version: ProtocolVersion
    ) -> [UInt8] {
        var writer = ReplyWriter(version: version)
        let isPacked = format.hasPrefix("packed")
        writer.map((isPacked ? 3 : 2) + (hasMeta ? 5 : 0))
        func matrix(_ name: String, _ write: (Cell) -> Void) {
            writer.bulk(name)
            let byColumn = format == "columns"
            let outer = byColumn ? names.count : cells.count
            writer.array(outer)
            for first in 0..<outer {
                writer.array(byColumn ? cells.count : names.count)
                for second in 0..<(byColumn ? cells.count : names.count) {
                    write(byColumn ? cells[second][first] : cells[first][second])
                }
            }
        }
        if isPacked {
            writer.bulk("schema")
            writer.bulk(schema)
            writer.bulk("rows")
            writer.integer(Int64(cells.count))
            writer.bulk("data")
            packed(cells, isDouble: format == "packed64").withUnsafeBytes { writer.bulk($0) }
        } else {
            writer.bulk("columns")
            writer.array(names.count)
            for name in names { writer.bulk(name) }
            matrix(format == "rows" ? "rows" : "values") { writer.value($0.value) }
        }
        if hasMeta {
            matrix("status") { writer.bulk($0.status.rawValue) }
            matrix("event_time") { cell in
                if let time = cell.eventTime { writer.integer(time) } else { writer.null() }
            }
            writer.bulk("position")
            writer.integer(store.position)
            writer.bulk("rules")
            writer.bulk(rules)
            writer.bulk("at")
            writer.integer(store.now)
        }
        return Array(writer.buffer.readableBytesView)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>, [ProtocolVersion.resp2, .resp3])
    func `FS.GET and FS.MGET give what boxed values give`(seed: UInt64, version: ProtocolVersion) throws {
        let store = try Self.store(seed, Self.types)
        var random = SeededRandom(seed: seed &* 31)
        for view in store.catalog.views {
            let isPair = view.definition.keys.count == 2
            let users = (0..<random.int(1...10)).map { _ in Int64(random.int(-1...9)) }
            let entities = users.map { user -> (text: String, keys: [Value]) in
                guard isPair else {
                    return (user >= 0 && random.oneIn(2) ? "00\(user)" : "user_id=\(user)", [Value.int64(user)])
                }
                let keys: [Value] = [.string(random.pick(["JFK", "LAX", "x y,z=", "SFO"])), .int64(user)]
                return (EntityText.text(keys, keys: view.definition.keys), keys)
            }
            var names = view.definition.features.map(\.name)
            var words: [String] = []
            if random.oneIn(2) {
                names = Array(names.shuffled(using: &random).prefix(random.int(1...names.count)))
                words = ["FEATURES", "\(names.count)"] + names
            }
            let cells = try entities.map { entity in
                try names.map { try Self.cell(store, view.name, entity.keys, $0) }
            }
            for hasMeta in [false, true] {
                let meta = hasMeta ? ["META"] : []
                let got = store.ask(["FS.GET", view.name, entities[0].text] + words + meta, version)
                let rules = ServiceRules(view.definition).fingerprint
                #expect(got == Self.map(names, cells[0], hasMeta: hasMeta, rules: rules, store, version))
                let rows = store.ask(
                    ["FS.MGET", view.name, "\(entities.count)"] + entities.map(\.text) + meta + words,
                    version
                )
                if hasMeta {
                    let all = Self.expected(
                        names,
                        cells,
                        format: "rows",
                        hasMeta: true,
                        schema: "",
                        rules: rules,
                        store,
                        version
                    )
                    #expect(rows == all)
                } else {
                    var writer = ReplyWriter(version: version)
                    writer.array(cells.count)
                    for row in cells {
                        writer.array(row.count)
                        for cell in row { writer.value(cell.value) }
                    }
                    #expect(rows == Array(writer.buffer.readableBytesView))
                }
            }
        }
    }

    static func map(
        _ names: [String],
        _ cells: [Cell],
        hasMeta: Bool,
        rules: String,
        _ store: ServedStore,
        _ version: ProtocolVersion
    ) -> [UInt8] {
        var writer = ReplyWriter(version: version)
        if hasMeta {
            writer.map(6)
            writer.bulk("values")
        }
        writer.map(names.count)
        for (name, cell) in zip(names, cells) {
            writer.bulk(name)
            writer.value(cell.value)
        }
        if hasMeta {
            writer.bulk("status")
            writer.map(names.count)
            for (name, cell) in zip(names, cells) {
                writer.bulk(name)
                writer.bulk(cell.status.rawValue)
            }
            writer.bulk("event_time")
            if let time = cells[0].eventTime { writer.integer(time) } else { writer.null() }
            writer.bulk("position")
            writer.integer(store.position)
            writer.bulk("rules")
            writer.bulk(rules)
            writer.bulk("at")
            writer.integer(store.now)
        }
        return Array(writer.buffer.readableBytesView)
    }

    @Test(
        arguments: 1...8 as ClosedRange<UInt64>,
        [nil, ["users"], ["weather"], []] as [Set<String>?]
    )
    func `FS.SERVE gives what boxed values give, in every format and by each version's rules, resident or not`(
        seed: UInt64,
        resident: Set<String>?
    ) throws {
        let isNumeric = seed % 2 == 0
        let store = try Self.store(seed, isNumeric ? Self.numeric : Self.types, resident: resident)
        var random = SeededRandom(seed: seed &* 17)
        let names = store.catalog.services.flatMap { [$0.name, "\($0.name)@2"] }
        for name in names {
            let service = try store.catalog.service(named: Array(name.utf8).span)
            let keys = service.keys.map(\.name).shuffled(using: &random)
            let requests: [[String: Value]] = (0..<random.int(0...7)).map { _ in
                [
                    "user_id": .int64(Int64(random.int(-1...9))),
                    "origin": .string(random.pick(["JFK", "LAX", "x y,z=", "SFO", ""])),
                    "dest": .string(random.pick(["JFK", "LAX"])),
                ]
            }
            let cells = try requests.map { request in
                try service.definition.columns.compactMap(\.feature).map { column in
                    let keys = column.keys.compactMap { request[$0.from] }
                    return try Self.cell(
                        store,
                        column.view,
                        keys,
                        column.feature,
                        rules: service.rules[column.prefix]
                    )
                }
            }
            let isPackable = service.packedRefusal == nil
            for format in ["rows", "columns"] + (isPackable ? ["packed32", "packed64"] : []) {
                for (hasMeta, version) in [
                    (false, ProtocolVersion.resp2), (true, .resp2), (false, .resp3), (true, .resp3),
                ] {
                    var words =
                        ["FS.SERVE", name, "KEYS", "\(keys.count)"] + keys + ["ROWS", "\(requests.count)"]
                    words += requests.flatMap { request in keys.map { request[$0]?.text ?? "" } }
                    words += ["FORMAT", format, "LOSSY"] + (hasMeta ? ["META"] : [])
                    store.fetching.log.withLock { $0 = [] }
                    let got = store.ask(words, version)
                    let expected = Self.expected(
                        service.columns.map(\.name),
                        cells,
                        format: format,
                        hasMeta: hasMeta,
                        schema: service.fingerprint,
                        rules: service.rules.fingerprint,
                        store,
                        version
                    )
                    #expect(got == expected, "\(name) \(format) \(hasMeta) \(version)")
                    let fetched = store.fetching.log.withLock { $0.map(\.view) }
                    #expect(Set(fetched).count == fetched.count, "one query a view")
                    let inPieces = store.ask(words.map { Array($0.utf8) }, version, reads: store.piecewise)
                    #expect(inPieces == expected, "\(name) \(format) \(hasMeta) \(version), in pieces")
                }
            }
        }
    }
}
