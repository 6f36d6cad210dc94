import Expressions
import Features
import Online
package import PointInTime
package import Serving
import Store
import Wire

/// What a request of a service gives and has computed beside what it looks up: one more role of its rows.
package struct RowComputation: Sendable {
    let columns: ComputedColumns
    /// One a view's role.
    private let layouts: [RowLayout]
    /// One for each of ``ComputedColumns/fields``, with a value a row.
    package let fields: [Column]
    /// Of the keys that expressions use.
    package let keys: [String: Column]
    /// Given by the request instead of looked up, by place among ``ComputedColumns/lookups``.
    package let overrides: [Int: Column]

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

    /// A column of a view in the type that the version of the service has it in. Where it has a value that is none of that, the
    /// rows are refused, and the column is null.
    private func narrowed(
        _ column: Column,
        _ lookup: ComputedColumns.Lookup,
        _ rows: borrowing FoundRows,
        first: Int
    ) -> Column {
        guard lookup.isNarrowed else { return column }
        do throws(TooNarrow) { return try column.narrowed(to: lookup.type) } catch {
            // Whose row it is and what its value is, a client may not be meant to read in an error.
            let text = "row \(first + error.row + 1): \(error.text(of: lookup.name, isPII: true))"
            if rows.refusal?.fault == nil { rows.refusal?.fault = CommandFault(.value, text) }
            return Column(nullsOf: lookup.type, rowCount: column.rowCount)
        }
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
        for place in Set(columns.derived.lookupPlaces + columns.narrowed).sorted() {
            let lookup = columns.lookups[place]
            if let given = overrides[place] {
                looked[place] = given.slice(range)
            } else if let source = lookup.source {
                looked[place] = narrowed(
                    rows.column(role: lookup.role, layouts[lookup.role], source),
                    lookup,
                    rows,
                    first: range.lowerBound
                )
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
            given + values.columns + columns.narrowed.map { looked[$0] ?? times },
            layout: columns.layout,
            rowCount: count,
            eventTime: rows.time
        )
        let role = rows.roleCount - 1
        for row in 0..<count { rows.show(row, role: role, packed.row(row)) }
        return packed
    }
}
