import Features
import Postgres
import Store

/// The rows of one chunk in their temporary table, before anything of them is stored.
struct StagedRows {
    let query: MaterializationQuery
    let session: Session
    private(set) var rowCount = 0
    /// Of the rows; `nil` where there are none.
    private(set) var eventTimes: ClosedRange<Timestamp>?

    var view: StoredView { query.view }

    /// Reads the stage once and refuses what a view cannot hold.
    ///
    /// - Throws: ``StoreError/input(_:)`` naming a row: a null key or time, a time outside the window, two rows of one key
    ///   and time, a value too long, a vector of another length.
    init(_ query: MaterializationQuery, _ window: Range<Timestamp>, _ session: Session) throws(StoreError) {
        self.query = query
        self.session = session
        let faults = faults(window)
        let counts = faults.map { "count(*) FILTER (WHERE \($0.condition))" }
        let rows = try session.query(
            """
            SELECT count(*), min(_event_time), max(_event_time), \(counts.joined(separator: ", ")) FROM \(query.stage)
            """
        )
        rowCount = Int(rows.int64(0, 0) ?? 0)
        for (index, fault) in faults.enumerated() where rows.int64(0, 3 + index) != 0 {
            throw .input("\(try sample(fault.condition)) \(fault.text)\(at(window))")
        }
        guard let low = rows.timestamp(0, 1), let high = rows.timestamp(0, 2) else { return }
        eventTimes = Timestamp(microseconds: low)...Timestamp(microseconds: high)
        try refuseDuplicates(window)
    }

    func at(_ window: Range<Timestamp>) -> String {
        " (the sql of view '\(view.name)', chunk \(window.text))"
    }

    private func faults(_ window: Range<Timestamp>) -> [(condition: String, text: String)] {
        var faults = [
            (condition: "_event_time IS NULL", text: "has no event time: \(query.eventTimeColumn) is null"),
            (
                condition:
                    "NOT (_event_time >= '\(window.lowerBound.text)' AND _event_time < '\(window.upperBound.text)')",
                text: "lies outside the window: the sql must give rows of event_time >= :from AND event_time < :to only"
            ),
        ]
        for key in view.definition.keys {
            let name = SQLText.identifier(key.name)
            faults.append(("\(name) IS NULL", "has no key: \(key.name) is null"))
            if key.type == .string {
                faults.append(
                    (
                        "octet_length(\(name)) > \(DefinitionLimits.keyBytesMax)",
                        "has a key \(key.name) of more than \(DefinitionLimits.keyBytesMax) bytes"
                    )
                )
            }
        }
        if let event = view.eventFeature {
            let name = SQLText.identifier(event.name)
            faults.append(("\(name) IS NULL", "has no event: \(event.name) is null"))
            if event.type == .string {
                faults.append(
                    (
                        "octet_length(\(name)) > \(DefinitionLimits.eventBytesMax)",
                        "has an event \(event.name) of more than \(DefinitionLimits.eventBytesMax) bytes"
                    )
                )
            }
        }
        for feature in view.definition.features {
            let name = SQLText.identifier(feature.name)
            switch feature.type {
            case .string, .bytes:
                faults.append(
                    (
                        "octet_length(\(name)) > \(DefinitionLimits.valueBytesMax)",
                        "has a \(feature.name) of more than \(DefinitionLimits.valueBytesMax) bytes"
                    )
                )
            case .vector(let count):
                faults.append(
                    (
                        "array_ndims(\(name)) IS DISTINCT FROM 1 AND \(name) IS NOT NULL OR cardinality(\(name)) <> \(count) "
                            + "OR array_position(\(name), NULL) IS NOT NULL",
                        "has a \(feature.name) that is no vector of \(count) values without nulls"
                    )
                )
            case .listInt64, .listString:
                faults.append(
                    (
                        "array_ndims(\(name)) > 1 OR array_position(\(name), NULL) IS NOT NULL",
                        "has a \(feature.name) that is no list without nulls"
                    )
                )
            case .bool, .int32, .int64, .float32, .float64, .timestamp: break
            }
        }
        return faults
    }

    /// One row that meets a condition, in words.
    func sample(_ condition: String) throws(StoreError) -> String {
        let keys = view.definition.keys.map { "left(\(SQLText.identifier($0.name))::text, 60)" }
        let rows = try session.query(
            """
            SELECT \((keys + ["_event_time::text"]).joined(separator: ", ")) FROM \(query.stage)
            WHERE \(condition) ORDER BY _event_time LIMIT 1
            """
        )
        guard rows.count > 0 else { return "a row" }
        return describe(rows)
    }

    private func describe(_ rows: Rows) -> String {
        let names = view.definition.keys.map(\.name) + ["event time"]
        return "the row of "
            + names.enumerated().map { "\($0.element) \(rows.text(0, $0.offset) ?? "null")" }.joined(separator: ", ")
    }

    /// A result has no order, so that nothing says which of two rows would win.
    private func refuseDuplicates(_ window: Range<Timestamp>) throws(StoreError) {
        let event = view.eventFeature.map { ", \(SQLText.identifier($0.name))" } ?? ""
        let identity = "\(view.keyList()), _event_time\(event)"
        // The rows are in this order already, so that the sort is one pass.
        let distinct = try session.query(
            """
            SELECT count(*) FROM (SELECT DISTINCT ON (\(identity)) 1 FROM \(query.stage)
                ORDER BY \(view.keyList()), _event_time DESC\(event)) d
            """
        )
        if distinct.int64(0, 0) == Int64(rowCount) { return }
        let keys = view.definition.keys.map { "left(\(SQLText.identifier($0.name))::text, 60)" }
        let rows = try session.query(
            """
            SELECT \((keys + ["_event_time::text"]).joined(separator: ", ")) FROM \(query.stage)
            GROUP BY \(identity) HAVING count(*) > 1 LIMIT 1
            """
        )
        guard rows.count > 0 else { return }
        throw .input(
            "\(describe(rows)) comes more than once, and a query has no order that would say which one counts; "
                + "make the sql choose, as with DISTINCT ON\(at(window))"
        )
    }

    /// The partitions that the rows belong to.
    func partitions() throws(StoreError) -> [PartitionRange] {
        guard let eventTimes else { return [] }
        var ranges: [PartitionRange] = []
        var time = eventTimes.lowerBound.microseconds
        while time <= eventTimes.upperBound.microseconds {
            let range = PartitionRange(containing: time, by: view.definition.partition)
            ranges.append(range)
            guard let next = range.to else { break }
            time = next
        }
        guard ranges.count > 2 else { return ranges }
        // Between the first and the last, only those that have rows.
        let unit = view.definition.partition.rawValue
        let rows = try session.query("SELECT DISTINCT date_trunc('\(unit)', _event_time, 'UTC') FROM \(query.stage)")
        let starts = Set((0..<rows.count).compactMap { rows.timestamp($0, 0) })
        return ranges.filter { starts.contains($0.from ?? .min) }
    }

    /// The event times of the rows that are left.
    func currentEventTimes() throws(StoreError) -> ClosedRange<Timestamp>? {
        let rows = try session.query("SELECT min(_event_time), max(_event_time) FROM \(query.stage)")
        guard let low = rows.timestamp(0, 0), let high = rows.timestamp(0, 1) else { return nil }
        return Timestamp(microseconds: low)...Timestamp(microseconds: high)
    }
}
