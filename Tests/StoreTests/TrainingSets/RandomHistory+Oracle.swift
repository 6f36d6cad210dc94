import Features
import PointInTime
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

extension RandomHistory {
    /// Compares a whole export, with witnesses and counts.
    /// - Parameters:
    ///   - features: what is exported.
    ///   - expected: of each view, the rules by which the oracle answers; `nil` = those that the views have.
    @discardableResult
    func expectOracle(
        _ spine: ColumnBatch,
        _ state: LedgerState,
        isKnownAtLabel: Bool,
        features: String = "model",
        rules expected: [String: ViewRules]? = nil,
        positionColumn: String? = nil,
        sessions: [Session]? = nil,
        engine: EngineRequest = EngineRequest(.probe),
        blockRows: Int = .max
    ) throws -> TestStore.Exported {
        let exported = try store.export(
            features,
            spine: spine,
            labelTime: "t",
            positionColumn: positionColumn,
            state: state,
            options: JoinOptions(knownAtLabel: isKnownAtLabel, witness: true),
            sessions: sessions,
            engine: engine,
            blockRows: blockRows
        )
        let made = exported.batch
        #expect(made.rowCount == spine.rowCount)
        for (index, column) in spine.columns.enumerated() {
            #expect(made.columns[index].boxed.map(\.identity) == column.boxed.map(\.identity))
        }
        let plan = exported.join.spec.plan
        let labels = try #require(spine["t"])
        for (index, role) in plan.roles.enumerated() {
            var definition = role.view.definition
            if let expected { definition.rules = try #require(expected[definition.name]) }
            let keys = try role.keyColumns.map { try #require(spine[$0]) }
            var rules = Oracle.Rules(definition, position: state.position, isKnownAtLabel: isKnownAtLabel)
            var counts = JoinCounts()
            for row in 0..<spine.rowCount {
                // Before the first position there is no row; so a null finds nothing.
                if let own = positionColumn.flatMap({ spine[$0] }) {
                    rules.position = own.isNull(row) ? 0 : own.int64Values[row]
                }
                let answer = oracle.look(
                    up: keys.map { $0.value(row) },
                    at: labels.value(row),
                    in: definition,
                    rules
                )
                counts.add(answer.outcome)
                var values: [String: Value] = [:]
                for column in plan.columns.compactMap(\.feature) where column.prefix == role.prefix {
                    let place = try #require(definition.features.firstIndex { $0.name == column.feature })
                    values[column.outputName] = answer.features[place]
                }
                values["\(role.prefix)__event_time"] =
                    answer.eventTime.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null
                values["\(role.prefix)__position"] = answer.position.map { .int64($0) } ?? .null
                for (name, value) in values {
                    let got = try #require(made[name]).value(row)
                    if got.identity == value.identity { continue }
                    Issue.record(
                        """
                        position \(state.position), known at label \(isKnownAtLabel), row \(row), \(name): got \(got.json), \
                        the oracle says \(value.json); keys \(keys.map { $0.value(row) }), label \(labels.value(row).text)
                        """
                    )
                    return exported
                }
            }
            #expect(exported.counts[index] == counts, "role \(role.prefix), position \(state.position)")
        }
        return exported
    }
}
