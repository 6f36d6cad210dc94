import Features
import Foundation
import Kafka
import Postgres
import Store
import Synchronization
import TestSupport
import Testing
import Workflows

/// Streams over a topic in memory and a real store: each record once, whatever happens.
@Suite struct StreamRunTests {
    private static let head = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          orders: { entities: [user], features: { seq: int64, amount: float64 } }
          last: { entities: [user], features: { seq: int64 } }
        streams:
        """
    static let plain = "{ into: orders, map: { user_id: value.user }, event_time: value.ts unit ms }"

    let store: TestStore

    init() throws { store = try TestStore(Self.yaml()) }

    /// - Parameter stream: without where it is from.
    static func yaml(_ stream: String = plain) -> String {
        let kafka = "{ kafka: { brokers: none, topic: orders }, "
        return head + "\n  orders: " + kafka + stream.dropFirst(2) + "\n"
    }

    static func event(_ number: Int) -> String {
        "{\"user\": \(number % 5), \"seq\": \(number), \"amount\": \(Double(number) / 4), \"ts\": \(1_767_225_600_000 + number)}"
    }

    static func topic(_ count: Int, partitions: Int = 1) -> MemoryTopic {
        let topic = MemoryTopic(partitions: partitions)
        for number in 0..<count { topic.append(event(number), to: number % partitions) }
        return topic
    }

    func worker(
        _ topic: MemoryTopic,
        _ options: StreamRunOptions = StreamRunOptions(end: .caughtUp),
        at conninfo: String? = nil,
        control: RunControl = RunControl(),
        tell: @escaping (StreamEvent) -> Void = { _ in }
    ) -> StreamWorker<MemorySource> {
        StreamWorker(
            stream: "orders",
            conninfo: conninfo ?? store.conninfo,
            options: options,
            control: control,
            tell: tell
        ) { _ in MemorySource(topic) }
    }

    @discardableResult
    func run(_ topic: MemoryTopic, _ end: StreamEnd = .caughtUp) throws -> StreamSummary {
        let outcome = worker(topic, StreamRunOptions(end: end)).run()
        if let failure = outcome.failure { throw failure }
        return outcome.summary
    }

    func failure(_ topic: MemoryTopic) -> StreamError? { worker(topic).run().failure as? StreamError }

    func numbers(_ view: String = "orders") throws -> [Int] {
        let rows = try store.session.query("SELECT seq FROM history.\"\(view)\" WHERE NOT _deleted ORDER BY seq")
        return (0..<rows.count).map { Int(rows.int64($0, 0) ?? -1) }
    }

    /// Whether batches of each partition follow on one another, from its start to where it stands.
    private func isGapless() throws -> Bool {
        try store.session.query(
            """
            SELECT NOT EXISTS (SELECT FROM (SELECT first, lag(next) OVER (PARTITION BY partition ORDER BY first) AS before
                FROM asof.stream_batches) b WHERE before IS NOT NULL AND before <> first)
            """
        ).bool(0, 0) == true
    }

    @Test func `records become rows, and a second run has nothing to do`() throws {
        let topic = Self.topic(100, partitions: 3)
        let summary = try run(topic)
        #expect(summary.records == 100 && summary.rows == 100)
        #expect(try numbers() == Array(0..<100))
        let position = try store.head().position
        #expect(summary.position == position)
        #expect(try run(topic, .once) == StreamSummary())
        #expect(try store.head().position == position)
        #expect(try store.violations() == [])
        #expect(try isGapless())
    }

    @Test func `a record is a row of each view of the stream, at one position`() throws {
        try store.apply(
            Self.yaml("{ into: [orders, last], map: { user_id: value.user }, event_time: value.ts unit ms }")
        )
        let topic = Self.topic(50)
        let summary = try run(topic)
        #expect(try numbers() == Array(0..<50) && numbers("last") == Array(0..<50))
        #expect(summary.rows == 100)
        let commits = try store.session.query(
            "SELECT count(DISTINCT position), count(*) FROM asof.batches WHERE kind = 'data'"
        )
        #expect(commits.int64(0, 1) == 2 * (commits.int64(0, 0) ?? 0))
    }

    @Test func `a run that is ended after any batch goes on with the next record`() throws {
        let topic = Self.topic(200, partitions: 2)
        var options = StreamRunOptions(end: .caughtUp)
        options.batchRecordsMax = 10
        for _ in 0..<8 {
            let control = RunControl()
            let left = Mutex(3)
            let outcome = worker(topic, options, control: control) { event in
                guard case .stored = event else { return }
                left.withLock { left in
                    left -= 1
                    if left == 0 { control.cancel() }
                }
            }.run()
            #expect(outcome.failure == nil)
        }
        try run(topic)
        #expect(try numbers() == Array(0..<200))
        #expect(try isGapless())
    }

    @Test(.timeLimit(.minutes(2)), arguments: [LoopbackProxy.AtCommit.cutBefore, .cutAfter])
    func `a COMMIT that is not answered loses and doubles nothing`(fate: LoopbackProxy.AtCommit) throws {
        let cluster = try ThrowawayCluster.shared()
        let proxy = try LoopbackProxy(to: cluster, database: store.conninfo)
        defer { proxy.stop() }
        let topic = Self.topic(60)
        var options = StreamRunOptions(end: .caughtUp)
        options.batchRecordsMax = 20
        let batches = Mutex(0)
        let waited = Mutex(0)
        let outcome = worker(topic, options, at: proxy.conninfo) { event in
            switch event {
            case .stored:
                let count = batches.withLock { count in
                    count += 1
                    return count
                }
                if count == 1 { proxy.trap(fate, marker: "INSERT INTO asof.batches") }
            case .waiting: waited.withLock { $0 += 1 }
            default: break
            }
        }.run()
        #expect(proxy.hasTrapped)
        #expect(outcome.failure == nil)
        #expect(waited.withLock { $0 } > 0)
        #expect(try numbers() == Array(0..<60))
        #expect(try isGapless())
    }

    @Test func `two that read the same partitions store each record once`() throws {
        let topic = Self.topic(3_000, partitions: 2)
        var options = StreamRunOptions(end: .caughtUp)
        options.batchRecordsMax = 50
        options.lingerMs = 0
        let chosen = options
        let outcomes = Mutex<[StreamOutcome]>([])
        let done = DispatchSemaphore(value: 0)
        for _ in 0..<2 {
            let (store, topic) = (store.conninfo, topic)
            let thread = Thread {
                let worker = StreamWorker(
                    stream: "orders",
                    conninfo: store,
                    options: chosen,
                    control: RunControl(),
                    tell: { _ in }
                ) { _ in MemorySource(topic) }
                let outcome = worker.run()
                outcomes.withLock { $0.append(outcome) }
                done.signal()
            }
            thread.start()
        }
        for _ in 0..<2 { done.wait() }
        let ended = outcomes.withLock { $0 }
        #expect(ended.contains { $0.failure == nil })
        for outcome in ended {
            if let failure = outcome.failure {
                guard case .outrun = failure as? StreamError else {
                    Issue.record("\(failure)")
                    continue
                }
            }
        }
        #expect(ended.reduce(0) { $0 + $1.summary.records } == 3_000)
        #expect(try numbers() == Array(0..<3_000))
        #expect(try isGapless())
    }

    @Test func `gaps of compaction and ends of transactions are no records`() throws {
        let topic = Self.topic(40)
        topic.change { partitions in
            partitions[0].records.removeAll { $0.offset % 3 == 1 || $0.offset == 39 }
            partitions[0].high = 45
        }
        try run(topic)
        #expect(try numbers() == (0..<39).filter { $0 % 3 != 1 })
        let positions = try StreamPosition.all(of: "orders", store.session)
        #expect(positions[0]?.next == 45 && positions[0]?.last?.offset == 38)
        // The last record that was taken is compacted away, and new ones come.
        topic.change { $0[0].records.removeAll() }
        topic.append(Self.event(100))
        try run(topic)
        #expect(try numbers().last == 100)
    }

    @Test func `where latest is, is decided once, and a partition that is added is read from its start`() throws {
        try store.apply(Self.yaml("{ start: latest, " + Self.plain.dropFirst(2)))
        let topic = Self.topic(10)
        try run(topic)
        #expect(try numbers() == [])
        topic.append(Self.event(10))
        topic.change { $0.append(MemoryTopic.Partition()) }
        topic.append(Self.event(11), to: 1)
        try run(topic)
        #expect(try numbers() == [10, 11])
    }

    @Test func `a time is where the first record of it or a later one is`() throws {
        try store.apply(Self.yaml("{ start: 2026-01-01T00:00:00.0015Z, " + Self.plain.dropFirst(2)))
        let topic = MemoryTopic()
        for number in 0..<5 { topic.append(Self.event(number), timeUs: MemoryTopic.time + Int64(number) * 1_000) }
        try run(topic)
        #expect(try numbers() == [2, 3, 4])
    }

    @Test func `a tombstone deletes its key at its own time`() throws {
        try store.apply(
            Self.yaml("{ into: orders, map: { user_id: key }, event_time: value.ts unit ms, deleted: tombstone }")
        )
        let topic = MemoryTopic()
        for number in 0..<4 { topic.append(Self.event(number), key: String(number)) }
        topic.append(nil, key: "2", timeUs: MemoryTopic.time + 1_000_000)
        try run(topic)
        let rows = try store.session.query("SELECT user_id, _event_time FROM online.orders WHERE _deleted")
        #expect(rows.count == 1 && rows.int64(0, 0) == 2)
        #expect(rows.timestamp(0, 1) == MemoryTopic.time + 1_000_000)
        #expect(try store.violations() == [])
    }

    @Test func `of equal keys and times in one batch the greater partition and offset wins`() throws {
        let topic = MemoryTopic(partitions: 2)
        let at = 1_767_225_600_000
        for (partition, number) in [(1, 4), (0, 1), (1, 5), (0, 2)] {
            topic.append("{\"user\": 1, \"seq\": \(number), \"amount\": 0, \"ts\": \(at)}", to: partition)
        }
        let summary = try run(topic)
        #expect(summary.duplicates == 3)
        #expect(try numbers() == [5])
    }

    @Test func `events of one key and time are rows each, and a record that comes again is not`() throws {
        let head = """
            entities:
              user: { key: user_id, type: int64 }
            views:
              orders: { entities: [user], events: { id: seq }, features: { seq: int64 } }
              recent: { entities: [user], windows: { of: orders, features: { n: count over 1h } } }
            streams:
            """
        func yaml(_ rest: String) -> String {
            head + "\n  orders: { kafka: { brokers: none, topic: orders }, event_time: value.ts unit ms, \(rest) }\n"
        }
        let store = try TestStore(yaml("into: orders, map: { user_id: value.user }"))
        let topic = MemoryTopic()
        for number in [1, 2, 3, 2] { topic.append("{\"user\": 1, \"seq\": \(number), \"ts\": 1767225600000}") }
        let outcome = StreamWorker(
            stream: "orders",
            conninfo: store.conninfo,
            options: StreamRunOptions(end: .caughtUp),
            control: RunControl(),
            tell: { _ in }
        ) { _ in MemorySource(topic) }.run()
        #expect(outcome.failure == nil && outcome.summary.rows == 3 && outcome.summary.duplicates == 1)
        let rows = try store.session.query("SELECT count(*), count(DISTINCT seq) FROM history.orders")
        #expect(rows.int64(0, 0) == 3 && rows.int64(0, 1) == 3)
        // What is computed is not filled, and a tombstone of an event needs its id.
        for (rest, part) in [
            ("into: recent, map: { user_id: value.user }", "computed over the events of 'orders'"),
            ("into: orders, deleted: tombstone, map: { user_id: key }", "'seq' is to come from the record's key"),
        ] {
            let error = #expect(throws: DefinitionsError.self) { try store.apply(yaml(rest)) }
            #expect(error.map { "\($0)".contains(part) } == true, "\(error.map { "\($0)" } ?? "")")
        }
    }

    @Test func `a run may open more partitions than one batch may, as time goes on`() throws {
        let orders = "orders: { entities: [user], partition: day, features: { seq: int64, amount: float64 } }"
        let store = try TestStore(
            Self.yaml().replacing(
                "orders: { entities: [user], features: { seq: int64, amount: float64 } }",
                with: orders
            )
        )
        let topic = MemoryTopic()
        for day in 0..<150 {
            topic.append(
                "{\"user\": 1, \"seq\": \(day), \"amount\": 0, \"ts\": \(1_767_225_600_000 - day * 86_400_000)}"
            )
        }
        let refused = worker(topic, at: store.conninfo).run().failure as? StoreError
        #expect(
            refused.map { "\($0)".contains("120 are allowed at once") && "\($0)".contains("partition: year") } == true
        )
        var options = StreamRunOptions(end: .caughtUp)
        options.batchRecordsMax = 50
        #expect(worker(topic, options, at: store.conninfo).run().failure == nil)
        #expect(try store.session.query("SELECT count(*) FROM history.orders").int64(0, 0) == 150)
    }

    @Test func `a change of definitions holds from the next batch on`() throws {
        let topic = Self.topic(10)
        let control = RunControl()
        let begun = Mutex(0)
        let ended = DispatchSemaphore(value: 0)
        let conninfo = store.conninfo
        let thread = Thread {
            _ = StreamWorker(
                stream: "orders",
                conninfo: conninfo,
                options: StreamRunOptions(),
                control: control,
                tell: { if case .began = $0 { begun.withLock { $0 += 1 } } }
            ) { _ in MemorySource(topic) }.run()
            ended.signal()
        }
        thread.start()
        try #require(try Patience.wait { try numbers().count == 10 })
        try store.apply(Self.yaml("{ into: last, map: { user_id: value.user }, event_time: value.ts unit ms }"))
        try #require(Patience.wait { begun.withLock { $0 } == 2 })
        topic.append(Self.event(10))
        try #require(try Patience.wait { try numbers("last") == [10] })
        control.cancel()
        ended.wait()
        #expect(try numbers() == Array(0..<10))
    }
}
