import TestSupport
import Testing

/// `asof stream rejects`: how many there are is told where not all are shown.
@Suite struct StreamRejectsTests {
    @Test func `more than the limit is told on standard error, with the limit that shows all`() throws {
        let store = try CommandLineStore(
            CommandLineStore.definitions + """

                streams:
                  orders: { kafka: { brokers: none, topic: orders }, into: daily, map: { user_id: value.user }, event_time: value.ts unit ms }
                """
        )
        let rejects = ["stream", "rejects", "orders"]
        #expect(try store.succeed(rejects) == "orders: nothing is set aside\n")
        _ = try store.value(
            """
            INSERT INTO asof.rejects (stream, partition, "offset", code, reason, value, value_bytes, batch)
            SELECT 'orders', 0, n, 'row', 'why ' || n, 'x', 1, 1 FROM generate_series(1, 130) n; SELECT ''
            """
        )
        for format in [[], ["--json"]] {
            let some = try store.run(rejects + format)
            #expect(some.status == 0 && some.error == "orders: the newest 20 of 130; all: --limit 130\n", "\(some)")
            #expect(some.out.split(separator: "\n").count == (format.isEmpty ? 21 : 20), "\(some.out)")
            let all = try store.succeed(rejects + format + ["--limit", "130"])
            #expect(all.split(separator: "\n").count == (format.isEmpty ? 131 : 130))
        }
    }
}
