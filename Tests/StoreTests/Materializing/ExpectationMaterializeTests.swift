import Features
import TestSupport
import Testing

@testable import Materializing
@testable import Store

/// Expectations of batch views.
@Suite struct ExpectationMaterializeTests {
    private static func yaml(_ clicks: String, name: String = "string") -> String {
        BatchViewStore.yaml.replacing("clicks: int64, name: string", with: "clicks: \(clicks), name: \(name)")
    }

    /// Hours 0 to 2 of user 1, of which hour 1 has too many clicks, and an early row of user 2.
    private static func filled(_ yaml: String) throws -> BatchViewStore {
        let batch = try BatchViewStore(yaml)
        try batch.add(1, 0, 1)
        try batch.add(1, 1, 100)
        try batch.add(1, 2, 3)
        try batch.add(2, 0.5, 2)
        return batch
    }

    @Test func `rows that fail are left out, also when the window is run again`() throws {
        let batch = try Self.filled(Self.yaml("{ type: int64, max: 10 }"))
        let summary = try batch.run(to: BatchViewStore.hour(3))
        #expect(summary.rows == 4 && summary.stored == 3 && summary.tally.refused == 1)
        #expect(summary.warnings.count == 1)
        #expect(summary.warnings[0].hasPrefix("the row of user_id 1, event time 2025-01-01 01:00:00"))
        #expect(summary.warnings[0].hasSuffix("feature 'clicks': expected at most 10, got 100; the row is not stored"))
        let history = ["1@0=1", "1@2=3", "2@0.5=2"]
        #expect(try batch.history() == history)
        #expect(try batch.history("online.stats") == ["1@2=3", "2@0.5=2"])
        #expect(try ExpectationIngestTests.counts(batch.store) == ["clicks 4/0/0/1"])

        let again = try batch.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(3))
        #expect(again.stored == 0 && again.known == 3 && again.tally.refused == 1)
        #expect(try batch.history() == history)
        // A run that stores nothing is no commit, and counts nothing.
        #expect(try ExpectationIngestTests.counts(batch.store).count == 1)
        #expect(try batch.store.violations() == [])
    }

    @Test func `warned rows are stored and told of once`() throws {
        let batch = try Self.filled(Self.yaml("{ type: int64, max: 10, action: warn }"))
        let summary = try batch.run(to: BatchViewStore.hour(3))
        #expect(summary.stored == 4 && summary.tally.warned == 1)
        #expect(summary.warnings[0].hasSuffix("got 100; it is stored"))
        let again = try batch.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(3))
        #expect(again.stored == 0 && again.tally.warned == 0 && again.warnings.isEmpty)
        #expect(try ExpectationIngestTests.counts(batch.store) == ["clicks 4/0/1/0"])
    }

    @Test func `a row that stops leaves its chunk and the watermark as they were`() throws {
        let batch = try Self.filled(Self.yaml("{ type: int64, max: 10, action: stop }"))
        let error = ExpectationIngestTests.message { _ = try batch.run(to: BatchViewStore.hour(3), chunk: "1h") }
        #expect(error.contains("the row of user_id 1, event time 2025-01-01 01:00:00"), "\(error)")
        #expect(error.contains("feature 'clicks': expected at most 10, got 100 (action: stop)"), "\(error)")
        #expect(try batch.history() == ["1@0=1", "2@0.5=2"])
        let watermark = try Watermark(batch.store.view("stats")).read(batch.store.session)
        #expect(watermark == BatchViewStore.hour(1))
        // Once the rows are right, the same command goes on.
        try batch.other.execute("UPDATE public.raw SET clicks = 4 WHERE clicks = 100")
        try batch.run(to: BatchViewStore.hour(3), chunk: "1h")
        #expect(try batch.history() == ["1@0=1", "1@1=4", "1@2=3", "2@0.5=2"])
    }

    @Test(arguments: ["reject", "stop", "warn"])
    func `a chunk with too many nulls is refused as a whole, or stored with a warning`(_ action: String) throws {
        let batch = try BatchViewStore(Self.yaml("{ type: int64, max_null: 5%, action: \(action) }"))
        for user in 0..<100 { try batch.add(user, 0.5) }
        try batch.other.execute("UPDATE public.raw SET clicks = NULL WHERE user_id < 6")
        let text = "feature 'clicks' of view 'stats' is null in 6 of the batch's 100 rows (6.00%); its max_null is 5%"
        guard action == "warn" else {
            let error = ExpectationIngestTests.message { _ = try batch.run(to: BatchViewStore.hour(3)) }
            #expect(error.hasPrefix(text), "\(error)")
            #expect(try batch.history().isEmpty)
            return
        }
        #expect(try batch.run(to: BatchViewStore.hour(3)).warnings == [text])
        #expect(try batch.history().count == 100)
        #expect(try ExpectationIngestTests.counts(batch.store) == ["clicks 100/6/0/0"])
    }

    @Test func `rows that history has are not looked at, and values of pii are not shown`() throws {
        let batch = try Self.filled(Self.yaml("int64"))
        try batch.run(to: BatchViewStore.hour(3))
        let checked = Self.yaml("{ type: int64, max: 10, action: stop }", name: "{ type: string, in: [n5], pii: true }")
        try batch.store.apply(checked)
        let again = try batch.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(3))
        #expect(again.stored == 0 && again.known == 4 && again.warnings.isEmpty)
        try batch.add(3, 1, 6)
        let more = try batch.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(3))
        #expect(more.stored == 0 && more.tally.refused == 1)
        #expect(more.warnings[0].contains("expected one of \"n5\", got a value that is not shown (pii)"))
        #expect(!more.warnings[0].contains("n6"))
    }
}
