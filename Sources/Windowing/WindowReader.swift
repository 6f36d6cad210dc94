import Postgres
package import Store

/// Windows at the times of requests, of events that PostgreSQL looks up and gives in order.
///
/// It needs only SELECT. PostgreSQL says which events are in force and sums nothing: ``WindowEvaluation`` decides every value.
package struct WindowReader {
    private let session: Session
    private let state: PinnedState
    private let role: WindowRole
    /// Events that are read at most; `nil` = as many as fit ``WindowingLimits/keyEventsMax``.
    private let eventsMax: Int?

    package init(_ session: Session, _ state: PinnedState, _ role: WindowRole, eventsMax: Int? = nil) {
        self.session = session
        self.state = state
        self.role = role
        self.eventsMax = eventsMax
    }

    /// - Throws: ``StoreError/tooLarge(_:)`` where one key has more events than may be read.
    /// - Complexity: one statement for some thousand keys; O(events + requests) of each key. Where requests have positions,
    ///   or only what was known counts, O(events in the windows) a request.
    package func read(_ requests: WindowRequests) throws(StoreError) -> WindowValues {
        let evaluation = WindowEvaluation(role, requests)
        var parts: [WindowValues] = []
        var start = 0
        while start < evaluation.groups.groups.count {
            let end = min(evaluation.groups.groups.count, start + WindowingLimits.statementKeys)
            parts += try read(evaluation, start..<end)
            start = end
        }
        return evaluation.whole(parts)
    }

    private func read(_ evaluation: WindowEvaluation, _ range: Range<Int>) throws(StoreError) -> [WindowValues] {
        let query = EventQuery(role, state, isVersioned: evaluation.isVersioned)
        let most = eventsMax ?? (range.count == 1 ? WindowingLimits.keyEventsMax : WindowingLimits.statementEvents)
        let rows = try query.run(evaluation.groups, range, limit: most + 1, session)
        guard rows.count <= most else {
            guard range.count > 1, eventsMax == nil else { throw role.tooManyEvents(most) }
            let middle = range.lowerBound + range.count / 2
            let first = try read(evaluation, range.lowerBound..<middle)
            return first + (try read(evaluation, middle..<range.upperBound))
        }
        return [evaluation.evaluate(rows, range)]
    }
}

extension WindowRole {
    func tooManyEvents(_ most: Int) -> StoreError {
        .tooLarge(
            "windows of view '\(name)' would read more than \(most) events of '\(events.name)'; "
                + "ask for fewer keys, or make the windows shorter"
        )
    }
}
