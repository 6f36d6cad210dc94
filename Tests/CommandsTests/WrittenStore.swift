import Dispatch
import Features
import Foundation
import NIOCore
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Wire

@testable import Commands
@testable import Online
@testable import Serving
@testable import Store
@testable import TrainingSets

/// A real store with the commands that write it and read its history, without a server and without latest values.
final class WrittenStore {
    let store: TestStore
    let engine: Engine
    let writes: FeatureWrites
    private let version: ProtocolVersion
    let now: Int64
    /// How many commands have begun to wait for a position.
    let waitCount = Counter()

    final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        func add() { count.add(1, ordering: .relaxed) }
        var value: Int { count.load(ordering: .relaxed) }
    }

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          airport: { key: origin, type: string }
          tail: { key: tailnum, type: string }
        views:
          stats: { entities: [user], features: { clicks: int64, ctr: float64 } }
          every:
            entities: [user]
            missing: 'null'
            features:
              a: bool
              b: int32
              c: int64
              d: float32
              e: float64
              f: string
              g: bytes
              h: timestamp
              i: vector(3)
              j: list(int64)
              k: list(string)
          weather: { entities: [airport], ttl: 1h, features: { temp: float32, note: string }, missing: 'null' }
          flights: { entities: [airport, tail], online: false, partition: none, features: { delay: int32 } }
          rates: { entities: [], features: { rate: float64 } }
        """

    init(_ yaml: String = WrittenStore.yaml, version: ProtocolVersion = .resp3) throws {
        let store = try TestStore(yaml)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let views = store.registry.views.map { view in
            ServedView(
                view,
                layout: RowLayout(keys: view.storageKeys, features: view.definition.features),
                memory: nil
            )
        }
        let catalog = Catalog(store.registry, views: views, versions: [])
        let conninfo = store.conninfo
        let source = FeatureWrites.Source(
            catalog: { catalog },
            now: { now },
            whenMoved: { [waitCount] _, position, timeoutMs, finish in
                waitCount.add()
                Self.poll(conninfo, position, timeoutMs, finish)
                return 1
            },
            cancelWait: { _ in }
        )
        writes = FeatureWrites(
            source,
            writer: GroupWriter(conninfo: conninfo) { _, finish in finish() },
            history: SessionWorkers(conninfo: conninfo)
        )
        writes.start()
        engine = Engine(writes: writes)
        self.store = store
        self.version = version
        self.now = now
    }

    deinit { writes.stop() }

    private static func poll(
        _ conninfo: String,
        _ position: Int64,
        _ timeoutMs: Int,
        _ finish: @escaping @Sendable (Serving.Reached) -> Void
    ) {
        let thread = Thread {
            let session = try? Session(conninfo: conninfo)
            let isReached = Patience.wait(seconds: Double(timeoutMs) / 1_000) {
                guard let session, let head = try? Ledger(session).head().position else { return false }
                return head >= position
            }
            finish(isReached ? .reached : .timedOut)
        }
        thread.start()
    }

    /// Runs a command, and waits for its reply.
    func ask(_ words: [[UInt8]], _ version: ProtocolVersion? = nil) -> [UInt8] {
        start(words, version).wait()
    }

    final class Reply: Sendable {
        private let bytes = Mutex<[[UInt8]]>([])
        private let done = DispatchSemaphore(value: 0)
        func set(_ value: [UInt8]) {
            bytes.withLock { $0.append(value) }
            done.signal()
        }
        func wait() -> [UInt8] {
            guard done.wait(timeout: .now() + 300) == .success else { return Array("no reply within 300 s".utf8) }
            return bytes.withLock { $0.count == 1 ? $0[0] : Array("\($0.count) replies".utf8) }
        }
    }

    /// Runs a command whose reply may come later.
    /// - Parameter allowsEarly: whether times of early 1970 get the ALLOW1970 that they need.
    func start(
        _ given: [[UInt8]],
        _ version: ProtocolVersion? = nil,
        client id: Int64 = 1,
        allowsEarly: Bool = true
    ) -> Reply {
        let words = allowsEarly ? EarlyTimes.allowed(given) : given
        let version = version ?? self.version
        let reply = Reply()
        let name = String(decoding: words[0], as: UTF8.self)
        guard let command = CommandTable.all.command(name) else {
            reply.set(Array("no command \(name)".utf8))
            return reply
        }
        let client = ClientState(id: id, isAuthenticated: true)
        client.version = version
        var context = CommandContext(reply: ReplyWriter(version: version), client: client, engine: engine)
        switch command.run(&context, words: words) {
        case .deferred(let deferred):
            deferred.start { body in
                var writer = ReplyWriter(version: version)
                body(&writer)
                reply.set(Array(writer.buffer.readableBytesView))
            }
        default: reply.set(Array(context.reply.buffer.readableBytesView))
        }
        return reply
    }

    /// A write of a transaction.
    func prepare(_ given: [[UInt8]]) -> (any QueuedWrite)? {
        var none: WriteAllowance?
        return prepare(given, within: &none)
    }

    /// A write of a transaction, whose writes leave so much.
    func prepare(_ given: [[UInt8]], within allowance: inout WriteAllowance?) -> (any QueuedWrite)? {
        let words = EarlyTimes.allowed(given)
        let client = ClientState(id: 1, isAuthenticated: true)
        var context = CommandContext(reply: ReplyWriter(version: version), client: client, engine: engine)
        context.writeAllowance = allowance
        defer { allowance = context.writeAllowance }
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for word in words {
            ranges.append(bytes.count..<bytes.count + word.count)
            bytes += word
        }
        let command = CommandTable.all.command(String(decoding: words[0], as: UTF8.self))
        return command?.prepare?(&context, Arguments(bytes: bytes.span, ranges: ranges.span))
    }

    /// Commits a transaction's writes.
    func commit(_ prepared: [PreparedWrite]) -> [String] {
        let replies = Reply()
        let version = version
        writes.commitTogether(prepared, client: 1) { bodies in
            var all: [UInt8] = []
            for body in bodies {
                var writer = ReplyWriter(version: version)
                body(&writer)
                all += Array(writer.buffer.readableBytesView) + [0]
            }
            replies.set(all)
        }
        return replies.wait().split(separator: 0).map {
            String(decoding: $0, as: UTF8.self).replacing("\r\n", with: "|")
        }
    }

    /// As ``line(_:version:)``, with the times as they stand there: without an ALLOW1970 that it does not have.
    func exactLine(_ line: String) -> String {
        let words = line.split(separator: " ").map { Array($0.utf8) }
        return String(decoding: start(words, allowsEarly: false).wait(), as: UTF8.self).replacing("\r\n", with: "|")
    }

    /// As ``text(_:version:)``, with the times as they stand there.
    func exactText(_ words: String...) -> String {
        String(decoding: start(words.map { Array($0.utf8) }, allowsEarly: false).wait(), as: UTF8.self)
            .replacing("\r\n", with: "|")
    }

    /// Words with line ends in the reply shown as `|`.
    func text(_ words: String..., version: ProtocolVersion? = nil) -> String {
        String(decoding: ask(words.map { Array($0.utf8) }, version), as: UTF8.self).replacing("\r\n", with: "|")
    }

    /// A line with blanks between its words.
    func line(_ line: String, version: ProtocolVersion? = nil) -> String {
        String(decoding: ask(line.split(separator: " ").map { Array($0.utf8) }, version), as: UTF8.self)
            .replacing("\r\n", with: "|")
    }

    /// The newest row of an entity, as `asof get` reads it.
    func latest(_ view: String, _ keys: [Value]) throws -> EntityRow {
        try EntityLookup(store.session).read(ViewRole(whole: store.view(view)), keys: keys, .latest, state: nil)
    }
}
