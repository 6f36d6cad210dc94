package import Features
package import PointInTime

/// The derived columns of one version of a service, ready to be evaluated: the same code for exports, requests and scores.
package struct DerivedColumns: Sendable {
    /// What a name in an expression stands for.
    private enum Input: Sendable, Hashable {
        case labelTime
        /// A request field or a key.
        case request(String)
        /// The place among ``ServiceDefinition/lookups``.
        case lookup(Int)
        /// The place among the derived columns.
        case derived(Int)
    }

    private struct Derived: Sendable {
        let name: String
        let expression: Expression
        /// For each name of the expression's scope.
        let scope: [Input]
    }

    private let derived: [Derived]
    /// Whether ``evaluate(rowCount:labelTimes:request:lookup:)`` asks for label times.
    package let usesLabelTime: Bool
    /// The request fields and keys that expressions use, each once.
    package let requestNames: [String]
    /// The places among ``ServiceDefinition/lookups`` that expressions use, each once.
    package let lookupPlaces: [Int]

    /// - Parameters:
    ///   - columns: of the service, in order; what is not derived is passed over.
    ///   - inputs: see ``ServiceDefinition/inputs``.
    ///   - keys: what requests give for the keys of all of the service's views.
    /// - Throws: what this binary does not understand of expressions that were understood when they were applied.
    package init(
        _ columns: [ServiceColumn],
        inputs: [FeatureColumn],
        keys: [KeyColumn]
    ) throws(DerivedColumnError) {
        let lookups = columns.compactMap(\.feature) + inputs
        let fields = columns.compactMap(\.requestField).map { ScopedName(name: $0.name, type: $0.type) }
        let fieldNames = Set(fields.map(\.name))
        let keys = keys.filter { !fieldNames.contains($0.name) }
        var names =
            [ScopedName(name: ServiceDefinition.labelTimeName, type: .timestamp)] + fields
            + keys.map { ScopedName(name: $0.name, type: $0.type.featureType) }
            + lookups.map { ScopedName(name: $0.scopedName, type: $0.type) }
        var scope: [Input] =
            [.labelTime] + (fields.map(\.name) + keys.map(\.name)).map(Input.request)
            + lookups.indices.map(Input.lookup)
        var derived: [Derived] = []
        for column in columns.compactMap(\.derived) {
            let expression: Expression
            do throws(ExpressionError) {
                expression = try Expression(column.expression, scope: ExpressionScope(names))
            } catch {
                throw DerivedColumnError(column: column.name, reason: error.message)
            }
            guard expression.type == column.type else {
                throw DerivedColumnError(
                    column: column.name,
                    reason: "it was \(column.type.text) when it was applied, and is \(expression.type.text) here"
                )
            }
            names.append(ScopedName(name: column.name, type: column.type))
            derived.append(Derived(name: column.name, expression: expression, scope: scope))
            scope.append(.derived(derived.count - 1))
        }
        self.derived = derived
        let used = derived.flatMap { column in column.expression.inputs.map { column.scope[$0] } }
        usesLabelTime = used.contains(.labelTime)
        var requestNames: [String] = []
        for case .request(let name) in used where !requestNames.contains(name) { requestNames.append(name) }
        self.requestNames = requestNames
        var lookupPlaces: [Int] = []
        for case .lookup(let place) in used where !lookupPlaces.contains(place) { lookupPlaces.append(place) }
        self.lookupPlaces = lookupPlaces
    }

    package var isEmpty: Bool { derived.isEmpty }

    /// One column each, in order.
    package struct Values: Sendable {
        package var columns: [Column]
        /// For each column the rows that are null since PostgreSQL would raise an error there.
        package var errorCounts: [Int]
    }

    /// - Parameters:
    ///   - labelTimes: the label times, or the time of the request in each row; µs.
    ///   - request: *n* values of a request field or key, of its declared type.
    ///   - lookup: *n* values of what ``ServiceDefinition/lookups`` has at a place.
    /// - Complexity: O(*n* × nodes), each node column by column, and a copy of the result.
    package func evaluate(
        rowCount: Int,
        labelTimes: Column,
        request: (String) -> Column,
        lookup: (Int) -> Column
    ) -> Values {
        var values = Values(columns: [], errorCounts: [])
        for column in derived {
            let columns = values.columns
            let evaluated = column.expression.evaluate(
                { place in
                    switch column.scope[place] {
                    case .labelTime: labelTimes
                    case .request(let name): request(name)
                    case .lookup(let place): lookup(place)
                    case .derived(let place): columns[place]
                    }
                },
                rowCount: rowCount
            )
            values.columns.append(evaluated.column)
            values.errorCounts.append(evaluated.errorCount)
        }
        return values
    }
}

/// A derived column that this binary cannot compute.
package struct DerivedColumnError: Error, Hashable, Sendable, CustomStringConvertible {
    package let column: String
    package let reason: String

    package var description: String { "the derived column '\(column)': \(reason)" }
}
