import Columnar
import Features
import Foundation
import Segments
import Store
import Synchronization
import TestSupport
import Testing
import Workflows

/// Directories of segments, by calls.
@Suite struct SegmentsWorkflowTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { n: int64 } }
          more: { entities: [user], features: { n: int64 } }
        """

    private let store: TestStore
    private let scratch: Scratch

    init() throws {
        (store, scratch) = (try TestStore(Self.yaml), try Scratch())
        for view in ["stats", "more"] {
            for month in 0..<2 {
                let time = 1_704_067_200_000_000 + Int64(month) * 40 * 86_400_000_000
                try store.ingest(view, (0..<100).map { HistoryRow([.int64($0)], at: time, [.int64($0)]) })
            }
        }
    }

    private func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: true, control: control)
    }

    private func directory() throws -> SegmentDirectory {
        try SegmentDirectory.make(scratch.path + "/segments", storeID: try store.session.storeID())
    }

    private func build(
        _ views: [String] = [],
        _ control: RunControl = RunControl(),
        progress: @escaping @Sendable (SegmentBuildProgress) -> Void = { _ in }
    ) throws -> [SegmentBuildOutcome] {
        try open(control).buildSegments(
            SegmentBuildRequest(views: views),
            in: directory,
            format: ParquetSegments(),
            progress: progress
        )
    }

    @Test func `segments are built, listed, checked and dropped`() throws {
        let seen = Mutex<[String]>([])
        let built = try build {
            switch $0 {
            case .began(let view): seen.withLock { $0.append("began \(view.name)") }
            case .done(let outcome): seen.withLock { $0.append("done \(outcome.view.name)") }
            case .rows: break
            default: Issue.record("\($0)")
            }
        }
        #expect(seen.withLock { $0 } == ["began more", "done more", "began stats", "done stats"])
        #expect(built.map(\.summary.written) == [2, 2] && built.map(\.summary.rows) == [200, 200])
        #expect(try build(["stats"]).map(\.summary.unchanged) == [2])
        let list = try open().listSegments(in: directory, format: ParquetSegments())
        #expect(list.entries.map(\.view.name) == ["more", "more", "stats", "stats"])
        #expect(list.entries.allSatisfy { $0.listing.fault == nil && FileManager.default.fileExists(atPath: $0.path) })
        let checked = try open().checkSegments(in: directory, format: ParquetSegments())
        #expect(checked.views.map(\.findings.count) == [2, 2] && checked.views.allSatisfy { $0.faults == 0 })
        #expect(try open().dropSegments(["stats"], in: directory).files.removed == 2)
        #expect(try open().dropSegments(nil, in: directory).files.removed == 2)
        #expect(try open().listSegments(in: directory, format: ParquetSegments()).entries.isEmpty)
    }

    @Test func `a file that is not as it was written, and one that no list has, are found`() throws {
        _ = try build()
        let path = try #require(
            try open().listSegments(["more"], in: directory, format: ParquetSegments()).entries.first?.path
        )
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.copyItem(at: URL(fileURLWithPath: path), to: folder.appendingPathComponent("x.parquet"))
        try FileManager.default.removeItem(atPath: path)
        var files: [String: Int] = [:]
        let checked = try open().checkSegments(in: directory, format: ParquetSegments()) {
            if case .files(let view, _, let all) = $0 {
                files[view.name, default: 0] += 1
                #expect(all == 2)
            }
        }
        #expect(files == ["more": 2, "stats": 2])
        #expect(checked.views.map(\.faults) == [1, 0] && checked.strays.count == 1)
        let swept = Mutex(0)
        let built = try build { if case .swept(let count) = $0 { swept.withLock { $0 = count } } }
        #expect(swept.withLock { $0 } == 1 && built.map(\.summary.written) == [1, 0])
    }

    @Test func `a view that is not known makes no directory`() throws {
        for names in [["mor"], ["stats", "mor"]] {
            #expect(throws: StoreError.self) { _ = try build(names) }
            #expect(throws: StoreError.self) { _ = try open().dropSegments(names, in: directory) }
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/segments"))
    }

    @Test func `a build that is cancelled ends behind its view, and the next one goes on`() throws {
        let control = RunControl()
        #expect(throws: WorkflowError.cancelled) {
            _ = try build([], control) { if case .done = $0 { control.cancel() } }
        }
        let list = try open().listSegments(in: directory, format: ParquetSegments())
        #expect(list.entries.map(\.view.name) == ["more", "more"])
        let check = RunControl()
        #expect(throws: WorkflowError.cancelled) {
            _ = try open(check).checkSegments(in: directory, format: ParquetSegments()) { _ in check.cancel() }
        }
        #expect(try build().map(\.summary.written) == [0, 2])
    }

    @Test func `who waits for another build is told, and waits no longer than the deadline`() throws {
        let lock = try directory().lock(conninfo: "")
        let waited = Mutex(0)
        #expect(throws: WorkflowError.deadlinePassed) {
            _ = try build([], RunControl(deadline: .now + .milliseconds(700))) {
                if case .waiting = $0 { waited.withLock { $0 += 1 } }
            }
        }
        #expect(waited.withLock { $0 } == 1)
        let deadline = RunControl(deadline: .now + .milliseconds(300))
        #expect(throws: WorkflowError.deadlinePassed) { _ = try open(deadline).dropSegments(nil, in: directory) }
        _ = consume lock
        #expect(try build().map(\.summary.written) == [2, 2])
    }
}
