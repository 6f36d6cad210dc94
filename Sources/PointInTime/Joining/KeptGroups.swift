import Synchronization

/// Groups that were decoded for one piece of ``EventRuns``, kept for the next ones that have rows of them.
///
/// Pieces are of entities, groups of rows: where there are many runs a piece has a little of many groups. A thread that comes to a piece
/// early, while others are at those before, may decode a group that another one is about to drop.
final class KeptGroups: Sendable {
    private struct State {
        var groups: [Int: GroupOrder] = [:]
        var rows = 0
    }

    private let state = Mutex(State())
    /// Rows of all kept groups together.
    private let rowsMax: Int

    init(rowsMax: Int) { self.rowsMax = rowsMax }

    /// - Parameters:
    ///   - group: its number among those of all runs.
    ///   - isLast: whether no later piece has rows of it.
    func order(
        of group: Int,
        isLast: Bool,
        _ decode: () throws(HistoryRunError) -> GroupOrder
    ) throws(HistoryRunError) -> (order: GroupOrder, isDecoded: Bool) {
        let kept = state.withLock { state -> GroupOrder? in
            guard let kept = state.groups[group] else { return nil }
            if isLast {
                state.groups[group] = nil
                state.rows -= kept.rowCount
            }
            return kept
        }
        if let kept { return (kept, false) }
        let order = try decode()
        if !isLast {
            state.withLock { state in
                guard state.groups[group] == nil, state.rows + order.rowCount <= rowsMax else { return }
                state.groups[group] = order
                state.rows += order.rowCount
            }
        }
        return (order, true)
    }
}
