import Features
import Foundation
import Glibc
import Operations
import PointInTime
import Postgres
import Store
import Synchronization
import TestSupport
import Testing
import TrainingSets

/// Whoever wrote, and through whichever server: all ways to read give the same values.
@Suite(.serialized) struct OnlineOfflineTests {
    private static let users = (1...25).map { Int64($0) }
    private static let places = ["JFK", "a b", "é", "x=1,y", ""]
    private static let second: Int64 = 1_000_000

    /// An hour ago, so that nothing lies in the future.
    private let base: Int64

    init() { base = Int64(Date().timeIntervalSince1970) * Self.second - 3_600 * Self.second }

    private func time(_ random: inout SeededRandom) -> Int64 { base + Int64(random.int(0...40)) * Self.second }

    private static func escaped(_ text: String) -> String {
        text.replacing(",", with: "\\,").replacing("=", with: "\\=").replacing(" ", with: "\\ ")
    }

    private func command(_ random: inout SeededRandom) -> [String] {
        let user = random.pick(Self.users)
        let place = "origin=\(Self.escaped(random.pick(Self.places.dropLast()))),tailnum=\(random.pick(["N1", "N2"]))"
        let at = time(&random)
        switch random.int(1...6) {
        case 1:
            return [
                "FS.SET", "stats", "\(user)", "\(at)", "clicks", "\(random.int(0...99))", "ctr",
                "\(Double(random.int(0...9)) / 8)",
            ]
        case 2: return ["FS.SET", "stats", "\(user)", "\(at)", "name", random.text(), "NULLS", "1", "ctr"]
        case 3: return ["FS.DEL", "stats", "\(user)", "\(at)"]
        case 4:
            return [
                "FS.SET", "pairs", place, "\(at)", "delay", "\(random.int(-9...9))", "tags",
                "[\"a\",\"\(random.int(0...9))\"]",
            ]
        case 5: return ["FS.DEL", "pairs", place, "\(at)"]
        default:
            let lines = (0..<random.int(1...60)).map { _ in
                random.oneIn(2)
                    ? "stats,user_id=\(random.pick(Self.users)) clicks=\(random.int(0...99))i,ctr=0.\(random.int(1...9)) \(time(&random))"
                    : "pairs,\(place) delay=\(random.int(0...9)) \(time(&random))\nmarks,user_id=\(user) n=\(random.int(0...9))i \(time(&random))"
            }
            return ["FS.WRITE", lines.joined(separator: "\n"), "PRECISION", "us"]
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [UInt64(1)])
    func `after random writes from all sides every way to read agrees`(seed: UInt64) throws {
        let store = try ServedStore()
        let servers = [try store.serve(), try store.serve()]
        let ports = servers.map(\.port)
        let failures = SideBySide.run(10, seconds: 240) { [self] index in
            var random = SeededRandom(seed: seed &* 1_000 &+ UInt64(index))
            if index >= 8 {
                var csv = "user_id,event_time,clicks,ctr,name\n"
                for _ in 0..<3_000 {
                    csv +=
                        "\(random.pick(Self.users)),\(time(&random)),\(random.int(100...199)),0.\(random.int(1...9)),csv\n"
                }
                let output = try store.asof(
                    [
                        "ingest", "stats", "-", "--format", "csv", "--event-time", "event_time", "--time-unit", "us",
                        "--batch-rows", "700", "--quiet",
                    ],
                    input: csv
                )
                #expect(output.status == 0, "\(output.error)")
                return
            }
            let client = try RespClient(port: ports[index % 2])
            client.setTimeouts(seconds: 60)
            for _ in 0..<80 {
                let words = command(&random)
                guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
                // Sometimes the next one is sent before the answer is there.
                let next = random.oneIn(2) ? command(&random) : nil
                if let next { client.send(RespClient.request(next)) }
                for _ in 0..<(next == nil ? 1 : 2) {
                    let reply = try client.reply()
                    #expect(!reply.isError, "\(reply)")
                }
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        try compare(store, servers)
        for server in servers { #expect(server.stop().status == 0) }
    }

    private func compare(_ store: ServedStore, _ servers: [ServedAsof]) throws {
        let head = try store.head()
        let session = try store.session()
        let clients = try servers.map { server in
            let client = try server.client()
            _ = try client.run("HELLO", "3")
            // Everything that is committed is applied then.
            let synced = try client.line("FS.SERVE model KEYS 1 user_id ROWS 1 1 MINPOS \(head)")
            #expect(!synced.isError, "\(synced)")
            return client
        }
        for name in ["stats", "pairs", "marks"] {
            let view = try store.view(name)
            let role = ViewRole(whole: view)
            let entities: [[Value]] =
                name == "pairs"
                ? Self.places.flatMap { place in ["N1", "N2"].map { [.string(place), .string($0)] } }
                : Self.users.map { [.int64($0)] }
            let keys = view.definition.keys.enumerated().map { index, key in
                Column(type: key.type.featureType, entities.map { $0[index] })
            }
            let now = try #require(try session.query("SELECT clock_timestamp()").timestamp(0, 0))
            let probe = Probe(
                session: session,
                state: try Ledger(session).pin(try Ledger(session).state(at: head)),
                options: JoinOptions()
            )
            let exported = try probe.join(
                role,
                keys: keys,
                labelTimes: Column(type: .timestamp, values: .int64(Array(repeating: now, count: entities.count)))
            )
            for (row, entity) in entities.enumerated() {
                let online = try EntityLookup(session).read(role, keys: entity, .latest, state: nil)
                let text = EntityText.text(entity, keys: view.definition.keys)
                for (index, feature) in view.definition.features.enumerated() {
                    #expect(
                        exported.features[index].value(row).identity == online.values[index].identity,
                        "\(name) \(text)"
                    )
                    for client in clients {
                        client.send(RespClient.request(["FS.GET", name, text]))
                        let served = try client.reply()
                        #expect(
                            served[feature.name] == Reply(online.values[index]),
                            "\(name) \(text) \(feature.name): \(served)"
                        )
                    }
                }
            }
            let entity = EntityText.text(entities[0], keys: view.definition.keys)
            let shown = try store.asof(["get", name, entity, "--json"])
            let online = try EntityLookup(session).read(role, keys: entities[0], .latest, state: nil)
            for (feature, value) in zip(view.definition.features, online.values) {
                #expect(shown.out.contains("\"\(name)__\(feature.name)\":\(value.json)"), "\(shown.out)")
            }
        }
        #expect(try StoreCheck(session).run(store.registry.views).allSatisfy { $0.violations == 0 })
    }

    @Test(.timeLimit(.minutes(15)))
    func `what server A acknowledged server B has at that position, never something older`() throws {
        let store = try ServedStore()
        let servers = [try store.serve(), try store.serve()]
        let a = try servers[0].client()
        let b = try servers[1].client()
        let isDone = Atomic<Bool>(false)
        let noises = Atomic<Int>(0)
        let port = servers[0].port
        let noise = Thread {
            guard let client = try? RespClient(port: port) else { return }
            var n = 0
            while !isDone.load(ordering: .relaxed) {
                let reply = try? client.line("FS.SET marks \(n % 50 + 100) * n \(n)")
                if reply?.integer != nil { noises.add(1, ordering: .relaxed) }
                n += 1
            }
        }
        noise.start()
        for n in 1...200 {
            let position = try #require(try a.line("FS.SET marks 1 * n \(n)").integer)
            // On the server that took it, it is there at once.
            #expect(try a.line("FS.GET marks 1") == .array([.bulk("n"), .integer(Int64(n))]))
            let reply = try b.line("FS.SERVE model KEYS 1 user_id ROWS 1 1 META MINPOS \(position)")
            #expect(reply["rows"]?.items?.first?.items?.last == .integer(Int64(n)), "\(reply)")
            #expect((reply["position"]?.integer ?? 0) >= position)
        }
        isDone.store(true, ordering: .relaxed)
        #expect(noises.load(ordering: .relaxed) > 0, "nobody else wrote meanwhile")
        for server in servers { #expect(server.stop().status == 0) }
    }

    @Test(.timeLimit(.minutes(15)))
    func `a thousand served vectors come out of an export with the same values`() throws {
        let store = try ServedStore()
        let servers = [try store.serve(), try store.serve()]
        let ports = servers.map(\.port)
        let log = Mutex<[(user: Int64, position: Int64, values: [Reply])]>([])
        let isDone = Atomic<Bool>(false)
        let failures = SideBySide.run(4, seconds: 200) { index in
            let client = try RespClient(port: ports[index % 2])
            _ = try client.run("HELLO", "3")
            var random = SeededRandom(seed: UInt64(index) + 7)
            if index < 2 {
                while !isDone.load(ordering: .relaxed) {
                    let user = random.int(1...12)
                    let line =
                        random.oneIn(3)
                        ? "FS.SET marks \(user) * n \(random.int(0...999))"
                        : random.oneIn(8)
                            ? "FS.DEL stats \(user) *"
                            : "FS.SET stats \(user) * clicks \(random.int(0...999)) ctr 0.\(random.int(1...99))"
                    #expect(!(try client.line(line)).isError)
                }
                return
            }
            for _ in 0..<100 {
                let users = (0..<5).map { _ in Int64(random.int(1...13)) }
                let reply = try client.line(
                    "FS.SERVE model KEYS 1 user_id ROWS 5 \(users.map(String.init).joined(separator: " ")) META"
                )
                let position = try #require(reply["position"]?.integer)
                let rows = try #require(reply["rows"]?.items)
                log.withLock { log in
                    for (user, row) in zip(users, rows) { log.append((user, position, row.items ?? [])) }
                }
                Patience.pass(microseconds: 2_000, "the pace of the questions")
            }
            isDone.store(true, ordering: .relaxed)
        }
        #expect(failures.isEmpty, "\(failures)")
        for server in servers { server.stop() }
        let served = log.withLock { $0 }
        #expect(served.count == 1_000)
        #expect(Set(served.map(\.position)).count > 20)
        let label = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 + 60) * Self.second).text
        var csv = "user_id,t,p\n"
        for (user, position, _) in served { csv += "\(user),\(label),\(position)\n" }
        _ = try store.scratch.write("spine.csv", csv)
        let output = try store.asof([
            "export", "--spine", "spine.csv", "--features", "model", "--label-time", "t", "--position-column", "p",
            "--out",
            "out.csv", "--quiet",
        ])
        #expect(output.status == 0, "\(output.error)")
        let lines = try String(contentsOfFile: store.scratch.path + "/out.csv", encoding: .utf8).split(separator: "\n")
        #expect(lines.first == "user_id,t,p,stats__clicks,stats__ctr,marks__n")
        #expect(lines.count == served.count + 1)
        for (line, row) in zip(lines.dropFirst(), served) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).suffix(3).map(String.init)
            let expected = row.values.map { value in
                switch value {
                case .integer(let value): String(value)
                case .double(let text): text
                default: ""
                }
            }
            #expect(fields == expected, "user \(row.user) at \(row.position)")
        }
    }
}
