import Features
import PointInTime
import Store
import TestSupport

/// The point-in-time join, quadratic and obvious: for each look-up it walks through every row that was ever committed.
///
/// What it says is right; engines are held to it.
struct Oracle {
    /// A stored row, and the state that its commit made.
    struct CommittedRow {
        let row: HistoryRow
        let position: Int64
        let committedAt: Int64
        /// The keys' bytes: string keys are equal only where their bytes are.
        let keys: [[UInt8]]
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

    /// Takes a committed batch. Of its rows with equal keys and event time only the last was stored.
    mutating func commit(_ batch: [HistoryRow], to view: String, as state: LedgerState) {
        let keys = batch.map { $0.keys.map(\.identity) }
        for (index, row) in batch.enumerated() {
            let isReplaced = batch.indices.contains {
                $0 > index && keys[$0] == keys[index] && batch[$0].eventTime == row.eventTime
            }
            if isReplaced { continue }
            rows[view, default: []].append(
                CommittedRow(
                    row: row,
                    position: state.position,
                    committedAt: state.committedAt ?? 0,
                    keys: keys[index]
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
    func isNewer(than other: Oracle.CommittedRow) -> Bool {
        (row.eventTime, position) > (other.row.eventTime, other.position)
    }
}
