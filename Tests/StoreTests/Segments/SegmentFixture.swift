import Columnar
import Features
import Foundation
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Operations
@testable import Segments
@testable import Store
@testable import TrainingSets

/// A store with directories of segments.
struct SegmentFixture {
    let store: TestStore
    let scratch: Scratch

    init(_ store: TestStore) throws {
        self.store = store
        scratch = try Scratch()
    }

    var session: Session { store.session }

    func directory(_ name: String = "segments") throws -> SegmentDirectory {
        try SegmentDirectory.make(scratch.path + "/" + name, storeID: try session.storeID())
    }

    /// Builds as `asof segments build` does.
    @discardableResult
    func build(
        _ view: String,
        in name: String = "segments",
        tailRows: Int = 0,
        memoryBytes: Int = 1 << 30,
        groupRows: Int = SegmentLimits.groupRowsMax,
        again: Bool = false
    ) throws -> SegmentBuild.Summary {
        let directory = try directory(name)
        let lock = try directory.lock(conninfo: "")
        var options = SegmentBuildOptions()
        options.tailRowsMax = tailRows
        options.memoryBytes = memoryBytes
        options.groupRowsMax = groupRows
        options.rebuildsAll = again
        let sessions = [session, try Session(conninfo: store.conninfo)]
        let build = SegmentBuild(
            sessions: sessions,
            directory: directory,
            format: ParquetSegments(),
            options: options
        )
        _ = try build.sweep()
        let summary = try build.run(try store.view(view))
        _ = consume lock
        return summary
    }

    /// A scan of these files, by default with little memory, so that it works in blocks.
    func scan(
        _ limits: ScanLimits = ScanLimits(memory: TrainingSetLimits.scanMemoryMinBytes, threads: 2)
    ) throws -> EngineRequest {
        EngineRequest(
            .scan,
            source: ScanInputs(directory: try directory(), format: ParquetSegments()),
            limits: limits
        )
    }

    /// Forgets as `asof forget` does on a host with these segments.
    @discardableResult
    func forget(
        _ entity: String,
        _ key: String,
        in name: String = "segments",
        between: () throws -> Void = {}
    ) throws -> LedgerState? {
        let forgetting = try Forgetting(session, entity: entity, key: key, store.registry.definitions)
        let rows = try ForgottenRows(
            of: try forgetting.views().map(\.view),
            column: forgetting.entity.key,
            key: forgetting.key,
            in: try directory(name),
            format: ParquetSegments(),
            session
        )
        try between()
        return try forgetting.run(marking: { batch throws(StoreError) in try rows.mark(batch) }).state
    }

    func segments(_ view: String, in name: String = "segments") throws -> [Segment] {
        try SegmentManifest(session, directory: try directory(name).id).list(view: try store.view(view).id)
    }

    func find(_ view: String, in name: String = "segments") throws -> ViewSegments {
        let view = try store.view(view)
        return try ViewSegments.find(
            view,
            features: view.definition.features.map(\.name),
            in: try directory(name),
            session
        )
    }

    /// Warnings of a reader that opens everything.
    func warnings(_ view: String, in name: String = "segments") throws -> [String] {
        try find(view, in: name).open(try store.view(view), in: try directory(name), format: ParquetSegments()).warnings
    }

    func faults(_ view: String, in name: String = "segments") throws -> [String] {
        try SegmentCheck(session, directory: try directory(name), format: ParquetSegments()).run(try store.view(view))
            .compactMap(\.fault)
    }

    // MARK: Rows

    /// A file's rows as it has them: keys, event time, event, position, known at, deleted, features.
    func fileRows(_ segment: Segment, _ view: StoredView, in name: String = "segments") throws -> [[Value]] {
        let features = try segment.columns(of: try Segment.features(of: view, session).features)
        let run = try ParquetSegments().open(
            path: try directory(name).path(segment),
            written: segment.written,
            keys: view.storageKeys,
            event: view.eventKey,
            features: features
        )
        var rows: [[Value]] = []
        for (group, about) in run.groups.enumerated() {
            let order = try run.order(ofGroup: group, with: [.positions, .knownAt, .events])
            _ = try #require(order.positions)
            _ = try #require(order.knownAt)
            var columns = [Column(emptyOf: .bool)] + view.definition.features.map { Column(emptyOf: $0.type) }
            let all = (0..<Int32(about.rowCount)).map(\.self)
            try all.withUnsafeBufferPointer { all in
                try run.append(.deleted, ofGroup: group, rows: all, to: &columns[0])
                for index in view.definition.features.indices {
                    try run.append(.feature(index), ofGroup: group, rows: all, to: &columns[index + 1])
                }
            }
            for row in 0..<about.rowCount {
                rows.append(order.values(row) + columns.map { $0.value(row) })
            }
        }
        return rows
    }

    /// What a file should have, by one SQL statement that joins and sorts.
    func historyRows(_ segment: Segment, _ view: StoredView) throws -> [[Value]] {
        let conditions =
            ["b.view = \(view.id)", "b.position <= \(segment.state.position)"]
            + segment.range.conditions("h")
        let event = view.eventKey.map { ", h.\($0.name)" } ?? ""
        let result = try session.query(
            """
            SELECT \(view.keyList("h")), h._event_time\(event), b.position, coalesce(h._known_at, b.committed_at), h._deleted,
                \(view.featureList("h"))
            FROM \(view.historyTable) h JOIN asof.batches b ON b.batch = h._batch
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(view.keyList("h")), h._event_time\(event), b.position
            """
        )
        let reader = ResultColumn(rows: result, rowOf: (0..<Int32(result.count)).map(\.self))
        let never = [Bool](repeating: false, count: result.count)
        let columns = try SegmentRows.layout(view).types.enumerated().map { try reader.read($0, as: $1, isNull: never) }
        return (0..<result.count).map { row in columns.map { $0.value(row) } }
    }

    /// Whether every file of a view has what it should have.
    func expectRight(_ view: String, in name: String = "segments", _ comment: Comment? = nil) throws {
        let stored = try store.view(view)
        for segment in try segments(view, in: name) {
            let expected = try historyRows(segment, stored)
            #expect(try fileRows(segment, stored, in: name).map(shown) == expected.map(shown), comment)
            #expect(segment.rows == Int64(expected.count), comment)
        }
        #expect(try faults(view, in: name) == [], comment)
        #expect(try warnings(view, in: name) == [], comment)
    }

    /// A row as text; NaN equals NaN there.
    private func shown(_ row: [Value]) -> String { "\(row)" }
}
