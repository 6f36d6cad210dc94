import Features
import PointInTime
import Postgres

/// PostgreSQL's clock, read once and carried on by this machine's.
struct ServerClock: Sendable {
    private let serverUs: Int64
    private let start: ContinuousClock.Instant

    init(_ session: Session) throws(StoreError) {
        serverUs = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
        start = .now
    }

    /// µs since 1970-01-01 UTC.
    var now: Int64 {
        let elapsed = start.duration(to: .now).components
        return serverUs + elapsed.seconds * 1_000_000 + elapsed.attoseconds / 1_000_000_000_000
    }
}

/// The rules that a row must meet before it is stored, beyond its columns' types.
struct RowChecks {
    let view: StoredView
    let clock: ServerClock
    let refusesFuture: Bool

    /// - Parameter firstRow: the number of the first row in its source, from 1, for messages.
    /// - Throws: ``StoreError/row(_:reason:)`` for the first bad row of the first bad column.
    func check(_ rows: ViewRows, firstRow: Int) throws(StoreError) {
        for (key, column) in zip(view.storageKeys, rows.keys) { try checkKey(column, key.name, firstRow) }
        try checkTimes(rows.eventTimes, "the event time", firstRow, isNullable: false)
        if let knownAt = rows.knownAt { try checkTimes(knownAt, "the known-at time", firstRow, isNullable: true) }
        if let isDeleted = rows.isDeleted { try checkNoNull(isDeleted, "the deleted flag", firstRow) }
    }

    private func checkNoNull(_ column: Column, _ name: String, _ firstRow: Int) throws(StoreError) {
        guard let row = column.validity?.firstIndex(of: false) else { return }
        throw .row(firstRow + row, reason: "\(name) is null; every row needs one")
    }

    private func checkKey(_ column: Column, _ name: String, _ firstRow: Int) throws(StoreError) {
        try checkNoNull(column, "the entity key '\(name)'", firstRow)
        guard case .text(let values) = column.values else { return }
        for row in 0..<values.count {
            let length = values.offsets[row + 1] - values.offsets[row]
            guard length <= Limits.keyBytesMax else {
                throw .row(
                    firstRow + row,
                    reason: "the entity key '\(name)' has \(length) bytes; \(Limits.keyBytesMax) are allowed"
                )
            }
        }
    }

    private func checkTimes(_ column: Column, _ name: String, _ firstRow: Int, isNullable: Bool) throws(StoreError) {
        if !isNullable { try checkNoNull(column, name, firstRow) }
        guard case .int64(let times) = column.values else { return }
        let now = clock.now
        let limit =
            isNullable ? now : refusesFuture ? now + Limits.futureUsMax : Timestamp.latest.microseconds
        for row in times.indices where times[row] > limit || times[row] < Timestamp.earliest.microseconds {
            if column.isNull(row) { continue }
            let time = Timestamp(microseconds: times[row])
            guard time.isInRange else {
                throw .row(firstRow + row, reason: "\(name) lies outside the years 1 to 9999")
            }
            let reason =
                isNullable
                ? "is later than now (\(Timestamp(microseconds: now).text)); nothing can be known before it is known"
                : "is more than 5 minutes ahead of PostgreSQL's clock (\(Timestamp(microseconds: now).text)); "
                    + "check its unit and zone, or allow it with --allow-future"
            throw .row(firstRow + row, reason: "\(name) \(time.text) \(reason)")
        }
    }
}

extension ViewRows {
    func slice(_ rows: Range<Int>) -> ViewRows {
        ViewRows(
            keys: keys.map { $0.slice(rows) },
            eventTimes: eventTimes.slice(rows),
            knownAt: knownAt?.slice(rows),
            isDeleted: isDeleted?.slice(rows),
            features: features.map { $0.slice(rows) }
        )
    }

    mutating func append(_ other: ViewRows) {
        for index in keys.indices { keys[index].append(other.keys[index]) }
        eventTimes.append(other.eventTimes)
        if let more = other.knownAt { knownAt?.append(more) }
        if let more = other.isDeleted { isDeleted?.append(more) }
        for index in features.indices { features[index].append(other.features[index]) }
    }

    var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }
}
