import Features
import PointInTime
import Store
import TestSupport
import Testing

@Suite struct IngestionTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats:
            entities: [user]
            features: { clicks: int64, ctr: float64 }
        """

    @Test func `a batch moves history, online table and ledger together`() throws {
        let store = try TestStore(Self.yaml)
        let summary = try store.ingest(
            "stats",
            [
                HistoryRow([.int64(1)], at: 1_000_000, [.int64(1), .float64(0.5)]),
                HistoryRow([.int64(1)], at: 2_000_000, [.int64(2), .null]),
                HistoryRow([.int64(2)], at: 1_000_000, [.int64(3), .float64(.nan)]),
            ]
        )
        #expect(summary.rows == 3)
        #expect(summary.state?.position == 2)
        #expect(try store.violations() == [])
        let spine = ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, [.int64(1), .int64(1), .int64(3), .null]),
                Column(type: .timestamp, values: .int64([1_500_000, 2_000_000, 2_000_000, 2_000_000])),
            ],
            rowCount: 4
        )
        let exported = try store.export("stats.clicks,stats.ctr", spine: spine, labelTime: "t")
        #expect(exported.batch.columns[2].boxed == [.int64(1), .int64(2), .null, .null])
        #expect(exported.batch.columns[3].boxed == [.float64(0.5), .null, .null, .null])
        #expect(exported.counts[0].matched == 2)
        #expect(exported.counts[0].missing == 2)
    }
}
