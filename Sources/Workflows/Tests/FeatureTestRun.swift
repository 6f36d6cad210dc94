import Columnar
package import Features
import Foundation
import Materializing
import PointInTime
import Postgres
import Store
import TrainingSets

/// Carries a test out in a store of its own, which has the definitions and nothing else.
package struct FeatureTestRun {
    private let store: OpenStore
    /// For files that are made on the way; the caller removes it.
    private let folder: String

    package init(_ store: OpenStore, folder: String) {
        self.store = store
        self.folder = folder
    }

    /// - Parameter files: the folder that paths of the test are relative to.
    /// - Returns: how the answer differs from what was expected, a line each; empty = it does not.
    /// - Throws: what keeps the test from being carried out; the text names the step.
    package func run(_ test: FeatureTest, files: String) throws -> [String] {
        if let sql = test.sql { try step("sql") { _ = try store.session.execute(sql) } }
        for given in test.given { try step("given \(given.view)") { try ingest(given, files: files) } }
        var answer = Answer(rows: [])
        for (index, item) in test.steps.enumerated() {
            try step("step \(index + 1)") { answer = try self.answer(to: item) ?? answer }
        }
        return answer.differences(from: test.then)
    }

    private func step(_ name: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as WorkflowError where store.control.isOver {
            throw error
        } catch { throw WorkflowError.refused("\(name): \(error)") }
    }

    private func ingest(_ given: FeatureTest.Given, files: String) throws {
        var rules = TableRules(view: given.view)
        let file: String
        switch given.content {
        case .file(let path): file = path.hasPrefix("/") ? path : "\(files)/\(path)"
        case .rows(let rows):
            guard !rows.isEmpty else { return }
            file = try write(rows, absent: ["deleted": "false"])
            let names = Set(rows.flatMap { $0.cells.map(\.name) })
            if names.contains("event_time") { rules.eventTime = "event_time" }
            if names.contains("known_at") { rules.knownAt = "known_at" }
            if names.contains("deleted") { rules.deleted = "deleted" }
        }
        var request = IngestRequest(file: file, content: .table(rules))
        // A test says what it is about; the rest is null.
        request.missing = .null
        request.options.refusesFuture = false
        request.options.newPartitionsMax = .max
        do { _ = try IngestWorkflow(store: store).run(request) } catch {
            guard case .rows = given.content else { throw error }
            // The file that the rows were put into is nobody's.
            throw WorkflowError.refused("\(error)".replacing(file, with: "the rows"))
        }
    }

    /// Rows as CSV, in which an unquoted empty field is null.
    ///
    /// - Parameter absent: what stands for columns that a row does not name; else null.
    /// - Returns: the file's path.
    private func write(_ rows: [FeatureTest.Row], absent: [String: String] = [:]) throws -> String {
        var names: [String] = []
        for row in rows { for cell in row.cells where !names.contains(cell.name) { names.append(cell.name) } }
        func quoted(_ text: String) -> String { "\"\(text.replacing("\"", with: "\"\""))\"" }
        var text = names.map(quoted).joined(separator: ",") + "\n"
        for row in rows {
            let cells = names.map { name in
                switch row[name] {
                case .text(let text): quoted(text)
                case .null: ""
                case nil: absent[name] ?? ""
                }
            }
            text += cells.joined(separator: ",") + "\n"
        }
        let file = "\(folder)/\(UUID().uuidString).csv"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// - Returns: `nil` for a step that gives no rows.
    private func answer(to step: FeatureTest.Step) throws -> Answer? {
        switch step {
        case .materialize(let view, let from, let to):
            var options = MaterializationOptions()
            options.from = from
            options.to = to
            options.newPartitionsMax = .max
            _ = try store.materialize(MaterializeRequest(views: [view], options: options)) { _ in }
            return nil
        case .get(let features, let time, let rows):
            let entities = rows.map { row in
                row.cells.map { name, cell in
                    guard case .text(let text) = cell else { return "\(name)=" }
                    return "\(name)=\(EntityText.escaped(text))"
                }.joined(separator: ",")
            }
            var answer = Answer(rows: [])
            let request = GetRequest(
                features: features,
                entities: entities == [""] ? [] : entities,
                moment: time.map { .at($0) } ?? .latest
            )
            try store.features(request) { entity in
                var row = Answer.Row()
                for (key, value) in zip(entity.keys, entity.entity) {
                    row[key.name] = (value, key.type.featureType, nil)
                }
                for cell in entity.cells {
                    row[cell.column.outputName] = (cell.value, cell.column.type, cell.status)
                }
                answer.rows.append(row)
            }
            return answer
        case .export(let features, let labelTime, let knownAtLabel, let rows):
            return try export(features, labelTime, knownAtLabel: knownAtLabel, rows)
        }
    }

    private func export(
        _ features: String,
        _ labelTime: String,
        knownAtLabel: Bool,
        _ rows: [FeatureTest.Row]
    ) throws -> Answer {
        let spine = try write(rows)
        let path = "\(folder)/\(UUID().uuidString).parquet"
        var request = ExportRequest(
            spine: .file(spine, format: .csv, InputOptions()),
            labelTime: labelTime,
            features: features,
            target: try ExportTarget(path, format: .parquet, spine: spine)
        )
        request.knownAtLabel = knownAtLabel
        _ = try store.export(request)
        let reader = try TableReader(path: path, format: .parquet)
        try reader.select(try reader.inferTypes())
        var answer = Answer(rows: [])
        while let batch = try reader.next() {
            for row in 0..<batch.rowCount {
                var values = Answer.Row()
                for (name, column) in zip(batch.names, batch.columns) {
                    values[name] = (column.value(row), column.type, nil)
                }
                answer.rows.append(values)
            }
        }
        return answer
    }
}

/// The rows that the last step of a test gave.
private struct Answer {
    typealias Row = [String: (value: Value, type: FeatureType, status: ValueStatus?)]

    var rows: [Row]

    /// A double that was written down is not the one that was computed: they may differ by this share.
    private static let tolerance = 1e-9

    func differences(from expected: [FeatureTest.Row]) -> [String] {
        var lines: [String] = []
        if rows.count != expected.count {
            lines.append("expected \(CountText.count(expected.count, "row")), got \(CountText.grouped(rows.count))")
        }
        for (index, (row, wanted)) in zip(rows, expected).enumerated() {
            for (name, cell) in wanted.cells {
                guard let found = row[name] else {
                    let hint = Name.hint(for: name, among: row.keys.sorted())
                    lines.append("\(wanted.place): row \(index + 1) has no column '\(name)'\(hint)")
                    continue
                }
                guard let reason = Self.difference(found.value, found.type, cell) else { continue }
                let status = found.status.map { $0 == .present || $0 == .null ? "" : " (\($0.rawValue))" } ?? ""
                lines.append("\(wanted.place): row \(index + 1), column '\(name)': \(reason)\(status)")
            }
        }
        return lines
    }

    /// `nil` where the value is as expected.
    private static func difference(_ value: Value, _ type: FeatureType, _ cell: FeatureTest.Cell) -> String? {
        guard case .text(let text) = cell else { return value == .null ? nil : "expected null, got \(value.text)" }
        let wanted: Value
        do throws(ValueTextError) {
            wanted = try TextColumn.column(Array(text.utf8).span, as: type, times: TimeReading(unit: .us)).value(0)
        } catch {
            return "expected '\(text)', which is no \(type.text): \(error.reason)"
        }
        return isEqual(value, wanted) ? nil : "expected \(text), got \(value == .null ? "null" : value.text)"
    }

    private static func isEqual(_ value: Value, _ wanted: Value) -> Bool {
        switch (value, wanted) {
        case (.float64(let left), .float64(let right)): isClose(left, right, tolerance)
        case (.float32(let left), .float32(let right)): isClose(Double(left), Double(right), Double(Float.ulpOfOne))
        default: value == wanted
        }
    }

    private static func isClose(_ left: Double, _ right: Double, _ share: Double) -> Bool {
        left == right || left.isNaN && right.isNaN || abs(left - right) <= share * max(abs(left), abs(right))
    }
}
