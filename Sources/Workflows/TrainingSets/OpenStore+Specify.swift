import Columnar
import Features
import Store
package import TrainingSets

extension OpenStore {
    /// What an engine beside this one is to join, from segments alone.
    ///
    /// - Throws: ``StoreError/request(_:)`` where the segments do not reach the state; ``WorkflowError/refused(_:)`` where there are none.
    package func specify(
        _ features: String,
        labelTime: String,
        state: LedgerStateChoice,
        segments: SegmentLocation
    ) throws -> JoinSpecification {
        try control.run {
            let (plan, service) = try Registry.load(session).plan(naming: features, session)
            return try JoinSpecification(
                plan,
                features: features,
                service: service.map { .init(name: $0.definition.name, version: $0.version) },
                labelTime: labelTime,
                at: try state.state(Ledger(session)),
                in: try segments.require(self),
                format: ParquetSegments(),
                session
            )
        }
    }
}
