import Features
import Wire
import Workflows

/// What a server says of one service, and what it serves for some rows of keys.
struct FetchedFeatures {
    struct Column {
        let name: String
        let type: FeatureType
    }

    struct Row {
        /// As they were given, in the order of ``FetchedFeatures/given``.
        let keys: [String]
        let values: [Value]
        let statuses: [String]
        let eventTimes: [Timestamp?]
    }

    let service: String
    let version: Int64
    let fingerprint: String
    /// The fingerprint of the version's rules; `nil` where the server is of an older release.
    let rules: String?
    let position: Int64
    /// As of which the values are; `nil` where the server is of an older release.
    let time: Timestamp?
    /// The service's keys, then its request fields that are no keys.
    let given: [Column]
    let columns: [Column]
    private(set) var rows: [Row] = []

    /// Asks a server.
    /// - Parameters:
    ///   - service: `name` or `name@version`.
    ///   - entities: for each row the texts of keys and request fields by name.
    ///   - at: as of when; `nil` = now.
    init(_ service: String, entities: [[String: String]], at time: Timestamp? = nil, _ client: ServerClient) throws {
        let definition = try client.ask(["FS.SERVICE", service])
        self.service = try Self.text(definition, "name")
        version = try Self.integer(definition, "version")
        fingerprint = try Self.text(definition, "schema")
        rules = definition["rules"]?.string
        let keys = try Self.columns(try Self.list(definition, "keys"), "a key")
        // Servers of older releases have no request fields.
        let fields = try Self.columns(definition["request"]?.elements ?? [], "a request field")
        let given = keys + fields.filter { field in !keys.contains { $0.name == field.name } }
        self.given = given
        columns = try Self.columns(try Self.list(definition, "columns"), "a column")
        try Self.check(entities, keys, given, self.service)
        // The version just described, so that names and values belong together.
        var words = ["FS.SERVE", "\(self.service)@\(version)", "KEYS", "\(given.count)"] + given.map(\.name)
        words += ["ROWS", "\(entities.count)"]
        for entity in entities { words += given.map { entity[$0.name] ?? "" } }
        if let time { words += ["AT", "\(time.microseconds)"] }
        let reply = try client.ask(words + ["META"])
        self.time = reply["at"]?.int64.map { Timestamp(microseconds: $0) }
        position = try Self.integer(reply, "position")
        let values = try Self.list(reply, "rows")
        let statuses = try Self.list(reply, "status")
        let times = try Self.list(reply, "event_time")
        for (index, entity) in entities.enumerated() {
            guard index < min(values.count, statuses.count, times.count),
                let row = values[index].elements, row.count == columns.count,
                let status = statuses[index].elements, status.count == columns.count,
                let time = times[index].elements, time.count == columns.count
            else { throw Self.strange("its rows") }
            rows.append(
                Row(
                    keys: given.map { entity[$0.name] ?? "" },
                    values: try zip(row, columns).map { try Self.value($0, $1) },
                    statuses: status.map { $0.string ?? "" },
                    eventTimes: time.map { $0.int64.map { Timestamp(microseconds: $0) } }
                )
            )
        }
    }

    /// What the server would refuse, in the words of this command's arguments.
    private static func check(
        _ entities: [[String: String]],
        _ keys: [Column],
        _ given: [Column],
        _ service: String
    ) throws {
        let expected = given.map { "\($0.name)=…" }.joined(separator: " ")
        for entity in entities {
            for name in entity.keys.sorted() where !given.contains(where: { $0.name == name }) {
                let what = given.count == keys.count ? "key" : "key or request field"
                throw WorkflowError.refused(
                    "service '\(service)' has no \(what) '\(name)'; expected \(expected.isEmpty ? "none" : expected)"
                )
            }
            for (index, column) in given.enumerated() where entity[column.name] == nil {
                let what = index < keys.count ? "key" : "request field"
                throw WorkflowError.refused("the \(what) '\(column.name)' is missing; expected \(expected)")
            }
        }
    }

    private static func columns(_ replies: [Reply], _ what: String) throws -> [Column] {
        try replies.map { column in
            guard let type = FeatureType(text: try Self.text(column, "type")) else {
                throw Self.strange("the type of \(what)")
            }
            return Column(name: try Self.text(column, "name"), type: type)
        }
    }

    private static func value(_ reply: Reply, _ column: Column) throws -> Value {
        switch (column.type, reply) {
        case (_, .null): return .null
        case (.bool, .bool(let value)): return .bool(value)
        case (.int32, .integer(let value)): return .int32(Int32(clamping: value))
        case (.int64, .integer(let value)): return .int64(value)
        case (.timestamp, .integer(let value)): return .timestamp(Timestamp(microseconds: value))
        case (.float32, .double(let value)): return .float32(Float(value))
        case (.float64, .double(let value)): return .float64(value)
        case (.string, .bulk): return .string(reply.string ?? "")
        case (.bytes, .bulk(let bytes)): return .bytes(bytes)
        case (.vector(let dimensions), .bulk(let bytes)) where bytes.count == dimensions * 4:
            return .vector(
                bytes.withUnsafeBytes { bytes in
                    (0..<dimensions).map {
                        Float(
                            bitPattern: UInt32(
                                littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)
                            )
                        )
                    }
                }
            )
        case (.listInt64, .array(let elements)): return .listInt64(elements.compactMap(\.int64))
        case (.listString, .array(let elements)): return .listString(elements.compactMap(\.string))
        default: throw strange("the value of '\(column.name)'")
        }
    }

    private static func text(_ reply: Reply, _ name: String) throws -> String {
        guard let text = reply[name]?.string else { throw strange("'\(name)'") }
        return text
    }

    private static func integer(_ reply: Reply, _ name: String) throws -> Int64 {
        guard let value = reply[name]?.int64 else { throw strange("'\(name)'") }
        return value
    }

    private static func list(_ reply: Reply, _ name: String) throws -> [Reply] {
        guard let list = reply[name]?.elements else { throw strange("'\(name)'") }
        return list
    }

    private static func strange(_ what: String) -> WorkflowError {
        WorkflowError.refused(
            "the server's answer lacks \(what) or has it in another form; is it an Asof server of this version?"
        )
    }
}
