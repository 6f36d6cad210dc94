package import Features
package import PointInTime

/// A case of `asof_*.json` (``Cases``): a backward as-of join with its expected result, from another system.
package struct ConformanceCase: Sendable, CustomStringConvertible {
    /// A cell as JSON has it.
    package enum Cell: Decodable, Sendable, Hashable {
        case null
        case int(Int64)
        case number(Double)
        case text(String)

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Int64.self) {
                self = .int(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        /// Of times: `infinity` and `-infinity`, which other systems have.
        package var isInfinite: Bool { self == .text("infinity") || self == .text("-infinity") }
    }

    package struct Column: Decodable, Sendable {
        package let name: String
        package let type: String
    }

    package struct Spine: Decodable, Sendable {
        package let time: String
        package let columns: [Column]
        package var rows: [[Cell]]
    }

    package struct View: Decodable, Sendable {
        package let name: String
        package let time: String
        package let columns: [Column]
        package var rows: [[Cell]]
        /// Pairs of a spine column and a column of the view.
        package let keys: [[String]]
        package let features: [String]
        package let ttl: Int64?
        package let availability_delay: Int64?

        func place(_ column: String) -> Int { columns.firstIndex { $0.name == column } ?? 0 }
    }

    struct Parameters: Decodable { let direction, null_keys: String, allow_exact: Bool, known_at: String? }
    struct Expected: Decodable { let columns: [[String: String]], rows: [[Cell]] }
    struct Raw: Decodable { let id: String, params: Parameters, spine: Spine, views: [View], expected: Expected }

    package let id: String
    package let isStrict: Bool
    package let spine: Spine
    package let views: [View]
    /// Output names, and for each spine row the values.
    package let expectedColumns: [String]
    package let expectedRows: [[Cell]]
    /// History rows with an infinite event time or a null in time or key: Asof refuses them.
    package let refusedRows: [(view: View, row: [Cell])]
    private let scale: TimeScale

    package var description: String { id }

    package static let all: [ConformanceCase] = Cases.read("asof_", Raw.self, name: \.id).map(ConformanceCase.init)

    /// Drops what Asof refuses, and what the result owes to it.
    init(_ raw: Raw) {
        precondition(raw.params.direction == "backward" && raw.params.known_at == nil, "\(raw.id): not understood")
        id = raw.id
        isStrict = !raw.params.allow_exact
        scale = TimeScale(raw)
        var refused: [(view: View, row: [Cell])] = []
        var views = raw.views
        for index in views.indices {
            let view = views[index]
            let needed = view.keys.map { view.place($0[1]) } + [view.place(view.time)]
            let isRefused = { (row: [Cell]) in
                needed.contains { row[$0] == .null }
                    || row[view.place(view.time)].isInfinite
                        && view.columns[view.place(view.time)].type != "text"
            }
            refused += view.rows.filter(isRefused).map { (view, $0) }
            views[index].rows.removeAll(where: isRefused)
        }
        let spineTime = raw.spine.columns.firstIndex { $0.name == raw.spine.time } ?? 0
        let kept = raw.spine.rows.indices.filter {
            !raw.spine.rows[$0][spineTime].isInfinite || raw.spine.columns[spineTime].type == "text"
        }
        var spine = raw.spine
        spine.rows = kept.map { raw.spine.rows[$0] }
        self.views = views
        self.spine = spine
        refusedRows = refused
        expectedColumns = raw.expected.columns.map { "\($0["view"] ?? "")__\($0["feature"] ?? "")" }
        let columns = raw.expected.columns
        expectedRows = kept.map { row in
            raw.expected.rows[row].enumerated().map { index, cell in
                // A row at -infinity precedes every other: without it nothing matches.
                let comesFromRefused = refused.contains { view, row in
                    view.name == columns[index]["view"]
                        && row[view.place(view.time)] == .text("-infinity")
                        && row[view.place(columns[index]["feature"] ?? "")] == cell
                }
                let isNullKeyMatch =
                    raw.params.null_keys == "match_null"
                    && raw.views[0].keys.contains { pair in
                        raw.spine.rows[row][raw.spine.columns.firstIndex { $0.name == pair[0] } ?? 0] == .null
                    }
                return comesFromRefused || isNullKeyMatch ? .null : cell
            }
        }
    }
}

extension ConformanceCase {
    /// Definitions of the views and of a service `asked` with the expected columns.
    package var yaml: String {
        var entities: [String] = []
        var definitions: [String] = []
        for view in views {
            var names: [String] = []
            for pair in view.keys {
                let type = view.columns[view.place(pair[1])].type
                let name = "\(view.name)_\(pair[1])"
                entities.append("  \(name): { key: \(pair[1]), type: \(type.hasPrefix("int") ? "int64" : "string") }")
                names.append(name)
            }
            let features = view.features.map { "\($0): \(Self.type(view.columns[view.place($0)].type).text)" }
            let rules =
                (view.ttl.map { "ttl: \($0)us, " } ?? "")
                + (view.availability_delay.map { "delay: \($0)us, " } ?? "")
            definitions.append(
                """
                  \(view.name): { entities: [\(names.joined(separator: ", "))], strict: \(isStrict), partition: year, \
                \(rules)features: { \(features.joined(separator: ", ")) } }
                """
            )
        }
        let columns = expectedColumns.map { "    - \($0.replacing("__", with: "."))" }
        return (entities.isEmpty ? [] : ["entities:"] + entities).joined(separator: "\n")
            + "\nviews:\n\(definitions.joined(separator: "\n"))\nservices:\n  asked:\n\(columns.joined(separator: "\n"))\n"
    }

    package func history(_ view: View) throws -> [HistoryRow] {
        try view.rows.map { try historyRow($0, view) }
    }

    private func historyRow(_ row: [Cell], _ view: View) throws -> HistoryRow {
        HistoryRow(
            try view.keys.map { pair in
                let type = view.columns[view.place(pair[1])].type
                return try Self.value(row[view.place(pair[1])], type.hasPrefix("int") ? .int64 : .string)
            },
            at: scale.microseconds(row[view.place(view.time)]) ?? 0,
            try view.features.map {
                try Self.value(row[view.place($0)], Self.type(view.columns[view.place($0)].type))
            }
        )
    }

    /// The spine with keys and label time in our types.
    package func spineBatch() throws -> ColumnBatch {
        var columns: [PointInTime.Column] = []
        for (index, column) in spine.columns.enumerated() {
            let cells = spine.rows.map { $0[index] }
            if column.name == spine.time {
                columns.append(
                    .init(
                        type: .timestamp,
                        cells.map { scale.microseconds($0).map { .timestamp(Timestamp(microseconds: $0)) } ?? .null }
                    )
                )
                continue
            }
            let isKey = views.contains { $0.keys.contains { $0[0] == column.name } }
            let type: FeatureType =
                isKey ? (column.type.hasPrefix("int") ? .int64 : .string) : Self.type(column.type)
            columns.append(.init(type: type, try cells.map { try Self.value($0, type) }))
        }
        return ColumnBatch(names: spine.columns.map(\.name), columns: columns, rowCount: spine.rows.count)
    }

    package func expected() throws -> [[Value]] {
        try expectedRows.map { row in
            try zip(row, expectedColumns).map { cell, name in
                let parts = name.split(separator: "_", omittingEmptySubsequences: false)
                let view = views.first { name.hasPrefix($0.name + "__") } ?? views[0]
                let feature = String(parts.joined(separator: "_").dropFirst(view.name.count + 2))
                return try Self.value(cell, Self.type(view.columns[view.place(feature)].type))
            }
        }
    }

    static func type(_ text: String) -> FeatureType {
        switch text {
        case "int16", "int32": .int32
        case "text": .string
        case "timestamptz", "date": .timestamp
        default: FeatureType(text: text) ?? .string
        }
    }

    struct UnexpectedCell: Error {
        let cell: Cell
        let type: FeatureType
    }

    private static func value(_ cell: Cell, _ type: FeatureType) throws -> Value {
        switch (type, cell) {
        case (_, .null): return .null
        case (.int32, .int(let value)): return .int32(Int32(value))
        case (.int64, .int(let value)): return .int64(value)
        case (.float64, .int(let value)): return .float64(Double(value))
        case (.float64, .number(let value)): return .float64(value)
        case (.float32, .int(let value)): return .float32(Float(value))
        case (.float32, .number(let value)): return .float32(Float(value))
        case (.string, .text(let value)): return .string(value)
        case (.timestamp, .text(let value)): return .timestamp(try Timestamp(text: value))
        default: throw UnexpectedCell(cell: cell, type: type)
        }
    }
}

/// A case's order column as µs. Times and dates are what they are; integers are µs; where one side is a float, both are
/// in ten-thousandths; texts become their ranks in bytewise order.
private struct TimeScale: Sendable {
    private let hasFloats: Bool
    private let ranks: [String]?

    init(_ raw: ConformanceCase.Raw) {
        var types: [String] = []
        var texts: Set<String> = []
        func add(_ columns: [ConformanceCase.Column], _ rows: [[ConformanceCase.Cell]], _ time: String) {
            guard let place = columns.firstIndex(where: { $0.name == time }) else { return }
            types.append(columns[place].type)
            for row in rows { if case .text(let text) = row[place] { texts.insert(text) } }
        }
        add(raw.spine.columns, raw.spine.rows, raw.spine.time)
        for view in raw.views { add(view.columns, view.rows, view.time) }
        hasFloats = types.contains { $0.hasPrefix("float") }
        ranks =
            types.contains("text")
            ? texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } : nil
    }

    func microseconds(_ cell: ConformanceCase.Cell) -> Int64? {
        switch cell {
        case .null: return nil
        case .int(let value): return hasFloats ? value * 10_000 : value
        case .number(let value): return Int64((value * 10_000).rounded())
        case .text(let text):
            if let ranks { return ranks.firstIndex(of: text).map { Int64($0) } }
            return (try? Timestamp(text: text))?.microseconds
        }
    }
}
