import PointInTime
import Postgres
import TestSupport

@testable import Serving
@testable import Store

/// One seed's clients and what they do.
struct OrderRun {
    /// Whose numbers they are; clients may share one.
    final class Source {
        let name: String
        var lastNumber: Int64 = 0

        init(_ name: String) { self.name = name }

        func next(leavingOut count: Int64 = 0) -> Int64 {
            lastNumber += 1 + count
            return lastNumber
        }
    }

    struct Client {
        let source: Source
        var connection: Int64
        var server: Int
        /// `nil` = it speaks to the writer itself.
        var socket: OrderConnection?
        var wishes: [OrderWish] = []
        /// Sent on the present connection and not looked at, oldest first.
        var unread: [OrderWish] = []
    }

    let scene: OrderScene
    let seed: UInt64
    private(set) var clients: [Client] = []
    private(set) var lastID: Int64
    private(set) var notes: [String] = []
    private var random: SeededRandom
    private let isOverSockets: Bool
    private var lastConnection: Int64
    private var lastOrder = 0
    private var isHolding = OrderScene.views.map { _ in false }
    /// Connections that their clients have left, and that still get answers.
    private var left: [OrderConnection] = []

    init(_ scene: OrderScene, seed: UInt64) throws {
        self.scene = scene
        self.seed = seed
        random = SeededRandom(seed: seed)
        isOverSockets = seed % 2 == 1
        lastConnection = Int64(seed) * 1_000
        lastID = Int64(seed + 1) * 1_000
        let shared = Source("shared\(seed)")
        for index in 0..<8 {
            lastConnection += 1
            let source = index < 3 ? shared : Source("s\(seed)-\(index)")
            let socket = isOverSockets ? try scene.servers[index % 2].connect() : nil
            clients.append(
                Client(source: source, connection: lastConnection, server: index % 2, socket: socket)
            )
        }
    }

    /// Ids are above it.
    var firstID: Int64 { Int64(seed + 1) * 1_000 }
    /// Users that several clients write.
    var users: ClosedRange<Int64> { Int64(seed) * 10 + 1...Int64(seed) * 10 + 3 }

    mutating func play() throws {
        for _ in 0..<60 {
            switch random.int(0...21) {
            case 0...11: send(random.int(0...7))
            case 12...14: read(random.int(0...7), upTo: random.int(1...3))
            case 15, 16: try reconnect(random.int(0...7))
            case 17...19: try toggleHold(random.int(0...2))
            case 20: toggleLoading(random.int(0...1))
            case 21 where random.oneIn(3): try scene.cut()
            default: break
            }
        }
        for view in isHolding.indices where isHolding[view] { try toggleHold(view) }
        for server in scene.servers { server.isLoading.set(false) }
        for index in clients.indices { finish(index) }
        // Answers that no client waited for still have to come.
        for attempt in clients.flatMap(\.wishes).flatMap(\.attempts) { _ = attempt.answer.wait() }
        for connection in left + clients.compactMap(\.socket) { connection.end() }
        if !scene.servers.allSatisfy({ $0.isQuiet() }) { notes.append("a server does not come to rest") }
    }

    // MARK: Clients

    private mutating func send(_ index: Int) {
        lastID += 1
        // Some leave numbers out.
        let number = random.oneIn(5) ? nil : clients[index].source.next(leavingOut: random.oneIn(12) ? 1 : 0)
        let view = random.int(0...2)
        let flaws = isOverSockets ? OrderWish.Flaw.allCases : [.tooWide]
        let wish = OrderWish(
            id: lastID,
            view: OrderScene.views[view],
            also: random.oneIn(8) ? OrderScene.views[(view + 1) % 3] : nil,
            user: users.lowerBound + Int64(random.int(0...2)),
            time: Int64(random.int(1...2)),
            flaw: random.oneIn(12) ? flaws[random.int(0...flaws.count - 1)] : nil,
            number: number
        )
        clients[index].wishes.append(wish)
        submit(wish, index)
    }

    private mutating func submit(_ wish: OrderWish, _ index: Int) {
        let answer: WriterFixture.Answer
        if let socket = clients[index].socket {
            answer = socket.send(wish.words(source: clients[index].source.name))
        } else {
            answer = write(wish.parts(scene.servers[clients[index].server].fixture), wish.number, index)
        }
        wish.attempts.append(attempt(wish.number, answer, index))
        clients[index].unread.append(wish)
    }

    private mutating func attempt(
        _ number: Int64?,
        _ answer: WriterFixture.Answer,
        _ index: Int
    ) -> OrderWish.Attempt {
        lastOrder += 1
        return OrderWish.Attempt(
            connection: clients[index].connection,
            order: lastOrder,
            number: number,
            answer: answer
        )
    }

    private func write(_ parts: [RowWrite.Part], _ number: Int64?, _ index: Int) -> WriterFixture.Answer {
        let client = clients[index]
        let source = number.map { SourceSequence(source: client.source.name, sequence: $0) }
        return scene.servers[client.server].fixture.start(
            RowWrite([RowWrite.Item(parts: parts, source: source)]),
            client: client.connection
        )
    }

    /// Gives a number up; where that fails, as behind another one that failed, later again.
    private mutating func giveUp(_ wish: OrderWish, _ index: Int) {
        guard let number = wish.number else { return }
        let answer: WriterFixture.Answer
        if let socket = clients[index].socket {
            answer = socket.send(["FS.WRITE", "", "SOURCE", clients[index].source.name, "SEQ", "\(number)"])
        } else {
            answer = write([], number, index)
        }
        wish.givingUp.append(attempt(number, answer, index))
        let result = answer.wait()
        if result.isDuplicate == true, wish.flaw != nil { notes.append("a write that was refused is a duplicate") }
        if result.failure == nil { wish.isSettled = true } else { clients[index].unread.append(wish) }
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
                wish.number = clients[index].source.next()
                submit(wish, index)
            case .failure(.refused): giveUp(wish, index)
            case .failure: submit(wish, index)
            }
        }
    }

    /// The client does not see its last answers and sends again what it does not know of, in order.
    private mutating func reconnect(_ index: Int) throws {
        lastConnection += 1
        clients[index].connection = lastConnection
        if random.oneIn(2) { clients[index].server = 1 - clients[index].server }
        if let socket = clients[index].socket {
            // The server learns of it, or goes on as if somebody listened.
            if random.oneIn(2) { socket.end() } else { left.append(socket) }
            clients[index].socket = try scene.servers[clients[index].server].connect()
        }
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

    private mutating func toggleHold(_ index: Int) throws {
        let (blocker, view) = (scene.blockers[index], OrderScene.views[index])
        isHolding[index].toggle()
        guard isHolding[index] else { return blocker.connection.rollBack() }
        try blocker.begin(.write)
        if random.oneIn(2) {
            try blocker.lock(AdvisoryLock.view(try scene.store.view(view).id))
        } else {
            let user = users.lowerBound + Int64(random.int(0...2))
            try blocker.execute(
                view == "wide"
                    ? "UPDATE online.wide SET n = n WHERE a = '\(user)'"
                    : "UPDATE online.\(view) SET ctr = ctr WHERE user_id = \(user)"
            )
        }
    }

    private func toggleLoading(_ index: Int) {
        let flag = scene.servers[index].isLoading
        flag.set(!flag.isSet)
    }
}
