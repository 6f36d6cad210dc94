import Features
import PointInTime
import TestSupport
import Testing
import TrainingSets

@Suite struct QualityWarningTests {
    private static func manifest(
        _ rows: [(user: Int64, day: Int)],
        ttl: String = "1000d"
    ) throws -> TrainingSetManifest {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats: { entities: [user], ttl: \(ttl), features: { n: int64, x: float64, y: float64 } }
            """
        )
        try store.ingest(
            "stats",
            [
                HistoryRow([.int64(1)], at: 0, [.int64(1), .float64(.nan), .null]),
                HistoryRow([.int64(2)], at: 0, [.int64(2), .float64(.infinity), .null]),
                HistoryRow([.int64(3)], at: 0, [.int64(2), .float64(1), .float64(2)]),
            ]
        )
        let dayUs: Int64 = 86_400_000_000
        let spine = ColumnBatch(
            names: ["user_id", "at"],
            columns: [
                Column(type: .int64, values: .int64(rows.map(\.user))),
                Column(type: .timestamp, values: .int64(rows.map { Int64($0.day) * dayUs })),
            ],
            rowCount: rows.count
        )
        let made = try store.export("stats.*", spine: spine, labelTime: "at")
        return TrainingSetManifest(
            made.join,
            storeID: "s",
            features: "stats.*",
            service: nil,
            spineSource: "spine.csv",
            output: .init(file: "out.csv", format: "csv")
        )
    }

    @Test func `each of the things that look wrong is told with its numbers`() throws {
        #expect(try Self.manifest([]).qualityWarnings == [.noRows])
        #expect(
            try Self.manifest([(9, 1)]).qualityWarnings == [
                .nothingMatched(view: "stats"), .allNull(feature: "stats__n"), .allNull(feature: "stats__x"),
                .allNull(feature: "stats__y"),
            ]
        )
        #expect(
            try Self.manifest([(1, 1), (2, 1), (3, 1), (3, 1), (1, 1), (1, 1)]).qualityWarnings == [
                .notFinite(feature: "stats__x", nans: 3, infinities: 1),
                .constant(feature: "stats__y", hasNulls: true), .mostlyNull(feature: "stats__y", percent: 66),
            ]
        )
    }

    @Test(arguments: [(20, []), (9, [QualityWarning.expired(view: "stats", percent: 11, ttl: "2d")])])
    func `values of a view that had expired are told beyond a tenth of the rows`(
        rows: Int,
        expected: [QualityWarning]
    ) throws {
        let spine = (0..<rows).map { (user: Int64($0 % 2 + 1), day: $0 == 0 ? 5 : 1) }
        let warnings = try Self.manifest(spine, ttl: "2d").qualityWarnings
        #expect(warnings.filter { if case .expired = $0 { true } else { false } } == expected)
    }
}
