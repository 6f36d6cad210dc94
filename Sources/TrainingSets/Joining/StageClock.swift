import Synchronization

/// Where the time of an export goes, for `--explain`.
package final class StageClock: Sendable {
    package enum Stage: String, CaseIterable, Sendable {
        case spine = "read spine"
        case sort = "sort spine"
        case tail = "read tail"
        case merge
        case gather
        case windows
        case probe = "look up"
        case derive
        case statistics
        case digest
        case write
    }

    private let spent = Mutex<[Stage: Duration]>([:])

    package init() {}

    /// Runs `body` and adds its wall time to a stage.
    package func measure<Result, Failure: Error>(
        _ stage: Stage,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = ContinuousClock.now
        defer {
            let elapsed = start.duration(to: .now)
            spent.withLock { $0[stage, default: .zero] += elapsed }
        }
        return try body()
    }

    /// The stages that took time, in order.
    package var stages: [(stage: Stage, elapsed: Duration)] {
        let spent = spent.withLock { $0 }
        return Stage.allCases.compactMap { stage in spent[stage].map { (stage, $0) } }
    }
}
