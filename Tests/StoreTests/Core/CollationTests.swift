import Features
import PointInTime
import Postgres
import Store
import TestSupport
import Testing
import TrainingSets

@Suite struct CollationTests {
    private static let yaml = """
        entities:
          city: { key: city, type: string }
        views:
          weather: { entities: [city], features: { temp: float64, note: string } }
        """

    /// Keys that locales order otherwise than bytes do, or hold for equal.
    private static let keys = [
        "b", "B", "a", "A", "ab", "aB", "a b", "a-b", "é", "e\u{301}", "E", "z", "Z", "Ä", "ä", "ß", "ss", "日本", "_",
        "1",
        "10", "2", "🙂", "", " a", "İ", "i", "I", "ﬁ", "fi",
    ]

    private struct Outcome: Equatable {
        var digest: String
        var orderedKeys: [String]
        var onlineCount: Int64
        var byRange: String
    }

    private static func outcome(_ collation: ThrowawayCluster.Collation) throws -> Outcome {
        let store = try TestStore(yaml, collation: collation)
        let base: Int64 = 1_700_000_000_000_000
        for round in 0..<3 {
            let rows = keys.enumerated().map { index, key in
                HistoryRow(
                    [.string(key)],
                    at: base + Int64((index * 7 + round) % 5) * 1_000_000,
                    [.float64(Double(index * 10 + round)), .string(key + "!")]
                )
            }
            try store.ingest("weather", rows, source: "round \(round)")
        }
        #expect(try store.violations() == [])
        let spineKeys = (keys + keys.reversed()).map { Value.string($0) }
        let spine = ColumnBatch(
            names: ["city", "t"],
            columns: [
                Column(type: .string, spineKeys),
                Column(type: .timestamp, values: .int64(spineKeys.indices.map { base + Int64($0 % 6) * 1_000_000 })),
            ],
            rowCount: spineKeys.count
        )
        let exported = try store.export("weather.*", spine: spine, labelTime: "t", options: JoinOptions(witness: true))
        let ordered = try store.session.query("SELECT city FROM online.weather ORDER BY city")
        return Outcome(
            digest: exported.digest,
            orderedKeys: (0..<ordered.count).map { ordered.text($0, 0) ?? "" },
            onlineCount: Int64(ordered.count),
            byRange: try store.session.execute(
                "SELECT string_agg(city, ',' ORDER BY city) FROM history.weather WHERE city > 'Z' AND city < 'é'"
            )[0].text(0, 0) ?? ""
        )
    }

    @Test func `a database of another collation has the same order, the same ties and the same digests`() throws {
        let bytewise = try Self.outcome(.bytewise)
        #expect(bytewise.onlineCount == Int64(Self.keys.count))
        let bytes = Self.keys.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        #expect(bytewise.orderedKeys.map { Array($0.utf8) } == bytes)
        for collation in [ThrowawayCluster.Collation.icu("en-US"), .icu("tr-TR"), .libc("C.UTF-8")] {
            let other = try Self.outcome(collation)
            #expect(other.digest == bytewise.digest, "\(collation)")
            #expect(other.orderedKeys.map { Array($0.utf8) } == bytes, "\(collation)")
            #expect(other == bytewise, "\(collation)")
        }
    }
}
