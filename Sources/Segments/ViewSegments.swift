import Features
package import PointInTime
import Postgres
package import Store

/// A view's history for a scan, partition by partition: which files can be read, and of which partitions PostgreSQL is.
package struct ViewSegments: Sendable {
    package struct Part: Sendable {
        /// ``Segment/partition``.
        package let number: Int32
        package let range: PartitionRange
        /// The partition's file, where it can be read: it has every row of the partition up to ``Segment/state``.
        package let segment: Segment?
        /// The file's column of each feature that was asked for; `nil` = all null.
        package let columns: [String?]

        package init(number: Int32, range: PartitionRange, segment: Segment?, columns: [String?]) {
            self.number = number
            self.range = range
            self.segment = segment
            self.columns = columns
        }
    }

    /// Every partition that the view's history has, by event time.
    package let parts: [Part]
    /// Files that are listed and cannot be read, each with the reason and what to do.
    package let warnings: [String]

    /// Looks up a view's partitions and which of them have a file, once the state that will be read is known.
    ///
    /// - Parameters:
    ///   - features: names of features that will be read.
    ///   - directory: `nil` = there is none; no partition has a file then.
    package static func find(
        _ view: StoredView,
        features names: [String],
        in directory: SegmentDirectory?,
        _ session: Session
    ) throws(StoreError) -> ViewSegments {
        let partitions = try Self.partitions(of: view, session)
        guard let directory else {
            return ViewSegments(
                parts: partitions.map { Part(number: $0.number, range: $0.range, segment: nil, columns: []) },
                warnings: []
            )
        }
        let known = try Segment.features(of: view, session).features
        let wanted = names.compactMap { name in known.first { $0.name == name } }
        guard wanted.count == names.count else {
            throw .conflict("the definition of view '\(view.name)' changed meanwhile; run the command again")
        }
        let (listed, validity) = try SegmentValidity.listed(view, directory, session)
        let segments = Dictionary(listed.map { ($0.partition, $0) }) { first, _ in first }
        var parts: [Part] = []
        var warnings: [String] = []
        for (number, range) in partitions {
            var (usable, columns): (Segment?, [String?]) = (nil, [])
            if let segment = segments[number] {
                do throws(StoreError) {
                    columns = try segment.columns(of: wanted)
                    if let fault = validity.fault(segment) { throw .file(fault) }
                    usable = segment
                } catch {
                    warnings.append(warning(directory.path(segment), "\(error)", view))
                }
            }
            parts.append(Part(number: number, range: range, segment: usable, columns: columns))
        }
        return ViewSegments(parts: parts, warnings: warnings)
    }

    /// Opens the parts' files.
    ///
    /// - Returns: an open file for each part, `nil` where PostgreSQL has to be read, and the warnings, ``warnings``
    ///   among them.
    package func open(
        _ view: StoredView,
        in directory: SegmentDirectory,
        format: some SegmentFormat
    ) -> (runs: [(any HistoryRun)?], warnings: [String]) {
        var warnings = warnings
        let runs = parts.map { part -> (any HistoryRun)? in
            guard let segment = part.segment else { return nil }
            let path = directory.path(segment)
            do throws(HistoryRunError) {
                let run = try format.open(
                    path: path,
                    written: segment.written,
                    keys: view.storageKeys,
                    event: view.eventKey,
                    features: part.columns
                )
                return segment.removed.isEmpty ? run : try RemainingRun(run, without: segment.removed)
            } catch {
                warnings.append(Self.warning(path, error.reason, view))
                return nil
            }
        }
        return (runs, warnings)
    }

    /// What to tell about a file that is not read.
    ///
    /// - Parameter isWithin: the fault lies in a page, which a build does not look at unless it writes everything anew.
    package static func warning(_ path: String, _ reason: String, _ view: StoredView, isWithin: Bool = false) -> String
    {
        "segment \(path) is not read: \(reason). PostgreSQL is read instead; "
            + "`asof segments build\(isWithin ? " --again" : "") \(view.name)` repairs it"
    }

    static func partitions(
        of view: StoredView,
        _ session: Session
    ) throws(StoreError) -> [(number: Int32, range: PartitionRange)] {
        let rows = try session.query(
            "SELECT number, range_from, range_to FROM asof.partitions WHERE view = $1 ORDER BY range_from NULLS FIRST",
            [.int32(view.id)]
        )
        return (0..<rows.count).map { row in
            (rows.int32(row, 0) ?? 0, PartitionRange(from: rows.timestamp(row, 1), to: rows.timestamp(row, 2)))
        }
    }
}

/// Whether files still say what history says, by the ledger.
struct SegmentValidity {
    /// The uid of each position that a file covers up to.
    private var uids: [Int64: String] = [:]
    /// Forgets, and kinds that this binary does not know, behind the oldest file. A dropped partition's file is not asked for.
    private var removals: [(position: Int64, batch: Int64, isForget: Bool)] = []

    /// A view's files and what the ledger says of them, of one moment.
    static func listed(
        _ view: StoredView,
        _ directory: SegmentDirectory,
        _ session: Session
    ) throws(StoreError) -> ([Segment], SegmentValidity) {
        var options = Connection.TransactionOptions.read
        options.isolation = .repeatableRead
        return try session.transaction(options) { () throws(StoreError) in
            let segments = try SegmentManifest(session, directory: directory.id).list(view: view.id)
            return (segments, try SegmentValidity(view, segments, session))
        }
    }

    private init(_ view: StoredView, _ segments: [Segment], _ session: Session) throws(StoreError) {
        let positions = Set(segments.map(\.state.position))
        guard let oldest = positions.min() else { return }
        let states = try session.query(Self.statesQuery, [.int64Array(positions.sorted())])
        for row in 0..<states.count { uids[states.int64(row, 0) ?? 0] = states.uuid(row, 1) }
        let rows = try session.query(Self.removalQuery, [.int32(view.id), .int64(oldest)])
        removals = (0..<rows.count).map { row in
            (rows.int64(row, 0) ?? 0, rows.int64(row, 1) ?? 0, rows.text(row, 2) == BatchKind.forget.rawValue)
        }
    }

    /// Files of one build have one position, as those have that it found unchanged.
    static let statesQuery = "SELECT DISTINCT position, uid FROM asof.batches WHERE position = ANY ($1)"

    /// What no file is older than does not matter: so only ledger rows behind the oldest file are looked at.
    static let removalQuery = """
        SELECT position, batch, kind FROM asof.batches WHERE position > $2 AND view IN (0, $1)
            AND kind NOT IN ('data', 'materialize', 'rebuild', 'definitions', 'drop')
        """

    /// Why a file cannot be read; `nil` where it can.
    func fault(_ segment: Segment) -> String? {
        timelineFault(segment) ?? (isBeforeRemoval(segment) ? "rows were forgotten since" : nil)
    }

    /// Why a file's state is none of this store; `nil` where it is.
    func timelineFault(_ segment: Segment) -> String? {
        guard let uid = uids[segment.state.position] else {
            return "the store has no position \(segment.state.position) any more: it is of another timeline"
        }
        return uid == segment.state.uid ? nil : "position \(segment.state.position) is of another timeline"
    }

    /// Whether rows may have been taken out of the partition since that are not marked as removed.
    func isBeforeRemoval(_ segment: Segment) -> Bool {
        if removals.isEmpty { return false }
        let marked = Set(segment.forgotten)
        return removals.contains { removal in
            removal.position > segment.state.position && !(removal.isForget && marked.contains(removal.batch))
        }
    }
}
