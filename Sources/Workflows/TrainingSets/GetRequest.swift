package import TrainingSets

/// Features of single entities that are wanted.
package struct GetRequest: Sendable {
    /// As ``Registry/plan(naming:_:)`` takes them.
    package var features: String
    /// As ``EntityText`` reads them; none for a global view.
    package var entities: [String]
    package var moment: EntityLookup.Moment
    /// The ledger position of the state to read; `nil` = the newest.
    package var position: Int64?

    package init(
        features: String,
        entities: [String],
        moment: EntityLookup.Moment = .latest,
        position: Int64? = nil
    ) {
        self.features = features
        self.entities = entities
        self.moment = moment
        self.position = position
    }
}
