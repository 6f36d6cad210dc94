import Dispatch
import Features
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Reading
@testable import Serving

/// Which replies are made beside the event loop.
@Suite struct ReplyPlaceTests {
    static func store(_ text: String, resident: Set<String>? = nil) throws -> ServedStore {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { v: { entities: [user], features: { a: string } } }
            """,
            resident: resident
        )
        try store.add("v", [HistoryRow([.int64(1)], at: 5, [.string(text)])])
        return store
    }

    static func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    @Test(
        arguments: [
            "FS.GET v 1", "FS.MGET v 1 1", "FS.GET v 1 META", "HGET v:1 a", "HGETALL v:1", "HMGET v:1 a", "HSCAN v:1 0",
        ],
        [false, true]
    )
    func `of rows that are fetched, the reply is made before the event loop takes it`(
        line: String,
        isTogether: Bool
    ) throws {
        let store = try Self.store("old", resident: [])
        let reply = store.ask(Self.words(line), .resp3, isTogether: isTogether) {
            // What is written from now on would be of this.
            #expect(throws: Never.self) {
                try store.add("v", [HistoryRow([.int64(1)], at: 6, [.string("new")])], position: 2)
            }
        }
        let text = String(decoding: reply, as: UTF8.self)
        #expect(text.contains("old") && !text.contains("new"), "\(text)")
    }

    @Test(arguments: ["FS.GET v 1", "FS.GET v 1 META", "HGET v:1 a", "HGETALL v:1", "HMGET v:1 a", "HSCAN v:1 0"])
    func `one long row is written beside the event loop, except within EXEC`(line: String) throws {
        let store = try Self.store(String(repeating: "x", count: 2_000))
        let reads = FeatureReads(store.piecewise.source, LargeReplies.Sizes(inlineBytesMax: 1_000))
        for isTogether in [false, true] {
            var isLater = false
            let reply = store.ask(Self.words(line), .resp3, reads: reads, isTogether: isTogether) { isLater = true }
            #expect(reply == store.ask(Self.words(line), .resp3))
            #expect(isLater != isTogether)
        }
    }

    @Test(arguments: [false, true])
    func `reads of more arguments than are kept for later are refused`(isTogether: Bool) throws {
        let store = try Self.store("x")
        let entity = [UInt8](repeating: UInt8(ascii: "1"), count: 33 << 20)
        let reply = store.ask(Self.words("FS.MGET v 2") + [entity, entity], .resp3, isTogether: isTogether)
        let text = String(decoding: reply, as: UTF8.self)
        #expect(text.hasPrefix("-FSLIMIT the arguments have 69206025 bytes; 64 MiB are allowed"), "\(text.prefix(200))")
    }

    /// Holds up the making of large replies until it is let go.
    struct Holding {
        let isLetGo = DispatchSemaphore(value: 0)

        init(_ replies: LargeReplies) {
            let isLetGo = isLetGo
            replies.make(LargeArguments(finish: { _ in }, body: { _ = isLetGo.wait(timeout: .now() + 60) }))
        }
    }

    @Test func `only so many large replies wait, and others are refused at once`() throws {
        let replies = LargeReplies()
        let holding = Holding(replies)
        let made = Atomic(0)
        let refusals = Mutex<[String]>([])
        let isDone = DispatchSemaphore(value: 0)
        let count = 1 + ReadingLimits.waitingRepliesMax
        for _ in 0..<count + 2 {
            replies.make(
                LargeArguments { body in
                    var writer = ReplyWriter(version: .resp3)
                    body(&writer)
                    refusals.withLock { $0.append(String(buffer: writer.buffer)) }
                } body: {
                    if made.add(1, ordering: .relaxed).newValue == count { isDone.signal() }
                }
            )
        }
        let told = refusals.withLock { $0 }
        #expect(told.count == 2 && told.allSatisfy { $0.hasPrefix("-FSLIMIT 1024 large reads wait") }, "\(told)")
        holding.isLetGo.signal()
        #expect(isDone.wait(timeout: .now() + 60) == .success)
    }

    @Test(arguments: ["FS.MGET v 1 1", "FS.MGET v 2 1 1 FORMAT columns"])
    func `a large read ends early where the connection is gone`(line: String) throws {
        let store = try Self.store("x")
        let reads = store.piecewise
        let holding = Holding(reads.large)
        let command = try #require(CommandTable.all.command("FS.MGET"))
        let client = ClientState(id: 1, isAuthenticated: true)
        var context = CommandContext(
            reply: ReplyWriter(version: .resp3),
            client: client,
            engine: Engine(reads: reads)
        )
        guard case .deferred(let deferred) = command.run(&context, words: Self.words(line)) else {
            Issue.record("the reply does not come later")
            return
        }
        let reply = Mutex("")
        let hasCome = DispatchSemaphore(value: 0)
        deferred.start { body in
            var writer = ReplyWriter(version: .resp3)
            body(&writer)
            reply.withLock { $0 = String(buffer: writer.buffer) }
            hasCome.signal()
        }
        deferred.abandon?()
        holding.isLetGo.signal()
        #expect(hasCome.wait(timeout: .now() + 60) == .success)
        #expect(reply.withLock { $0 } == "_\r\n")
    }

    /// Runs a read and collects its reply, at once or later.
    private func start(_ words: [[UInt8]], _ reads: FeatureReads, _ replies: Replies) throws {
        let command = try #require(CommandTable.all.command(String(decoding: words[0], as: UTF8.self)))
        let client = ClientState(id: 1, isAuthenticated: true)
        var context = CommandContext(
            reply: ReplyWriter(version: .resp3),
            client: client,
            engine: Engine(reads: reads)
        )
        guard case .deferred(let deferred) = command.run(&context, words: words) else {
            return replies.texts.withLock { $0.append(String(buffer: context.reply.buffer)) }
        }
        deferred.start { body in
            var writer = ReplyWriter(version: .resp3)
            body(&writer)
            replies.texts.withLock { $0.append(String(buffer: writer.buffer)) }
        }
    }

    private final class Replies: Sendable {
        let texts = Mutex<[String]>([])
        var all: [String] { texts.withLock { $0 } }
    }

    /// What each of four reads keeps, of which there is room for three.
    enum Kept: CaseIterable, Sendable {
        case arguments, keys, fetchedRows

        var words: [[UInt8]] {
            switch self {
            case .arguments:
                ReplyPlaceTests.words("FS.MGET v 2 1") + [[UInt8](repeating: UInt8(ascii: "x"), count: 100_000)]
            case .keys, .fetchedRows:
                ReplyPlaceTests.words("FS.MGET v 12500" + String(repeating: " 1", count: 12_500))
            }
        }

        /// What the replies begin with once their turn has come.
        var reply: String { self == .arguments ? "-FSENTITY" : "*12500" }
    }

    @Test(arguments: Kept.allCases)
    func `reads that wait are bounded by what they keep, which is given back`(kept: Kept) throws {
        let store = try Self.store("x", resident: kept == .fetchedRows ? [] : nil)
        if kept == .fetchedRows {
            let rows = (2..<3_000).map { user in
                HistoryRow([.int64(user)], at: 5, [.string(String(repeating: "y", count: 100))])
            }
            try store.add("v", rows)
        }
        let fetched = store.catalog.views[0].memory == nil ? try store.fetchedBytes("v") : 0
        let keys = kept == .fetchedRows ? 2 * 100_000 + 12_500 * MemoryLayout<Value>.stride : 100_000
        let memory = ReadMemory(bytesMax: 3 * (fetched + keys) + 5_000)
        let sizes = LargeReplies.Sizes(
            inlineValuesMax: 0,
            inlineArgumentsMax: kept == .arguments ? 0 : .max
        )
        let reads = FeatureReads(store.piecewise.source, sizes, memory: memory)
        let holding = Holding(reads.large)
        let replies = Replies()
        for _ in 0..<4 { try start(kept.words, reads, replies) }
        #expect(replies.all.count == 1)
        #expect(replies.all.first?.hasPrefix("-FSLIMIT large reads of ") == true, "\(replies.all)")
        #expect(memory.bytesHeld > 3 * (fetched + keys) - 5_000)
        holding.isLetGo.signal()
        #expect(Patience.wait { replies.all.count == 4 && memory.bytesHeld == 0 })
        #expect(replies.all.dropFirst().allSatisfy { $0.hasPrefix(kept.reply) })
        // There is room again, also for one that has more than all may have.
        try start(kept.words, FeatureReads(store.piecewise.source, sizes, memory: ReadMemory(bytesMax: 1)), replies)
        #expect(Patience.wait { replies.all.count == 5 })
        #expect(replies.all.last?.hasPrefix(kept.reply) == true, "\(replies.all.last ?? "")")
    }

    @Test(arguments: [("packed64", 4), ("packed32", 2), ("rows", 20)])
    func `pieces are of so many bytes, however few the keys are`(format: String, pieces: Int) throws {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { v: { entities: [user], features: { a: float32 } } }
            """
        )
        let reads = FeatureReads(store.piecewise.source, LargeReplies.Sizes(pieceBytes: 40))
        let words = Self.words("FS.MGET v 20" + String(repeating: " 1", count: 20) + " FORMAT \(format)")
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for word in words {
            ranges.append(bytes.count..<bytes.count + word.count)
            bytes += word
        }
        let request = try FeatureCommands.mget(
            Arguments(bytes: bytes.span, ranges: ranges.span),
            reads,
            store.catalog
        )
        let isFinished = Atomic(false)
        let reply = LargeReply(
            request,
            request.lookup.views.compactMap(\.memory),
            reads,
            of: store.catalog,
            after: 0,
            .resp3,
            ReadCancellation()
        ) { _ in isFinished.store(true, ordering: .relaxed) }
        var count = 1
        while count < 100, !reply.step() { count += 1 }
        #expect(count == pieces && isFinished.load(ordering: .relaxed))
    }
}
