package import Features
package import PointInTime
package import Store
import Synchronization
import Windows

/// Windows at the times of requests, of events that lie in sorted runs: files, and rows in memory.
///
/// Each key's events pass by once, however many requests it has and however wide the windows are.
package struct WindowRuns {
    private let role: WindowRole
    private let runs: [any HistoryRun]
    /// Names of the features that the runs were opened with.
    private let features: [String]
    private let position: Int64?
    private let workers: Workers
    /// About how many rows of history each thread has in memory.
    private let rowsMax: Int
    private let meter: ScanMeter

    /// Why windows could not be computed.
    package enum Failure: Error {
        /// A file is damaged.
        case run(HistoryRunError)
        case store(StoreError)
    }

    /// - Parameters:
    ///   - runs: all of the history of the events' view, those with older rows first.
    ///   - features: by their names those of ``HistoryField/feature(_:)``; all that the windows use.
    ///   - position: rows of greater positions do not exist; `nil` where the runs have none.
    package init(
        _ role: WindowRole,
        _ runs: [any HistoryRun],
        features: [String],
        position: Int64?,
        workers: Workers,
        rowsMax: Int,
        meter: ScanMeter
    ) {
        self.role = role
        self.runs = runs
        self.features = features
        self.position = position
        self.workers = workers
        self.rowsMax = rowsMax
        self.meter = meter
    }

    /// - Throws: what a run throws; ``StoreError/tooLarge(_:)`` where one key has more events than may be in memory.
    /// - Complexity: O(events + requests) of each key, and reads the row groups that may have its events. Where requests have
    ///   positions, or only what was known counts, O(events in the windows) a request.
    package func read(_ requests: WindowRequests) throws(Failure) -> WindowValues {
        let evaluation = WindowEvaluation(role, requests)
        let groups = evaluation.groups.groups
        guard let event = role.events.eventKey else { preconditionFailure("windows are over events") }
        var parts: GroupParts = []
        if requests.positions != nil { parts.insert(.positions) }
        if requests.isKnownAtLabel { parts.insert(.knownAt) }
        let history = EventRuns(
            runs,
            keys: role.events.storageKeys.map(\.type.featureType),
            event: event.type.featureType,
            of: EventRuns.Entities(
                keys: evaluation.groups.groupKeys,
                after: groups.map(\.after),
                until: groups.map(\.until)
            ),
            position: position,
            parts: parts,
            keptRowsMax: rowsMax,
            meter: meter
        )
        let pieces = history.pieces(rowsMax: rowsMax)
        let made = Mutex([WindowValues?](repeating: nil, count: pieces.count))
        try workers.each(pieces.count) { piece throws(Failure) in
            let values = try evaluate(evaluation, history, pieces[piece])
            made.withLock { $0[piece] = values }
        }
        return evaluation.whole(made.withLock { $0.compactMap(\.self) })
    }

    private func evaluate(
        _ evaluation: WindowEvaluation,
        _ history: EventRuns,
        _ groups: Range<Int>
    ) throws(Failure) -> WindowValues {
        let rows: KeyedEvents
        do throws(HistoryRunError) {
            rows = try events(try history.rows(of: groups), isVersioned: evaluation.isVersioned)
        } catch {
            throw .run(error)
        }
        guard groups.count > 1 || rows.count <= WindowingLimits.keyEventsMax else {
            throw .store(role.tooManyEvents(WindowingLimits.keyEventsMax))
        }
        return evaluation.evaluate(rows, groups)
    }

    private func events(_ history: EventHistory, isVersioned: Bool) throws(HistoryRunError) -> KeyedEvents {
        let (wanted, starts) =
            isVersioned ? ((0..<Int32(history.count)).map(\.self), history.starts) : history.inForce()
        let picks = EventPicks(history, wanted)
        var columns: [String: Column] = [:]
        for name in role.eventColumns {
            columns[name] = try picks.take(field(name), role.events.type(ofEventColumn: name))
        }
        meter.take(rows: wanted.count)
        return KeyedEvents(
            starts: starts,
            times: Column(type: .timestamp, values: .int64(wanted.map { history.times[Int($0)] })),
            columns: columns,
            versions: isVersioned
                ? KeyedEvents.Versions(
                    isLater: history.isLaterVersion,
                    positions: history.positions,
                    knownAt: history.knownAt,
                    isDeleted: history.isDeleted
                ) : nil
        )
    }

    private func field(_ name: String) -> HistoryField {
        if let feature = features.firstIndex(of: name) { return .feature(feature) }
        guard let key = role.events.storageKeys.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("'\(name)' is no feature that the runs were opened with, and no key")
        }
        return .key(key)
    }
}

extension WindowRole {
    /// The features and keys of the events that some window uses.
    var eventColumns: [String] {
        Set(windows.flatMap(\.names)).subtracting([FeatureColumn.eventTimeName]).sorted()
    }

    /// The features among them, in the order of their view.
    package var eventFeatures: [FeatureDefinition] {
        let names = eventColumns
        return events.definition.features.filter { names.contains($0.name) }
    }
}
