import Features
import PointInTime
import Postgres
import Segments
import Store

/// One view's history as a scan reads it: files of partitions, and the tail that they do not cover.
final class ScannedView {
    let view: StoredView
    /// The features that any role asks for, each once.
    let features: [FeatureDefinition]
    private(set) var parts: [ViewSegments.Part]
    /// The open file of each part.
    private(set) var runs: [(any HistoryRun)?]
    private(set) var tail: Tail
    let scan: Scan.Context
    /// See ``valueBytes(_:)``, for each feature; found out once, since footers are asked.
    private var widths: [Int] = []
    /// Rows of history at the newest position, by the ledger.
    let historyRows: Int

    /// Finds and opens what there is.
    /// - Parameters:
    ///   - historyRows: see ``historyRows``.
    ///   - warn: gets a text for each file that cannot be read.
    init(
        _ view: StoredView,
        features: [FeatureDefinition],
        historyRows: Int,
        _ context: Scan.Context,
        warn: (String) -> Void
    ) throws(StoreError) {
        self.view = view
        self.features = features
        scan = context
        let found = try ViewSegments.find(
            view,
            features: features.map(\.name),
            in: context.source.directory,
            context.session
        )
        parts = found.parts
        var opened: [(any HistoryRun)?] = parts.map { _ in nil }
        var warnings = found.warnings
        if let directory = context.source.directory, let format = context.source.format {
            (opened, warnings) = found.open(view, in: directory, format: format)
        }
        for (index, run) in opened.enumerated() where run == nil { parts[index].dropSegment() }
        runs = opened
        for warning in warnings { warn(warning) }
        self.historyRows = historyRows
        tail = try Self.makeTail(view, features, parts, historyRows, context)
        widths = features.indices.map(width)
    }

    private static func makeTail(
        _ view: StoredView,
        _ features: [FeatureDefinition],
        _ parts: [ViewSegments.Part],
        _ historyRows: Int,
        _ context: Scan.Context
    ) throws(StoreError) -> Tail {
        let queries = try TailQuery.make(
            view,
            features: features,
            parts: parts,
            pinned: context.pinned,
            sharedOutTo: context.sessionCount,
            context.session
        )
        var tableRowBytes = 0
        if !queries.isEmpty, features.contains(where: \.type.isOpenEnded) {
            let tables = try context.session.query(
                "SELECT sum(pg_table_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = to_regclass($1)",
                [.text(view.historyTable)]
            )
            tableRowBytes = Int(tables.int64(0, 0) ?? 0) / max(1, historyRows)
        }
        // Where each partition has a file, rows that none covers are of later batches than the oldest file.
        let positions = parts.map { $0.segment?.state.position ?? 0 }
        let covered = parts.reduce(0) { $0 + Int(clamping: $1.segment?.remainingRows ?? 0) }
        return Tail(
            view,
            features: features,
            queries: queries,
            positions: queries.isEmpty
                ? BatchPositions()
                : try BatchPositions(
                    view,
                    after: positions.min() ?? 0,
                    upTo: context.pinned.state,
                    context.session
                ),
            needsKnownAt: context.options.knownAtLabel,
            rowsExpected: queries.isEmpty ? 0 : max(0, historyRows - covered),
            tableRowBytes: tableRowBytes,
            memory: context.tailMemory
        )
    }

    /// The state's position, where some file has rows of later ones.
    var position: Int64? {
        let isBehind = parts.contains { ($0.segment?.state.position ?? 0) > scan.pinned.state.position }
        return isBehind ? scan.pinned.state.position : nil
    }

    /// Rows and bytes of the open files.
    var fileRows: Int { parts.reduce(0) { $0 + Int(clamping: $1.segment?.rows ?? 0) } }
    var fileBytes: Int { parts.reduce(0) { $0 + Int(clamping: $1.segment?.written.bytes ?? 0) } }
    var fileCount: Int { runs.count { $0 != nil } }
    /// Read of the open files so far.
    var fileBytesRead: Int { runs.reduce(0) { $0 + ($1?.bytesRead ?? 0) } }

    /// About how many bytes a feature's value takes in a column: what the files say of texts and lists, else what
    /// PostgreSQL's tables have for a row.
    func valueBytes(_ feature: FeatureDefinition) -> Int {
        features.firstIndex { $0.name == feature.name }.map { widths[$0] } ?? feature.type.typicalBytes
    }

    private func width(_ index: Int) -> Int {
        let feature = features[index]
        guard feature.type.isOpenEnded else { return feature.type.typicalBytes }
        var (bytes, rows) = (0, 0)
        for (part, run) in zip(parts, runs) {
            // A file that is older than the feature says nothing of it.
            guard let segment = part.segment, let known = run?.valueBytes(of: .feature(index)) else { continue }
            bytes += known
            rows += Int(clamping: segment.rows)
        }
        let fromFiles = bytes / max(1, rows)
        // One of them may have it all, but the rest of the row is hardly theirs.
        let fixed = features.reduce(0) { $0 + ($1.type.isOpenEnded ? 0 : $1.type.typicalBytes) }
        let fromTables = rows * 2 < historyRows ? max(0, tail.tableRowBytes - fixed) : 0
        return max(feature.type.typicalBytes, fromFiles + 16, fromTables)
    }

    /// Gives a file up, after which PostgreSQL is read instead. No session may be in use.
    /// - Returns: what to tell the user.
    func giveUp(_ error: HistoryRunError) throws(StoreError) -> String {
        guard let index = runs.firstIndex(where: { $0?.name == error.run }) else {
            throw .conflict("\(error)")
        }
        runs[index] = nil
        parts[index].dropSegment()
        tail = try Self.makeTail(view, features, parts, historyRows, scan)
        widths = features.indices.map(width)
        return ViewSegments.warning(error.run, error.reason, view, isWithin: true)
    }

    /// Of the time that a join takes, about so much goes to merging files; the rest to the tail and to gathering.
    private static let mergeShare = 0.4

    /// The as-of join of one role with a sorted spine.
    ///
    /// - Parameter progress: gets the share that is merged.
    /// - Returns: `nil` where rows of events that only PostgreSQL has do not fit into the memory.
    func join(
        _ role: ViewRole,
        _ spine: SortedSpine,
        _ meter: ScanMeter,
        _ progress: (Double) -> Void
    ) throws(ScanFailure) -> JoinedView? {
        let join = asOfJoin(role, spine, meter)
        if let event = view.eventKey {
            guard try mergeEvents(join, event) else { return nil }
        } else {
            try mergeRuns(join, progress)
            try mergeTail(join)
        }
        do throws(HistoryRunError) {
            let witness = scan.options.witness
            return try scan.clock.measure(.gather) { () throws(HistoryRunError) in try join.result(witness: witness) }
        } catch {
            throw .run(error)
        }
    }

    private func asOfJoin(_ role: ViewRole, _ spine: SortedSpine, _ meter: ScanMeter) -> AsOfJoin {
        let definition = role.view.definition
        let rules = JoinRules(
            ttl: definition.ttl?.microseconds,
            delay: definition.delay.microseconds,
            isStrict: definition.isStrict,
            isKnownAtLabel: scan.options.knownAtLabel,
            position: position
        )
        let wanted = role.features.map { feature in
            (field: features.firstIndex { $0.name == feature.name } ?? 0, type: feature.type)
        }
        return AsOfJoin(
            spine: spine,
            rules: rules,
            features: wanted,
            workers: Workers(scan.limits.threads),
            meter: meter
        )
    }

    private func mergeRuns(_ join: AsOfJoin, _ progress: (Double) -> Void) throws(ScanFailure) {
        do throws(HistoryRunError) {
            try scan.clock.measure(.merge) { () throws(HistoryRunError) in
                // The newest first: what they decide, older ones need not.
                for (number, run) in runs.reversed().enumerated() {
                    guard let run else { continue }
                    try join.merge(run, needsPositions: false)
                    progress(Self.mergeShare * Double(number + 1) / Double(runs.count))
                }
            }
        } catch {
            throw .run(error)
        }
    }

    /// Rows of the tail are later than those of the same partition's file; so of equal event times they win, whose
    /// positions the file did not give.
    private func mergeTail(_ join: AsOfJoin) throws(ScanFailure) {
        guard !tail.isEmpty else { return }
        try scan.clock.measure(.tail) { () throws(ScanFailure) in
            try tail.forEachRun(scan.pool) { run, stays throws(ScanFailure) in
                do throws(HistoryRunError) {
                    try join.merge(run, needsPositions: true)
                    if !stays { try join.keepLastRun() }
                } catch {
                    throw .run(error)
                }
            }
        }
    }
}

extension ViewSegments.Part {
    /// The same partition without its file.
    fileprivate mutating func dropSegment() {
        self = ViewSegments.Part(number: number, range: range, segment: nil, columns: [])
    }
}
