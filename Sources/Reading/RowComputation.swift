import Expressions
import Features
import Online
package import PointInTime
package import Serving

/// What a request of a service gives and has computed beside what it looks up: one more role of its rows.
package struct RowComputation: Sendable {
    let columns: ComputedColumns
    /// One a view's role.
    private let layouts: [RowLayout]
    /// One for each of ``ComputedColumns/fields``, with a value a row.
    private let fields: [Column]
    /// Of the keys that expressions use.
    private let keys: [String: Column]
    /// Given by the request instead of looked up, by place among ``ComputedColumns/lookups``.
    private let overrides: [Int: Column]

    /// - Parameters:
    ///   - fields: one for each of ``ComputedColumns/fields``, a value a row.
    ///   - keys: of all names in ``DerivedColumns/requestNames`` that are no fields, a value a row.
    ///   - overrides: values that the request gives instead of stored ones, by place among ``ComputedColumns/lookups``.
    package init(
        _ columns: ComputedColumns,
        of service: ServicePlan,
        fields: [Column],
        keys: [String: Column],
        overrides: [Int: Column] = [:]
    ) {
        self.columns = columns
        self.fields = fields
        self.keys = keys
        self.overrides = overrides
        layouts = service.roles.map(\.view.layout)
    }

    /// What the request gives instead of what is looked up at a place.
    func given(_ lookup: Int) -> Column? { overrides[lookup] }

    var byteCount: Int {
        (fields + Array(keys.values) + Array(overrides.values)).reduce(0) { $0 + $1.byteCount }
    }

    /// Computes the last role of some rows whose other roles are decided.
    ///
    /// - Parameters:
    ///   - range: which of the request's rows these are.
    ///   - errors: gets how many derived values are null since PostgreSQL would raise an error.
    /// - Returns: what holds the values; to be kept as long as the rows.
    func fill(_ rows: borrowing FoundRows, _ range: Range<Int>, errors: (Int) -> Void) -> PackedColumns {
        let count = range.count
        var looked: [Int: Column] = [:]
        // Values are taken before the closures, which cannot capture the rows.
        for place in columns.derived.lookupPlaces {
            let lookup = columns.lookups[place]
            if let given = overrides[place] {
                looked[place] = given.slice(range)
            } else if let source = lookup.source {
                looked[place] = rows.column(role: lookup.role, layouts[lookup.role], source)
            } else {
                looked[place] = rows.eventTimes(role: lookup.role)
            }
        }
        let times = Column(type: .timestamp, values: .int64(Array(repeating: rows.time, count: count)))
        let given = fields.map { $0.slice(range) }
        let names = columns.fields.map(\.name)
        let values = columns.derived.evaluate(
            rowCount: count,
            labelTimes: times,
            request: { name in
                if let place = names.firstIndex(of: name) { return given[place] }
                return keys[name]?.slice(range) ?? times
            },
            lookup: { looked[$0] ?? times }
        )
        for count in values.errorCounts where count > 0 { errors(count) }
        let packed = PackedColumns(
            given + values.columns,
            layout: columns.layout,
            rowCount: count,
            eventTime: rows.time
        )
        let role = rows.roleCount - 1
        for row in 0..<count { rows.show(row, role: role, packed.row(row)) }
        return packed
    }
}
