import Features
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// Records that cannot be stored.
extension StreamRunTests {
    @Test func `a bad record stops the stream behind what comes before it`() throws {
        let topic = Self.topic(10)
        topic.append("{\"user\": 1")
        topic.append(Self.event(11))
        let place = StreamError.Place(stream: "orders", topic: "orders", partition: 0)
        for _ in 0..<2 {
            guard case .badRecord(place, offset: 10, _) = failure(topic) else {
                Issue.record("the bad record is not told")
                return
            }
            #expect(try numbers() == Array(0..<10))
        }
    }

    @Test func `bad records are set aside with their reasons, and nothing else is`() throws {
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        let topic = Self.topic(4)
        let bad: [(String?, RejectedRecord.Code, String)] = [
            ("", .format, " "), (nil, .format, "a tombstone"), ("[1]", .format, "JSON object"),
            ("{\"user\": 1, \"seq\": \"x\", \"amount\": 1, \"ts\": 1767225600000}", .value, "value.seq is "),
            ("{\"user\": 1, \"seq\": 1, \"amount\": 1}", .value, "value.ts is not there"),
            ("{\"user\": null, \"seq\": 1, \"amount\": 1, \"ts\": 1767225600000}", .row, "'user_id' is null"),
            ("{\"user\": 1, \"seq\": 1, \"amount\": 1, \"ts\": 99767225600000}", .row, "ahead of PostgreSQL's clock"),
        ]
        for (value, _, _) in bad { topic.append(value) }
        topic.append(Self.event(11))
        let summary = try run(topic)
        #expect(summary.rejects == bad.count && summary.rows == 5)
        #expect(try numbers() == [0, 1, 2, 3, 11])
        let rejects = try StreamReject.newest(of: "orders", limit: 100, store.session)
            .sorted { $0.record.offset < $1.record.offset }
        #expect(rejects.map(\.record.offset) == Array(4..<11))
        for (reject, (value, code, reason)) in zip(rejects, bad) {
            #expect(reject.record.code == code && reject.record.reason.contains(reason), "\(reject.record.reason)")
            #expect(reject.record.value == value.map { Array($0.utf8) })
        }
    }

    @Test func `more than one bad record in a hundred stops the stream, and nothing of its batch is stored`() throws {
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        let topic = Self.topic(10)
        for _ in 0..<WorkflowLimits.streamRejectWindowRecords / 100 { topic.append("no JSON") }
        #expect(try run(topic).rejects == 100)
        topic.append("no JSON")
        // What a run set aside counts for that run.
        for _ in 0..<100 { topic.append("no JSON") }
        guard case .tooManyRejects(_, 101, _, _, _) = failure(topic) else {
            Issue.record("it did not stop")
            return
        }
        #expect(try StreamReject.counts(store.session) == ["orders": 100])
    }

    @Test func `what was set aside is deleted after 30 days`() throws {
        try store.apply(Self.yaml("{ on_error: reject, " + Self.plain.dropFirst(2)))
        let topic = Self.topic(1)
        for _ in 0..<3 { topic.append("no JSON") }
        try run(topic)
        try store.session.transaction(.write) { () throws(StoreError) in
            _ = try store.session.query(
                "UPDATE asof.rejects SET rejected_at = now() - interval '30 days 1 minute' WHERE \"offset\" < 3"
            )
        }
        try run(topic)
        #expect(try StreamReject.newest(of: "orders", limit: 9, store.session).map(\.record.offset) == [3])
    }

    /// Records of which the third has an amount that is not as expected, with the view's feature as `action` says.
    private func unexpected(_ action: String, _ onError: String) throws -> MemoryTopic {
        let amount = "amount: { type: float64, max: 5, action: \(action) }"
        let stream = Self.yaml("{ on_error: \(onError), " + Self.plain.dropFirst(2))
        try store.apply(stream.replacing("amount: float64", with: amount))
        let topic = MemoryTopic()
        for (seq, amount) in [1.0, 2, 77, 4].enumerated() {
            topic.append("{\"user\": \(seq), \"seq\": \(seq), \"amount\": \(amount), \"ts\": 1767225600000}")
        }
        return topic
    }

    private func counted() throws -> String? {
        let sums = "SELECT sum(rows) || '/' || sum(warned) || '/' || sum(refused) FROM asof.expectation_counts"
        return try store.session.query(sums).text(0, 0)
    }

    private static let refusal = "feature 'amount': expected at most 5.0, got 77.0"

    @Test func `a record that is not as expected is set aside with the reason, or ends the stream`() throws {
        let topic = try unexpected("reject", "reject")
        let summary = try run(topic)
        #expect(summary.rows == 3 && summary.rejects == 1)
        #expect(try numbers() == [0, 1, 3])
        let reject = try #require(try StreamReject.newest(of: "orders", limit: 9, store.session).first?.record)
        #expect(reject.offset == 2 && reject.code == .row && reject.reason == Self.refusal, "\(reject.reason)")
        #expect(try counted() == "4/0/1")
    }

    @Test(arguments: [("reject", "stop"), ("stop", "stop"), ("stop", "reject")])
    func `a record that stops ends the stream whatever on_error says, behind what comes before it`(
        action: String,
        onError: String
    ) throws {
        let topic = try unexpected(action, onError)
        guard case .badRecord(_, offset: 2, let reason) = failure(topic) else {
            Issue.record("the record is not told")
            return
        }
        #expect(reason.hasPrefix(Self.refusal), "\(reason)")
        #expect(try numbers() == [0, 1])
        #expect(try StreamReject.counts(store.session).isEmpty)
    }

    @Test func `a record that is warned of is stored and counted`() throws {
        let topic = try unexpected("warn", "reject")
        #expect(try run(topic).rows == 4)
        #expect(try numbers() == [0, 1, 2, 3])
        #expect(try counted() == "4/1/0")
        #expect(try StreamReject.counts(store.session).isEmpty)
    }
}
