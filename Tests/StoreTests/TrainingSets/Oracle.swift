import Features
import PointInTime
import Store
import TestSupport

/// The point-in-time join, quadratic and obvious: for each look-up it walks through every row that was ever committed.
///
/// Rows of an event view are versions of events; of each event the newest version counts. What it says is right; engines
/// are held to it.
struct Oracle {
    /// A stored row, and the state that its commit made.
    struct CommittedRow {
        let row: HistoryRow
        let position: Int64
        let committedAt: Int64
        /// The keys' bytes: string keys are equal only where their bytes are.
        let keys: [[UInt8]]
        /// Of an event view what identifies the event.
        let event: Value?
    }

    /// The rules of a look-up.
    struct Rules {
        var ttl: Int64?
        var delay: Int64 = 0
        var isStrict = false
        var isKnownAtLabel = false
        /// Later commits do not exist.
        var position: Int64

        init(_ view: ViewDefinition, position: Int64, isKnownAtLabel: Bool = false) {
            ttl = view.ttl?.microseconds
            delay = view.delay.microseconds
            isStrict = view.isStrict
            self.position = position
            self.isKnownAtLabel = isKnownAtLabel
        }
    }

    enum Outcome { case matched, missing, expired }

    struct Answer {
        var features: [Value]
        /// Of the row that decided, a tombstone's, too; `nil` where there was none.
        var eventTime: Int64?
        var position: Int64?
        var outcome: Outcome
    }

    private(set) var rows: [String: [CommittedRow]] = [:]

    /// Takes a committed batch. Of its rows with equal keys and event time, and event, only the last was stored.
    mutating func commit(_ batch: [HistoryRow], to view: ViewDefinition, as state: LedgerState) {
        let events = batch.map { row in view.eventPlace.map { row.features[$0] } }
        let keys = batch.map { $0.keys.map(\.identity) }
        for (index, row) in batch.enumerated() {
            let isReplaced = batch.indices.contains {
                $0 > index && keys[$0] == keys[index] && batch[$0].eventTime == row.eventTime
                    && events[$0]?.identity == events[index]?.identity
            }
            if isReplaced { continue }
            rows[view.name, default: []].append(
                CommittedRow(
                    row: row,
                    position: state.position,
                    committedAt: state.committedAt ?? 0,
                    keys: keys[index],
                    event: events[index]
                )
            )
        }
    }

    /// - Parameter label: a timestamp, or null.
    func look(up keys: [Value], at label: Value, in view: ViewDefinition, _ rules: Rules) -> Answer {
        let nothing = Answer(features: view.features.map { _ in .null }, outcome: .missing)
        guard case .timestamp(let time) = label, !keys.contains(.null) else { return nothing }
        let label = Int128(time.microseconds)
        let identity = keys.map(\.identity)
        var fresh: CommittedRow?
        var hasOutdated = false
        for candidate in rows[view.name] ?? [] {
            let row = candidate.row
            guard candidate.keys == identity else { continue }
            guard candidate.position <= rules.position else { continue }
            let usableAt = Int128(row.eventTime) + Int128(rules.delay)
            guard rules.isStrict ? usableAt < label : usableAt <= label else { continue }
            if rules.isKnownAtLabel, Int128(row.knownAt ?? candidate.committedAt) > label { continue }
            if candidate.event != nil, !isInForce(candidate, identity, label, view, rules) { continue }
            if let ttl = rules.ttl, Int128(row.eventTime) < label - Int128(ttl) {
                hasOutdated = true
                continue
            }
            if let best = fresh, !candidate.isNewer(than: best) { continue }
            fresh = candidate
        }
        guard let winner = fresh else {
            var answer = nothing
            if hasOutdated { answer.outcome = .expired }
            return answer
        }
        return Answer(
            features: winner.row.isDeleted ? nothing.features : winner.row.features,
            eventTime: winner.row.eventTime,
            position: winner.position,
            outcome: winner.row.isDeleted ? .missing : .matched
        )
    }

    /// The events of a key that are in force, those of one time by their ids.
    ///
    /// - Parameters:
    ///   - keys: of the view, or its leading ones.
    ///   - label: µs; counts where only what was known does.
    func events(_ keys: [Value], label: Int64, in view: ViewDefinition, _ rules: Rules) -> [CommittedRow] {
        let leading = keys.map(\.identity)
        return (rows[view.name] ?? []).filter { candidate in
            candidate.keys.starts(with: leading) && candidate.position <= rules.position
                && !(rules.isKnownAtLabel && (candidate.row.knownAt ?? candidate.committedAt) > label)
                && isInForce(candidate, candidate.keys, Int128(label), view, rules)
        }.sorted { left, right in
            // Of one time and id by the other keys.
            if right.isNewer(than: left, orSame: false) { return true }
            if left.isNewer(than: right, orSame: false) { return false }
            return left.keys.flatMap(\.self).lexicographicallyPrecedes(right.keys.flatMap(\.self))
        }
    }

    private func isInForce(
        _ candidate: CommittedRow,
        _ identity: [[UInt8]],
        _ label: Int128,
        _ view: ViewDefinition,
        _ rules: Rules
    ) -> Bool {
        let isReplaced = (rows[view.name] ?? []).contains { other in
            other.keys == identity && other.row.eventTime == candidate.row.eventTime
                && other.event?.identity == candidate.event?.identity && other.position > candidate.position
                && other.position <= rules.position
                && !(rules.isKnownAtLabel && Int128(other.row.knownAt ?? other.committedAt) > label)
        }
        return !candidate.row.isDeleted && !isReplaced
    }

    /// The newest row of an entity, whatever its age.
    func latest(_ keys: [Value], in view: ViewDefinition, position: Int64) -> Answer {
        var rules = Rules(view, position: position)
        rules.ttl = nil
        rules.delay = 0
        rules.isStrict = false
        return look(up: keys, at: .timestamp(.latest), in: view, rules)
    }
}

extension Oracle.CommittedRow {
    /// - Parameter orSame: whether of versions of one event the later one is newer.
    func isNewer(than other: Oracle.CommittedRow, orSame: Bool = true) -> Bool {
        if row.eventTime != other.row.eventTime { return row.eventTime > other.row.eventTime }
        switch (event, other.event) {
        case (.int64(let own), .int64(let others)) where own != others: return own > others
        case (.string(let own), .string(let others)) where !own.utf8.elementsEqual(others.utf8):
            return others.utf8.lexicographicallyPrecedes(own.utf8)
        default: return orSame && position > other.position
        }
    }
}
