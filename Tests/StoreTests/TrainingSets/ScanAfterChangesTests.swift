import Columnar
import Features
import PointInTime
import TestSupport
import Testing

@testable import Operations
@testable import Store
@testable import TrainingSets

/// Segments that are older than what has become of their view since: the scan answers as the probe does.
@Suite struct ScanAfterChangesTests {
    private let fixture: RemovalFixture
    private let segments: SegmentFixture

    init() throws {
        fixture = try RemovalFixture(retiresArchive: false)
        segments = try SegmentFixture(fixture.store)
        for view in ["stats", "pairs", "items"] { try segments.build(view) }
    }

    private static let items = ["a", "é", "none"]

    /// Every entity at several times, an unknown one among them.
    private var spine: ColumnBatch {
        let times = [0, RemovalFixture.january2024 + 5, RemovalFixture.february2024 + 9, Int64(1_735_689_600_000_000)]
        var users: [Int64] = []
        var names: [String] = []
        var labels: [Int64] = []
        for user in Int64(1)...4 {
            for item in Self.items {
                for time in times {
                    users.append(user)
                    names.append(item)
                    labels.append(time)
                }
            }
        }
        return ColumnBatch(
            names: ["user_id", "item", "t"],
            columns: [
                Column(type: .int64, values: .int64(users)), Column(type: .string, values: .text(TextValues(names))),
                Column(type: .timestamp, values: .int64(labels)),
            ],
            rowCount: users.count
        )
    }

    /// - Returns: what both engines give.
    @discardableResult
    private func expectSame(state: LedgerState? = nil) throws -> TestStore.Exported {
        let options = JoinOptions(witness: true)
        let features = "stats.*,pairs.*,items.*"
        let state = try state ?? fixture.store.head()
        let probe = try fixture.store.export(features, spine: spine, labelTime: "t", state: state, options: options)
        let scan = try fixture.store.export(
            features,
            spine: spine,
            labelTime: "t",
            state: state,
            options: options,
            engine: try segments.scan()
        )
        #expect(scan.join.plan.engine == .scan)
        #expect(scan.digest == probe.digest)
        #expect(scan.counts == probe.counts)
        return scan
    }

    @Test func `an entity that was forgotten since is not found`() throws {
        let before = try expectSame().counts[0].matched
        _ = try fixture.forgetting("user", "1").run()
        #expect(try expectSame().counts[0].matched < before)
    }

    @Test func `a partition that was dropped since is not found`() throws {
        let before = try expectSame().counts[0].matched
        _ = try HistoryDrop(fixture.store.session, try fixture.store.view("stats"))
            .run(before: Timestamp(microseconds: RemovalFixture.february2024))
        #expect(try expectSame().counts[0].matched < before)
    }

    @Test func `a feature that came since is null in what is older`() throws {
        let state = try fixture.store.head()
        try fixture.store.apply(
            RemovalFixture.yaml.replacing("x: float64 }", with: "x: float64, y: string }")
        )
        try expectSame(state: state)
        try fixture.store.ingest(
            "stats",
            [HistoryRow([.int64(2)], at: RemovalFixture.february2024 + 1, [.int64(9), .null, .string("new")])]
        )
        let column = try #require(try expectSame().batch["stats__y"])
        #expect(column.nullCount > 0 && column.nullCount < column.rowCount)
    }
}
