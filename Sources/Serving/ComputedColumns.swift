package import Expressions
package import Features
package import Online
import Store

/// The columns of a version of a service that are not as views have them: what a request gives, then what is computed, then
/// features that are shown in the narrower type that they had when the version was made.
package struct ComputedColumns: Sendable {
    /// Something of a view's row that expressions may use.
    package struct Lookup: Sendable {
        /// In ``ServicePlan/roles``.
        package let role: Int
        /// The value's place in ``RowLayout/columns`` of the role's view; `nil` = the row's event time.
        package let source: Int?
        /// That the version has.
        package let type: FeatureType
        /// That the view has by now, if it is a wider one.
        package let stored: FeatureType
        /// In replies.
        package let name: String

        package var isNarrowed: Bool { type != stored }
    }

    /// In the service's order.
    package let fields: [RequestField]
    package let derived: DerivedColumns
    /// What ``derived`` looks up, by place.
    package let lookups: [Lookup]
    /// Places in ``lookups`` of features that are put out in another type than is stored.
    package let narrowed: [Int]
    /// How a row of the values lies in memory: those of ``fields``, then the derived ones, then ``narrowed``.
    package let layout: RowLayout
    /// The type of each name of a request that expressions use.
    package let requestTypes: [String: FeatureType]

    /// About how many operations the derived columns of a row take.
    package let cost: Int

    /// The key of ``layout`` is a row's number.
    private static let key = KeyColumn(name: "_row", type: .int64)

    /// Whether the service has features only, all in the types that are stored.
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
        let narrowed = service.columns.compactMap(\.feature).indices.filter { lookups[$0].isNarrowed }
        self.narrowed = narrowed
        cost = columns.reduce(narrowed.count) { $0 + $1.expression.utf8.count / 4 + 1 }
        layout = RowLayout(
            keys: [Self.key],
            features: fields.map { FeatureDefinition(name: $0.outputName, type: $0.type) }
                + columns.map { FeatureDefinition(name: $0.outputName, type: $0.type) }
                + narrowed.map { FeatureDefinition(name: lookups[$0].name, type: lookups[$0].type) }
        )
        var types = Dictionary(keys.map { ($0.name, $0.type.featureType) }) { first, _ in first }
        for field in fields { types[field.name] = field.type }
        requestTypes = types
    }
}
