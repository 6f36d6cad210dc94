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

    /// For each column of the plan, its value and what became of it.
    package var cells: [(column: ServiceColumn, row: EntityRow, value: Value, status: ValueStatus)] {
        zip(plan.columns, plan.sources).map { column, source in
            let row = rows[source.role]
            return (column, row, row.values[source.feature], row.statuses[source.feature])
        }
    }
}
