package import Features
package import Store
package import TrainingSets

/// One entity's features.
package struct EntityFeatures: Sendable {
    package let plan: FeaturePlan
    package let keys: [KeyColumn]
    /// One value for each of ``keys``.
    package let entity: [Value]
    /// One row for each role of the plan.
    package let rows: [EntityRow]
    /// One value for each of the plan's request fields.
    package let fields: [Value]
    /// One value for each derived column of the plan.
    package let derived: [Value]

    /// For each column of the plan, its value and what became of it; the row is of a feature's view.
    package var cells: [(column: ServiceColumn, row: EntityRow?, value: Value, status: ValueStatus)] {
        let names = plan.requestFields.map(\.name)
        return zip(plan.columns, plan.sources).map { column, source in
            switch source {
            case .lookup(.feature(let role, let feature)):
                (column, rows[role], rows[role].values[feature], rows[role].statuses[feature])
            case .lookup(.eventTime(let role)):
                cell(column, rows[role].validEventTime)
            case .request(let field):
                cell(column, names.firstIndex(of: field.name).map { fields[$0] } ?? .null)
            case .derived(let place): cell(column, derived[place])
            }
        }
    }

    private func cell(
        _ column: ServiceColumn,
        _ value: Value
    ) -> (column: ServiceColumn, row: EntityRow?, value: Value, status: ValueStatus) {
        (column, nil, value, value == .null ? .null : .present)
    }
}

extension EntityRow {
    /// As expressions use it: null where no row is valid.
    var validEventTime: Value {
        guard isValid, let eventTime else { return .null }
        return .timestamp(eventTime)
    }
}
