package import Expressions
package import Features
package import Online
import Store

/// The columns of a version of a service that are no features: what a request gives, then what is computed.
package struct ComputedColumns: Sendable {
    /// Something of a view's row that expressions may use.
    package struct Lookup: Sendable {
        /// In ``ServicePlan/roles``.
        package let role: Int
        /// The value's place in ``RowLayout/columns`` of the role's view; `nil` = the row's event time.
        package let source: Int?
        package let type: FeatureType
    }

    /// In the service's order.
    package let fields: [RequestField]
    package let derived: DerivedColumns
    /// What ``derived`` looks up, by place.
    package let lookups: [Lookup]
    /// How a row of the values lies in memory: those of ``fields``, then the derived ones.
    package let layout: RowLayout
    /// The type of each name of a request that expressions use.
    package let requestTypes: [String: FeatureType]

    /// About how many operations the derived columns of a row take.
    package let cost: Int

    /// The key of ``layout`` is a row's number.
    private static let key = KeyColumn(name: "_row", type: .int64)

    /// Whether the service has features only.
    package var isEmpty: Bool { layout.columns.isEmpty }

    init(_ service: ServiceDefinition, lookups: [Lookup], keys: [KeyColumn]) throws(StoreError) {
        fields = service.requestFields
        let columns = service.derived
        do throws(DerivedColumnError) {
            derived = try DerivedColumns(service.columns, inputs: service.inputs, keys: keys)
        } catch {
            throw .newerDefinitions("service '\(service.name)': \(error)")
        }
        self.lookups = lookups
        // A name, a number or an operator has some four characters.
        cost = columns.reduce(0) { $0 + $1.expression.utf8.count / 4 + 1 }
        layout = RowLayout(
            keys: [Self.key],
            features: fields.map { FeatureDefinition(name: $0.outputName, type: $0.type) }
                + columns.map { FeatureDefinition(name: $0.outputName, type: $0.type) }
        )
        var types = Dictionary(keys.map { ($0.name, $0.type.featureType) }) { first, _ in first }
        for field in fields { types[field.name] = field.type }
        requestTypes = types
    }
}
