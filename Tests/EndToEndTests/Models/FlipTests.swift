import Foundation
import Glibc
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

/// The champion moves again and again while two servers answer, and servers and PostgreSQL are killed.
@Suite struct FlipTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64 } }
        services:
          shop: [stats.clicks, { request: amount, type: float64 }]
        models:
          buys: { service: shop, task: binary, label: bought, algorithm: logistic }
        """
    private static let words = ["ML.PREDICT", "buys", "KEYS", "2", "user_id", "amount", "ROWS", "1", "7", "61"]
    private static let versions = 1...3

    private static func store(_ cluster: ThrowawayCluster) throws -> ServedStore {
        let store = try ServedStore(yaml, cluster: cluster)
        let rows = (0..<40).map { "\($0),2026-01-01T00:00:00Z,\($0)\n" }.joined()
        let ingested = try store.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,clicks\n" + rows
        )
        try #require(ingested.status == 0, "\(ingested)")
        var random = SeededRandom(seed: 2)
        var labels = "user_id,at,amount,bought\n"
        for row in 0..<500 {
            let amount = random.int(0...100)
            labels += "\(row % 40),2026-01-0\(2 + row / 100)T\(10 + row % 13):00:00Z,\(amount),"
            labels += "\(random.int(0...99) < amount ? 1 : 0)\n"
        }
        _ = try store.scratch.write("labels.csv", labels)
        for version in versions {
            let output = try store.asof(
                [
                    "train", "buys", "--spine", "labels.csv", "--label-time", "at", "--set", "penalty=\(version * 50)",
                    "--promote", version == 1 ? "always" : "never",
                ]
            )
            try #require(output.status == 0, "\(output)")
        }
        return store
    }

    private struct Answer: Sendable {
        var version: Int64
        var score: String
        var modelPosition: Int64
        /// The newest flip that was acknowledged when it was asked, where that was asked for.
        var atLeast: Int64?
    }

    /// What all threads share.
    private final class World: Sendable {
        struct State {
            /// Of each server; `nil` while it is away.
            var ports: [Int?] = [nil, nil]
            var isOver = false
            var isDatabaseAway = false
            var acknowledged: Int64 = 0
            var answers: [Answer] = []
            var failures: [String] = []
            /// Waits for a flip that ended without it.
            var timeouts = 0
        }

        let state = Mutex(State())

        /// Asks one server until the end; a connection that ends with its server is made again.
        func ask(_ server: Int, _ number: Int) {
            var random = SeededRandom(seed: UInt64(10 + number))
            var client: RespClient?
            while true {
                let (port, isOver) = state.withLock { ($0.ports[server], $0.isOver) }
                if isOver { return }
                guard let port else {
                    client = nil
                    Patience.pass(microseconds: 2_000, "until the server is back")
                    continue
                }
                do {
                    if client == nil {
                        client = try RespClient(port: port)
                        _ = try client?.run("HELLO", "3")
                    }
                    guard let client else { continue }
                    try ask(client, random.oneIn(3))
                } catch {
                    client = nil
                    // That a server which was killed does not answer is not its fault.
                    let isThere = state.withLock { $0.ports[server] == port }
                    if isThere { state.withLock { $0.failures.append("server \(server): \(error)") } }
                }
            }
        }

        private func ask(_ client: RespClient, _ waits: Bool) throws {
            let (acknowledged, wasAway) = state.withLock { ($0.acknowledged, $0.isDatabaseAway) }
            let words = FlipTests.words + ["META"] + (waits ? ["MINPOS", "\(acknowledged)"] : [])
            guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            let reply = try client.reply()
            if case .error(let text) = reply {
                state.withLock {
                    if waits, wasAway || $0.isDatabaseAway {
                        $0.timeouts += 1
                    } else {
                        $0.failures.append("\(words): \(text)")
                    }
                }
                return
            }
            guard case .integer(let version)? = reply["version"],
                case .integer(let position)? = reply["model_position"],
                let score = reply["rows"]?.items?.first?.items?.first?.text
            else { throw Trouble("\(reply)") }
            let answer = Answer(
                version: version,
                score: score,
                modelPosition: position,
                atLeast: waits ? acknowledged : nil
            )
            state.withLock { $0.answers.append(answer) }
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `no reply is of a version that was not champion, and no acknowledged flip is lost`() throws {
        let seed: UInt64 = 31
        var random = SeededRandom(seed: seed)
        let cluster = try ThrowawayCluster.start()
        let store = try Self.store(cluster)
        let expected = try Self.versions.map { version in
            let output = try store.asof(["predict", "buys@\(version)", "user_id=7", "amount=61"]).out
            return try #require(output.firstMatch(of: /score: ([0-9.]+)/).map { String($0.1) })
        }
        #expect(Set(expected).count == 3)
        var servers = try (0..<2).map { _ in try store.serve(["--allow-flips"]) }
        let world = World()
        world.state.withLock { $0.ports = servers.map { $0.port } }
        let threads = (0..<4).map { number in Thread { world.ask(number % 2, number) } }
        for thread in threads { thread.start() }
        defer { world.state.withLock { $0.isOver = true } }

        func restart(_ server: Int) throws {
            world.state.withLock { $0.ports[server] = nil }
            servers[server].stop(SIGKILL)
            servers[server] = try store.serve(["--allow-flips"])
            world.state.withLock { $0.ports[server] = servers[server].port }
        }
        var (current, flips): (Int?, [(position: Int64, to: Int)]) = (1, [])
        var unanswered = 0
        for flip in 0..<200 {
            let server = random.int(0...1)
            switch flip {
            case 50: try restart(1)
            case 100:
                world.state.withLock { $0.isDatabaseAway = true }
                cluster.crash()
            case 104: try cluster.start()
            case 150: try restart(0)
            default: break
            }
            // What became of a flip that was not answered is looked up.
            if current == nil, flip > 104 {
                current = try Patience.wait(seconds: 60) { try champion(store) != nil } ? champion(store) : nil
            }
            let to = Self.versions.filter { $0 != current }.randomElement(using: &random) ?? 1
            let isRollback = random.oneIn(5)
            var words =
                isRollback
                ? ["ML.ROLLBACK", "buys", "TO", "\(to)", "REASON", "try"] : ["ML.ALIAS", "buys", "champion", "\(to)"]
            if !isRollback, let current { words += ["IF", "\(current)"] }
            let client = try servers[server].client()
            guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            let reply = try client.reply()
            let position: Int64? =
                if case .integer(let position) = isRollback ? reply["position"] ?? reply : reply { position } else {
                    nil
                }
            if let position {
                flips.append((position, to))
                current = to
                world.state.withLock { $0.acknowledged = position }
                if flip > 104 {
                    // The servers have PostgreSQL again once they have seen this flip.
                    for served in servers {
                        let line = Self.words + ["MINPOS", "\(position)"]
                        let other = try served.client()
                        let hasSeen = try Patience.wait(seconds: 60) {
                            other.send(RespClient.request(line)) ? try !other.reply().isError : false
                        }
                        #expect(hasSeen, "flip \(flip)")
                    }
                    world.state.withLock { $0.isDatabaseAway = false }
                }
            } else {
                #expect((100...110).contains(flip), "seed \(seed), flip \(flip): \(words) \(reply)")
                unanswered += 1
                current = nil
            }
        }
        world.state.withLock { $0.isOver = true }
        #expect(Patience.wait(seconds: 30) { threads.allSatisfy(\.isFinished) })
        try expect(world, flips, unanswered, expected, store)
    }

    private func champion(_ store: ServedStore) throws -> Int? {
        guard let session = try? store.session() else { return nil }
        let rows = try? session.query(
            "SELECT version FROM asof.model_aliases WHERE model = 'buys' AND alias = 'champion'"
        )
        return rows?.int32(0, 0).map { Int($0) }
    }

    private func expect(
        _ world: World,
        _ flips: [(position: Int64, to: Int)],
        _ unanswered: Int,
        _ expected: [String],
        _ store: ServedStore
    ) throws {
        let (answers, failures, timeouts) = world.state.withLock { ($0.answers, $0.failures, $0.timeouts) }
        #expect(failures.isEmpty, "\(failures.count): \(failures.prefix(3))")
        let rows = try store.session().query(
            """
            SELECT b.position, e.to_version FROM asof.model_events e JOIN asof.batches b ON b.batch = e.batch AND b.view = -1
            WHERE e.model = 'buys' AND e.alias = 'champion' ORDER BY b.position
            """
        )
        let history = (0..<rows.count).map { (position: rows.int64($0, 0) ?? 0, to: Int(rows.int32($0, 1) ?? 0)) }
        let byPosition = Dictionary(history.map { ($0.position, $0.to) }) { first, _ in first }
        for flip in flips { #expect(byPosition[flip.position] == flip.to, "the flip at \(flip.position) is lost") }
        // The first is of the training, and what was not answered may have been done.
        #expect((flips.count...flips.count + unanswered).contains(history.count - 1), "\(flips.count) \(history.count)")
        #expect(flips.map(\.position) == flips.map(\.position).sorted())

        var wrong: [String] = []
        for answer in answers {
            let champion = byPosition[answer.modelPosition]
            let isWhole = expected[Int(answer.version) - 1] == answer.score
            let isSeen = answer.atLeast.map { least in
                answer.modelPosition >= (history.last { $0.position <= least }?.position ?? 0)
            }
            if champion.map({ Int64($0) }) != answer.version || !isWhole || isSeen == false {
                wrong.append("\(answer)")
            }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(answers.count): \(wrong.prefix(3))")
        #expect(answers.count > 1_000 && answers.contains { $0.atLeast != nil }, "\(answers.count), \(timeouts)")
        #expect(Set(answers.map(\.modelPosition)).count > 100)
    }
}
