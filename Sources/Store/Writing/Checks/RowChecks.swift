import Features
package import PointInTime
import Postgres

/// PostgreSQL's clock, read once and carried on by this machine's.
package struct ServerClock: Sendable {
    private let serverUs: Int64
    private let start: ContinuousClock.Instant

    package init(_ session: Session) throws(StoreError) {
        serverUs = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
        start = .now
    }

    /// µs since 1970-01-01 UTC.
    package var now: Int64 {
        let elapsed = start.duration(to: .now).components
        return serverUs + elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000
    }
}

/// A row that cannot be stored, and why.
package struct RowFault: Sendable, Hashable {
    /// Counted within the rows that were checked, from 0.
    package var row: Int
    package var reason: String
    package var kind = Kind.other
    /// The feature whose expectations the row does not meet; `nil` = it is about something else.
    package var feature: String?
    /// Whether nothing of the row's batch may be stored, also where bad rows are skipped.
    package var isStop = false

    package init(row: Int, reason: String, kind: Kind = Kind.other, feature: String? = nil, isStop: Bool = false) {
        self.row = row
        self.reason = reason
        self.kind = kind
        self.feature = feature
        self.isStop = isStop
    }

    /// What it is about.
    package enum Kind: Sendable, Hashable {
        case key, time, value, other
    }
}

/// The rules that a row must meet before it is stored, beyond its columns' types.
package struct RowChecks {
    let view: StoredView
    /// PostgreSQL's clock, µs since 1970-01-01 UTC.
    let now: Int64
    let refusesFuture: Bool
    /// What a message tells whose time lies in the future.
    let futureAdvice: String

    package init(
        view: StoredView,
        now: Int64,
        refusesFuture: Bool = true,
        futureAdvice: String = "check its unit and zone, or allow it with --allow-future"
    ) {
        self.view = view
        self.now = now
        self.refusesFuture = refusesFuture
        self.futureAdvice = futureAdvice
    }

    /// What is wrong with the rows, and how they meet the view's expectations.
    ///
    /// - Returns: one fault for each bad row, ascending; where there is none, the tally of the rows.
    package func inspect(_ rows: ViewRows) -> (faults: [RowFault], tally: ExpectationTally) {
        let check = view.expectations
        let outcome = check.run(
            check.features.map { rows.features[$0.place] },
            isDeleted: rows.isDeleted,
            rowCount: rows.rowCount
        )
        let faults = faults(rows, outcome)
        var tally = ExpectationTally(check)
        if faults.isEmpty { tally.add(outcome) { refusal(rows, check.features[$0], $1) } }
        return (faults, tally)
    }

    private func refusal(_ rows: ViewRows, _ feature: ExpectationCheck.Feature, _ row: Int) -> String {
        feature.expectations.refusal(
            of: rows.features[feature.place].value(row),
            feature: feature.name,
            isPII: feature.isPII
        )
    }

    private func faults(_ rows: ViewRows, _ outcome: ExpectationCheck.Outcome) -> [RowFault] {
        var faults: [Int: RowFault] = [:]
        for (key, column) in zip(view.storageKeys, rows.keys) { checkKey(column, key.name, &faults) }
        checkTimes(rows.eventTimes, "the event time", isNullable: false, &faults)
        for ids in rows.events(of: view) { checkEvents(ids, view.eventFeature?.name ?? "", &faults) }
        if let knownAt = rows.knownAt {
            checkTimes(knownAt, "the known-at time", isNullable: true, &faults)
            checkKnownSince(knownAt, rows.eventTimes, &faults)
        }
        if let isDeleted = rows.isDeleted { checkNoNull(isDeleted, "the deleted flag", &faults) }
        addRefusals(rows, outcome, &faults)
        guard !faults.isEmpty else { return [] }
        return faults.values.sorted { $0.row < $1.row }
    }

    /// A row that is bad in another way counts as that; of its features' expectations one that stops comes first.
    private func addRefusals(
        _ rows: ViewRows,
        _ outcome: ExpectationCheck.Outcome,
        _ faults: inout [Int: RowFault]
    ) {
        for (feature, found) in zip(view.expectations.features, outcome.features)
        where feature.expectations.action != .warn {
            let isStop = feature.expectations.action == .stop
            for row in found.failed.lazy.map(Int.init) {
                if let known = faults[row], known.feature == nil || known.isStop || !isStop { continue }
                faults[row] = RowFault(
                    row: row,
                    reason: refusal(rows, feature, row) + (isStop ? Self.stopText : ""),
                    kind: .value,
                    feature: feature.name,
                    isStop: isStop
                )
            }
        }
    }

    private static let stopText = " (action: stop); nothing of its batch is stored"

    private func checkNoNull(_ column: Column, _ name: String, _ faults: inout [Int: RowFault]) {
        guard let validity = column.validity else { return }
        for row in validity.indices where !validity[row] {
            Self.add(row, "\(name) is null; every row needs one", .other, &faults)
        }
    }

    /// Of several faults of a row the first stays.
    private static func add(_ row: Int, _ reason: String, _ kind: RowFault.Kind, _ faults: inout [Int: RowFault]) {
        if faults[row] == nil { faults[row] = RowFault(row: row, reason: reason, kind: kind) }
    }

    private func checkKey(_ column: Column, _ name: String, _ faults: inout [Int: RowFault]) {
        checkNoNull(column, "the entity key '\(name)'", &faults)
        guard case .text(let values) = column.values else { return }
        for row in 0..<values.count {
            let length = values.offsets[row + 1] - values.offsets[row]
            guard length > DefinitionLimits.keyBytesMax else { continue }
            Self.add(
                row,
                "the entity key '\(name)' has \(length) bytes; \(DefinitionLimits.keyBytesMax) are allowed",
                .key,
                &faults
            )
        }
    }

    private func checkEvents(_ ids: Column, _ name: String, _ faults: inout [Int: RowFault]) {
        if let validity = ids.validity {
            for row in validity.indices where !validity[row] {
                Self.add(
                    row,
                    "the feature '\(name)' is null; it identifies the event, also of a row that deletes one",
                    .value,
                    &faults
                )
            }
        }
        guard case .text(let values) = ids.values else { return }
        for row in 0..<values.count {
            let length = values.offsets[row + 1] - values.offsets[row]
            guard length > DefinitionLimits.eventBytesMax else { continue }
            Self.add(
                row,
                "the feature '\(name)' has \(length) bytes; \(DefinitionLimits.eventBytesMax) are allowed, since it "
                    + "identifies the event",
                .value,
                &faults
            )
        }
    }

    /// What is known long before it happens is a time in another unit or column.
    private func checkKnownSince(_ knownAt: Column, _ eventTimes: Column, _ faults: inout [Int: RowFault]) {
        let (known, events) = (knownAt.int64Values, eventTimes.int64Values)
        for row in known.indices where !knownAt.isNull(row) && events[row] - known[row] > Limits.knownBeforeUsMax {
            Self.add(
                row,
                """
                the known-at time \(Timestamp(microseconds: known[row]).text) lies more than 30 years before the event time \
                \(Timestamp(microseconds: events[row]).text); check its unit
                """,
                .time,
                &faults
            )
        }
    }

    private func checkTimes(_ column: Column, _ name: String, isNullable: Bool, _ faults: inout [Int: RowFault]) {
        if !isNullable { checkNoNull(column, name, &faults) }
        let times = column.int64Values
        let limit =
            isNullable ? now : refusesFuture ? now + Limits.futureUsMax : Timestamp.latest.microseconds
        for row in times.indices where times[row] > limit || times[row] < Timestamp.earliest.microseconds {
            if column.isNull(row) { continue }
            let time = Timestamp(microseconds: times[row])
            guard time.isInRange else {
                Self.add(row, "\(name) lies outside the years 1 to 9999", .time, &faults)
                continue
            }
            let reason =
                isNullable
                ? "is later than now (\(Timestamp(microseconds: now).text)); nothing can be known before it is known"
                : "is more than 5 minutes ahead of PostgreSQL's clock (\(Timestamp(microseconds: now).text)); "
                    + futureAdvice
            Self.add(row, "\(name) \(time.text) \(reason)", .time, &faults)
        }
    }
}
