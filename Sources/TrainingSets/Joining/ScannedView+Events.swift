import Features
import PointInTime
import Store
import Windowing

/// Of a view of events all of history is needed at once: a row of the tail may take away what a file has.
extension ScannedView {
    /// The files, those of earlier partitions first, and the tail; `nil` where that does not fit into the memory.
    private func eventRuns() throws(ScanFailure) -> [any HistoryRun]? {
        guard let kept = try tail.keptRuns(scan.pool) else { return nil }
        return runs.compactMap(\.self) + kept
    }

    /// Rows of history that a thread has in memory at a time.
    private var eventRowsMax: Int {
        if let rows = scan.limits.eventRows { return rows }
        let rowBytes = features.reduce(Self.eventBytes) { $0 + valueBytes($1) }
        let available = max(scan.limits.memory - TrainingSetLimits.scanBaseBytes, 0) / (4 * scan.limits.threads)
        return min(max(available / rowBytes, TrainingSetLimits.scanEventsMin), TrainingSetLimits.scanEventsMax)
    }

    /// Time, place, order, and what one window makes of a row.
    private static let eventBytes = 96

    /// - Returns: false where the tail does not fit into the memory.
    func mergeEvents(_ join: AsOfJoin, _ event: KeyColumn) throws(ScanFailure) -> Bool {
        guard let runs = try scan.clock.measure(.tail, eventRuns) else { return false }
        do throws(HistoryRunError) {
            try scan.clock.measure(.merge) { () throws(HistoryRunError) in
                try join.mergeEvents(
                    runs,
                    keys: view.storageKeys.map(\.type.featureType),
                    event: event.type.featureType,
                    rowsMax: eventRowsMax
                )
            }
            return true
        } catch {
            throw .run(error)
        }
    }

    /// Windows over the view's events; `nil` where the tail does not fit into the memory.
    func join(_ role: WindowRole, _ requests: WindowRequests, _ meter: ScanMeter) throws(ScanFailure) -> JoinedView? {
        guard let runs = try scan.clock.measure(.tail, eventRuns) else { return nil }
        let reader = WindowRuns(
            role,
            runs,
            features: features.map(\.name),
            position: position,
            workers: Workers(scan.limits.threads),
            rowsMax: eventRowsMax,
            meter: meter
        )
        do throws(WindowRuns.Failure) {
            let values = try scan.clock.measure(.windows) { () throws(WindowRuns.Failure) in try reader.read(requests) }
            return JoinedView(values, at: requests.times, scan.options)
        } catch {
            switch error {
            case .run(let error): throw .run(error)
            case .store(let error): throw .store(error)
            }
        }
    }
}

extension ViewRole {
    /// Whether it takes rows of a view of events, or windows over them.
    var isOfEvents: Bool { windows != nil || view.eventFeature != nil }
    /// The view whose history is read.
    var scannedView: StoredView { windows?.events ?? view }
    /// The features of it that are read.
    var scannedFeatures: [FeatureDefinition] { windows?.eventFeatures ?? features }
}
