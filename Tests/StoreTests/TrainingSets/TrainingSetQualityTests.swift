import Features
import Foundation
import PointInTime
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

@Suite struct TrainingSetQualityTests {
    private static let day: Int64 = 86_400_000_000

    private static func exported(_ batches: [Range<Int>]) throws -> TrainingSetJoin {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], ttl: 10d, features: { n: int64, x: float64, at: timestamp, s: string } } }
            """
        )
        let rows: [HistoryRow] = (0..<20).map { (user: Int64) -> HistoryRow in
            let x: Value = user == 4 ? .float64(.nan) : .float64(Double(user) / 2)
            let s: Value = user == 5 ? .null : .string("same")
            let at = Value.timestamp(Timestamp(microseconds: user))
            return HistoryRow([.int64(user)], at: user * day, isDeleted: user == 3, [.int64(user), x, at, s])
        }
        try store.ingest("stats", rows)
        let columns = try FeatureSelection(text: "stats.*").columns(in: store.registry.definitions)
        let registry = store.registry
        let spec = try TrainingSetSpec(
            plan: try FeaturePlan(columns) { name throws(StoreError) in try registry.view(named: name) },
            labelTime: "t",
            spine: [ColumnSchema(name: "user_id", type: .int64), ColumnSchema(name: "t", type: .timestamp)],
            state: try store.head(),
            options: JoinOptions()
        )
        let join = try TrainingSetJoin(spec, sessions: [store.session])
        for rows in batches {
            // Label time 12d: users 0 and 1 have expired, 3 is a tombstone, 13 to 19 come later, 20 and 21 never.
            _ = try join.join(
                ColumnBatch(
                    names: ["user_id", "t"],
                    columns: [
                        Column(type: .int64, values: .int64(rows.map { Int64($0) })),
                        Column(type: .timestamp, values: .int64(rows.map { _ in 12 * day })),
                    ],
                    rowCount: rows.count
                )
            )
        }
        return join
    }

    @Test func `the numbers are those of the exported values`() throws {
        let quality = try #require(try Self.exported([0..<22]).quality)
        #expect(quality.features.map(\.name) == ["stats__n", "stats__x", "stats__at", "stats__s"])
        // Users 2 and 4 to 12.
        let n = quality.features[0]
        #expect(n.nulls == 12 && n.min == .integer(2) && n.max == .integer(12) && n.mean == .real(7.4))
        #expect(n.quantiles?.p50 == .real(7.5) && n.quantiles?.p1 == .real(2.18) && !n.constant)
        let x = quality.features[1]
        #expect(x.nulls == 12 && x.nans == 1 && x.min == .real(1) && x.max == .real(6))
        #expect(quality.features[2].max == .time("1970-01-01T00:00:00.000012Z"))
        #expect(quality.features[3].nulls == 13 && quality.features[3].max == .integer(4))
        #expect(
            quality.ages == [
                .init(
                    prefix: "stats",
                    minUs: 0,
                    p50Us: 9 * Self.day / 2,
                    p95Us: Int64(9.1 * Double(Self.day)),
                    maxUs: 10 * Self.day
                )
            ]
        )
    }

    @Test func `how the spine is cut into batches changes no number`() throws {
        #expect(try Self.exported([0..<22]).quality == Self.exported([0..<1, 1..<9, 9..<9, 9..<22]).quality)
    }

    @Test func `a manifest keeps its numbers, and one without them is read`() throws {
        let join = try Self.exported([0..<22])
        let manifest = TrainingSetManifest(
            join,
            storeID: "s",
            features: "stats.*",
            service: nil,
            spineSource: "spine.csv",
            output: .init(file: "o.csv", format: "csv")
        )
        let json = try manifest.json
        let again = try TrainingSetManifest(json: json, path: "m")
        #expect(again.quality?.ages == manifest.quality?.ages)
        #expect(try again.json == json)
        var old = manifest
        old.quality = nil
        let oldJSON = try old.json
        #expect(!oldJSON.contains("quality"))
        #expect(try TrainingSetManifest(json: oldJSON, path: "m") == old)
    }

    @Test func `numbers that were not asked for are not gathered`() throws {
        let join = try Self.exported([0..<2])
        let store = try TestStore("views: {}")
        #expect(try TrainingSetJoin(join.spec, sessions: [store.session], measures: false).quality == nil)
    }
}
