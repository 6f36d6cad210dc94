import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Clients that number their writes and send failed ones again, on two servers whose locks are held, connections are cut
/// and writes are refused; at the end a model of what each client was told is compared with history.
@Suite(.serialized) struct RandomOrderTests {
    /// `ASOF_ORDER_SEEDS` = how many; the default is what the contract asks for.
    static let seedCount = ProcessInfo.processInfo.environment["ASOF_ORDER_SEEDS"].flatMap { Int($0) } ?? 1_000
    static let threads = 4

    @Test(.timeLimit(.minutes(10)))
    func `nothing is lost, doubled or out of order, whatever is held, refused or cut`() throws {
        let failures = SideBySide.run(Self.threads, seconds: 560) { thread in
            let scene = try OrderScene()
            defer { scene.stop() }
            for seed in stride(from: thread, to: Self.seedCount, by: Self.threads) {
                var run = OrderRun(scene, seed: UInt64(seed))
                try run.play()
                let faults = try run.faults()
                // One is enough to go on from; the seed makes it again.
                guard faults.isEmpty else { throw OrderFault(seed: seed, text: faults.joined(separator: "\n")) }
            }
            let violations = try scene.store.violations()
            guard violations == [] else { throw OrderFault(seed: -1, text: "\(violations)") }
        }
        #expect(failures.isEmpty, "\(failures)")
    }
}

struct OrderFault: Error, CustomStringConvertible {
    var seed: Int
    var text: String
    var description: String { "seed \(seed): \(text)" }
}

/// A store with two servers' writers, whose patience is short.
private final class OrderScene {
    let store: TestStore
    let servers: [WriterFixture]
    let blocker: Session
    /// Backends that are not the servers'.
    let ownBackends: [Int64]

    init() throws {
        store = try TestStore(WriterFixture.yaml)
        var options = GroupWriter.Options()
        options.heldWaitMs = 30
        options.lockTimeoutMs = 15
        options.retryLockTimeoutMs = 3
        servers = [try WriterFixture(store, options: options), try WriterFixture(store, options: options)]
        blocker = try Session(conninfo: store.conninfo)
        ownBackends = try [store.session, blocker].map {
            Int64(try $0.query("SELECT pg_backend_pid()").int32(0, 0) ?? 0)
        }
    }

    func stop() { for server in servers { server.writer.stop() } }
}

/// One seed's clients and what they did.
private struct OrderRun {
    /// What a client wants stored; it may be sent several times.
    final class Wish {
        let id: Int64
        let view: String
        let user: Int64
        let time: Int64
        let isBad: Bool
        /// `nil` = sent once, without a number.
        var number: Int64?
        var attempts: [Attempt] = []
        var isSettled = false

        init(id: Int64, view: String, user: Int64, time: Int64, isBad: Bool, number: Int64?) {
            self.id = id
            self.view = view
            self.user = user
            self.time = time
            self.isBad = isBad
            self.number = number
        }
    }

    struct Attempt {
        let connection: Int64
        /// Ascending over all that a run sends.
        let order: Int
        let number: Int64?
        let answer: WriterFixture.Answer
    }

    struct Client {
        let source: String
        var connection: Int64
        var server: Int
        var wishes: [Wish] = []
        var lastNumber: Int64 = 0
        /// Sent on the present connection and not looked at, oldest first.
        var unread: [Wish] = []
    }

    private let scene: OrderScene
    private let seed: UInt64
    private var random: SeededRandom
    private var clients: [Client] = []
    private var lastConnection: Int64
    private var lastID: Int64
    private var lastOrder = 0
    private var isHolding = false
    private var notes: [String] = []

    init(_ scene: OrderScene, seed: UInt64) {
        self.scene = scene
        self.seed = seed
        random = SeededRandom(seed: seed)
        lastConnection = Int64(seed) * 1_000
        lastID = Int64(seed + 1) * 1_000
        for index in 0..<8 {
            lastConnection += 1
            clients.append(Client(source: "s\(seed)-\(index)", connection: lastConnection, server: index % 2))
        }
    }

    mutating func play() throws {
        for _ in 0..<60 {
            switch random.int(0...19) {
            case 0...11: send(random.int(0...7))
            case 12...14: read(random.int(0...7), upTo: random.int(1...3))
            case 15: reconnect(random.int(0...7))
            case 16, 17: try toggleHold()
            case 18 where random.oneIn(6): try cut()
            default: break
            }
        }
        if isHolding { try toggleHold() }
        for index in clients.indices { finish(index) }
    }

    // MARK: Clients

    private mutating func send(_ index: Int) {
        lastID += 1
        var number: Int64?
        if !random.oneIn(5) {
            // Some leave numbers out.
            clients[index].lastNumber += random.oneIn(12) ? 2 : 1
            number = clients[index].lastNumber
        }
        let wish = Wish(
            id: lastID,
            view: random.oneIn(2) ? "stats" : "other",
            user: Int64(seed) * 10 + Int64(random.int(1...3)),
            time: Int64(random.int(1...2)),
            isBad: random.oneIn(12),
            number: number
        )
        clients[index].wishes.append(wish)
        submit(wish, index)
    }

    private mutating func submit(_ wish: Wish, _ index: Int) {
        let client = clients[index]
        let server = scene.servers[client.server]
        // A row that nobody else writes tells whether the write is stored; one that others write, too, who was last.
        let rows = [
            HistoryRow([.int64(-wish.id)], at: 1_000_000, [.int64(wish.id), .float64(0)]),
            HistoryRow([.int64(wish.user)], at: wish.time * 1_000_000, [.int64(wish.id), .float64(0)]),
        ]
        var parts = [server.part(wish.view, rows)]
        if wish.isBad { parts.append(server.part("wide", [GroupWriterTests.tooWide])) }
        if random.oneIn(8) {
            let also = HistoryRow([.int64(-wish.id)], at: 1_000_000, [.int64(wish.id), .float64(0)])
            parts.append(server.part(wish.view == "stats" ? "other" : "stats", [also]))
        }
        let source = wish.number.map { SourceSequence(source: client.source, sequence: $0) }
        send(RowWrite([RowWrite.Item(parts: parts, source: source)]), wish, index)
        clients[index].unread.append(wish)
    }

    /// Gives a number up; where that fails, as behind another one that failed, later again.
    private mutating func giveUp(_ wish: Wish, _ index: Int) {
        guard let number = wish.number else { return }
        let source = SourceSequence(source: clients[index].source, sequence: number)
        let answer = scene.servers[clients[index].server].start(
            RowWrite([RowWrite.Item(parts: [], source: source)]),
            client: clients[index].connection
        ).wait()
        if answer.isDuplicate == true, wish.isBad { notes.append("a write that was refused is a duplicate") }
        if answer.failure == nil { wish.isSettled = true } else { clients[index].unread.append(wish) }
    }

    private mutating func send(_ write: RowWrite, _ wish: Wish, _ index: Int) {
        lastOrder += 1
        let answer = scene.servers[clients[index].server].start(write, client: clients[index].connection)
        wish.attempts.append(
            Attempt(connection: clients[index].connection, order: lastOrder, number: wish.number, answer: answer)
        )
    }

    /// Looks at answers, and does what a careful client does about them.
    private mutating func read(_ index: Int, upTo count: Int) {
        for _ in 0..<count where !clients[index].unread.isEmpty {
            let wish = clients[index].unread.removeFirst()
            guard let last = wish.attempts.last, !wish.isSettled else { continue }
            switch last.answer.wait() {
            case .success: wish.isSettled = true
            case .failure where wish.number == nil: wish.isSettled = true
            case .failure(.outOfOrder(let text)) where !text.contains("comes behind"):
                // Somebody overtook it: under a new number, as the text says.
                clients[index].lastNumber += 1
                wish.number = clients[index].lastNumber
                submit(wish, index)
            case .failure(.refused): giveUp(wish, index)
            case .failure: submit(wish, index)
            }
        }
    }

    /// The client does not see its last answers and sends again what it does not know of, in order.
    private mutating func reconnect(_ index: Int) {
        lastConnection += 1
        clients[index].connection = lastConnection
        if random.oneIn(2) { clients[index].server = 1 - clients[index].server }
        let unread = clients[index].unread
        clients[index].unread = []
        var seen: Set<Int64> = []
        for wish in unread where !wish.isSettled && seen.insert(wish.id).inserted {
            if wish.number == nil { wish.isSettled = true } else { submit(wish, index) }
        }
    }

    private mutating func finish(_ index: Int) {
        for _ in 0..<200 where !clients[index].unread.isEmpty { read(index, upTo: 50) }
        if !clients[index].unread.isEmpty { notes.append("client \(index) does not come to an end") }
    }

    // MARK: Trouble

    private mutating func toggleHold() throws {
        if isHolding {
            scene.blocker.connection.rollBack()
        } else {
            try scene.blocker.begin(.write)
            if random.oneIn(2) {
                let view = try scene.store.view(random.oneIn(2) ? "stats" : "other")
                try scene.blocker.lock(AdvisoryLock.view(view.id))
            } else {
                let user = Int64(seed) * 10 + Int64(random.int(1...3))
                try scene.blocker.execute("UPDATE online.stats SET ctr = ctr WHERE user_id = \(user)")
            }
        }
        isHolding.toggle()
    }

    private func cut() throws {
        try scene.store.session.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL ($1)",
            [.int64Array(scene.ownBackends)]
        )
    }

    // MARK: The model

    func faults() throws -> [String] {
        var faults = notes
        let wishes = clients.flatMap(\.wishes)
        // Answers that no client waited for still have to come.
        for attempt in wishes.flatMap(\.attempts) { _ = attempt.answer.wait() }
        let stored = try storedPositions()
        for wish in wishes { faults += Self.faults(of: wish, stored[wish.id] ?? []) }
        for client in clients { faults += Self.faultsOfOrder(client) }
        faults += try faultsOfTies(wishes)
        return faults
    }

    /// By wish, the positions of its own rows in the view that it is for.
    private func storedPositions() throws -> [Int64: [Int64]] {
        var positions: [Int64: [Int64]] = [:]
        for view in ["stats", "other"] {
            let rows = try scene.store.session.query(
                """
                SELECT h.clicks, b.position FROM history.\(view) h
                JOIN (SELECT DISTINCT batch, position FROM asof.batches) b ON b.batch = h._batch
                WHERE h.user_id BETWEEN $1 AND $2 ORDER BY 1, 2
                """,
                [.int64(-lastID), .int64(-Int64(seed + 1) * 1_000)]
            )
            for row in 0..<rows.count {
                let id = rows.int64(row, 0) ?? 0
                guard clients.contains(where: { $0.wishes.contains { $0.id == id && $0.view == view } }) else {
                    continue
                }
                positions[id, default: []].append(rows.int64(row, 1) ?? 0)
            }
        }
        return positions
    }

    private static func faults(of wish: Wish, _ positions: [Int64]) -> [String] {
        var faults: [String] = []
        func fault(_ text: String) {
            let told = wish.attempts.map { "\($0.number ?? -1)@\($0.connection): \($0.answer.wait())" }
            faults.append("\(wish.id) \(text); stored at \(positions); told \(told.joined(separator: " | "))")
        }
        if positions.count > 1 { fault("is stored twice") }
        if wish.isBad, !positions.isEmpty { fault("cannot be stored") }
        var mayBeStored = false
        for attempt in wish.attempts {
            switch attempt.answer.wait() {
            case .success(let receipt):
                mayBeStored = true
                if positions.isEmpty { fault("was acknowledged and is not stored") }
                if !receipt.items[0].isDuplicate, positions != [receipt.items[0].position] {
                    fault("was acknowledged at another position")
                }
            case .failure(.outcomeUnknown): mayBeStored = true
            case .failure: break
            }
        }
        if !mayBeStored, !positions.isEmpty { fault("was refused and is stored") }
        if wish.number != nil, !wish.isBad, positions.isEmpty, wish.isSettled { fault("was given up by nobody") }
        return faults
    }

    /// On each connection writes are stored in the order in which they were sent; over all of them a source's numbers are.
    private static func faultsOfOrder(_ client: Client) -> [String] {
        var faults: [String] = []
        var byConnection: [Int64: [(order: Int, position: Int64)]] = [:]
        var byNumber: [(number: Int64, position: Int64)] = []
        for wish in client.wishes {
            for attempt in wish.attempts {
                guard case .success(let receipt) = attempt.answer.wait(), !receipt.items[0].isDuplicate else {
                    continue
                }
                byConnection[attempt.connection, default: []].append((attempt.order, receipt.items[0].position))
                if let number = attempt.number { byNumber.append((number, receipt.items[0].position)) }
            }
        }
        for (connection, writes) in byConnection {
            let positions = writes.sorted { $0.order < $1.order }.map(\.position)
            if positions != positions.sorted() {
                faults.append("connection \(connection) is out of order: \(positions)")
            }
        }
        let positions = byNumber.sorted { $0.number < $1.number }.map(\.position)
        if positions != positions.sorted() { faults.append("source \(client.source) is out of order: \(positions)") }
        return faults
    }

    /// Of one connection's writes to one entity and time, the one that was sent last is the one that counts.
    private func faultsOfTies(_ wishes: [Wish]) throws -> [String] {
        struct Place: Hashable {
            var view: String
            var user: Int64
            var time: Int64
        }
        var faults: [String] = []
        var last: [Int64: (connection: Int64, order: Int, place: Place)] = [:]
        for wish in wishes {
            for attempt in wish.attempts {
                guard case .success(let receipt) = attempt.answer.wait(), !receipt.items[0].isDuplicate else {
                    continue
                }
                let place = Place(view: wish.view, user: wish.user, time: wish.time)
                last[wish.id] = (attempt.connection, attempt.order, place)
            }
        }
        for view in ["stats", "other"] {
            let rows = try scene.store.session.query(
                """
                SELECT DISTINCT ON (h.user_id, h._event_time) h.clicks FROM history.\(view) h
                JOIN (SELECT DISTINCT batch, position FROM asof.batches) b ON b.batch = h._batch
                WHERE h.user_id BETWEEN $1 AND $2 ORDER BY h.user_id, h._event_time, b.position DESC
                """,
                [.int64(Int64(seed) * 10 + 1), .int64(Int64(seed) * 10 + 3)]
            )
            for row in 0..<rows.count {
                guard let id = rows.int64(row, 0), let winner = last[id] else { continue }
                for (other, sent) in last where sent.place == winner.place && sent.connection == winner.connection {
                    if sent.order > winner.order { faults.append("\(id) hides \(other), which was sent later") }
                }
            }
        }
        return faults
    }
}
