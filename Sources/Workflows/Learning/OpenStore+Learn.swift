import Features
import Foundation
package import Models
import PointInTime
import Postgres
import Store

extension OpenStore {
    /// Has a version of a model learn from its labels, from where its learner is.
    ///
    /// Each commit has the position up to which labels were learned and the weights together; whoever ends a run, or its
    /// process, at any moment begins it again, and it ends in the same bits. What was learned is published at points of the
    /// ledger, and at the end of the run.
    /// - Parameter event: gets what happens, on the caller's thread.
    /// - Throws: ``WorkflowError``, `ModelsError` or ``StoreError``; what is committed stays.
    package func learn(_ request: LearnRequest, event: (LearnEvent) -> Void = { _ in }) throws -> LearnResult {
        try control.run {
            let registry = ModelRegistry(session)
            let version = try registry.resolve(request.model)
            let run = try LearnRun(self, version, try registry.learner(version))
            try registry.beginLearner(version, run.record)
            event(.began(version: version, run.record))
            let before = run.record.sums.examples
            var publishes: [Int] = []
            func publish() throws {
                let (number, state) = try run.publish()
                publishes.append(number)
                event(.published(number: number, run.record, position: state.position))
            }
            if try run.isPublishDue() { try publish() }
            let last: Int64 =
                switch request.until {
                case .now: try Ledger(session).head().position
                case .position(let position): try Ledger(session).state(at: position).position
                case .ever: .max
                }
            let waiting = request.until == .ever ? try CommitWait(try sessions(2)[1], control) : nil
            var lastPublish = ContinuousClock.now
            while true {
                try control.check()
                if try run.advance(upTo: last, rows: request.commitRows) {
                    try run.commit()
                    event(.committed(run.record))
                    if try run.isPublishDue() {
                        try publish()
                        lastPublish = .now
                    }
                    continue
                }
                // What was learned behind the last point waits for no other label.
                let isTime = lastPublish.duration(to: .now) >= .microseconds(run.publishEveryUs)
                if waiting == nil || isTime, try run.hasUnpublished() {
                    try publish()
                    lastPublish = .now
                }
                guard let waiting else { break }
                event(.caughtUp(run.record))
                try waiting.wait()
            }
            return LearnResult(
                version: version,
                record: run.record,
                learned: run.record.sums.examples - before,
                publishes: publishes
            )
        }
    }

    /// Learns again, from the ledger's beginning, what was published, and compares.
    ///
    /// - Parameter name: `model@3.1842`.
    /// - Throws: ``WorkflowError``, `ModelsError` or ``StoreError``, where it cannot be checked.
    package func verifyLearned(_ name: String) throws -> (publish: ModelPublish, LearnVerification) {
        try control.run {
            let registry = ModelRegistry(session)
            guard case .target(let target) = ModelReference(name).version, let number = target.publish else {
                throw WorkflowError.usage("'\(name)' names no publish of a model, as in delay@3.1842")
            }
            let version = try registry.version(ModelReference(name).model, target.version)
            guard let publish = try registry.publish(version.model, version.version, number) else {
                throw ModelsError.request("\(version.model)@\(version.version) has no publish \(number)")
            }
            let run = try LearnRun(self, version, nil)
            while try run.advance(upTo: publish.position, rows: WorkflowLimits.learnCommitRows) { try control.check() }
            let found = run.digest
            if found == publish.digest { return (publish, .equal) }
            if let removal = try run.removals().first { return (publish, .historyLost(removal.text)) }
            return (
                publish,
                .different(found: ContentDigest.hex(found), expected: ContentDigest.hex(publish.digest))
            )
        }
    }

    /// What a learner of a model has done; `nil` = the version has none.
    /// - Parameter name: `model`, `model@7` or `model@challenger`.
    package func learner(
        _ name: String,
        publishes limit: Int = 20
    ) throws -> (version: ModelVersion, record: LearnerRecord?, publishes: [ModelPublish]) {
        try control.run {
            let registry = ModelRegistry(session)
            let version = try registry.resolve(name)
            return (version, try registry.learner(version), try registry.publishes(of: version, limit: limit))
        }
    }
}

/// Waits for somebody to commit, on a connection of its own.
private struct CommitWait {
    private let session: Session
    private let control: RunControl

    init(_ session: Session, _ control: RunControl) throws {
        self.session = session
        self.control = control
        // Through a proxy it may be lost; then the time below is how late a commit is seen.
        try session.execute("LISTEN asof")
    }

    /// Until there was a commit, or half a second.
    func wait() throws {
        _ = try session.connection.waitForNotification(timeoutMs: WorkflowLimits.learnWaitMs)
        try control.check()
    }
}
