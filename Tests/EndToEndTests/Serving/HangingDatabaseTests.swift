import Features
import Foundation
import Glibc
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

/// PostgreSQL, or the network before it, falls silent without ending a connection.
///
/// `ASOF_SILENCE_SECONDS=2` stands in for the bounds of docs/how-to/operate.md, so that the tests need not wait for those.
@Suite(.serialized) struct HangingDatabaseTests {
    private static let silence = ["ASOF_SILENCE_SECONDS": "2"]
    /// Within this every answer has come: the silence, the lock that a stopped backend holds, as often as it is tried, and
    /// what became of the COMMIT.
    private static let answerMax = Duration.seconds(60)

    /// Clients that number their writes and send each again until it is acknowledged.
    private final class Load: Sendable {
        let isDone = Atomic<Bool>(false)
        let acknowledged = Mutex<[Int64]>([])
        let refused = Mutex<[String]>([])
        /// Clients that had no answer though the server was not to end.
        let lost = Mutex<[String]>([])
        let mayEnd = Atomic<Bool>(false)
        /// The longest that an answer took, in ms.
        let longestMs = Atomic<Int64>(0)
        private let done = DispatchGroup()

        func start(_ port: Int, clients: Int = 3) {
            for source in 1...clients {
                done.enter()
                Thread.detachNewThread { [self] in
                    run(port, source)
                    done.leave()
                }
            }
        }

        private func run(_ port: Int, _ source: Int) {
            guard let client = try? RespClient(port: port) else {
                lost.withLock { $0.append("client \(source) cannot connect") }
                return
            }
            client.setTimeouts(seconds: 90)
            var sequence: Int64 = 0
            while !isDone.load(ordering: .relaxed) {
                let user = Int64(source) * 1_000_000 + sequence
                let point = "marks,user_id=\(user) n=\(sequence)i"
                let asked = ContinuousClock.now
                let reply: Reply
                do {
                    reply = try client.run("FS.WRITE", point, "SOURCE", "client-\(source)", "SEQ", "\(sequence)")
                } catch {
                    // A server that ends closes its connections.
                    if !isDone.load(ordering: .relaxed), !mayEnd.load(ordering: .relaxed) {
                        lost.withLock { $0.append("client \(source), after \(sequence) writes: \(error)") }
                    }
                    return
                }
                let took = asked.duration(to: .now).components
                longestMs.max(took.seconds * 1_000 + took.attoseconds / 1_000_000_000_000_000, ordering: .relaxed)
                guard reply.isError else {
                    acknowledged.withLock { $0.append(user) }
                    sequence += 1
                    continue
                }
                refused.withLock { $0.append(reply.text ?? "") }
                Patience.pass(microseconds: 5_000, "the pace of a client that is refused")
            }
        }

        func stop() -> Bool {
            isDone.store(true, ordering: .relaxed)
            return done.wait(timeout: .now() + 100) == .success
        }

        var count: Int { acknowledged.withLock { $0.count } }
    }

    private func serve(_ store: ServedStore, at conninfo: String? = nil, stopSeconds: Int = 3) throws -> ServedAsof {
        let options = ["--stop-seconds", "\(stopSeconds)", "--resident", "stats,marks", "--threads", "2"]
        let server = try ServedAsof(
            ["-d", conninfo ?? store.conninfo] + options,
            in: store.scratch.path,
            environment: Self.silence
        )
        let client = try server.client()
        let isLoaded = try Patience.wait(seconds: 60) {
            guard case .bulk(let info) = try client.run("INFO", "persistence") else { return false }
            return info.contains("loading:0")
        }
        #expect(isLoaded)
        return server
    }

    /// Everything acknowledged is stored, once.
    private func check(_ load: Load, _ store: ServedStore) throws {
        let rows = try store.session().query(
            "SELECT user_id, count(*) FROM history.marks WHERE user_id >= 1000000 GROUP BY 1"
        )
        var counts: [Int64: Int64] = [:]
        for row in 0..<rows.count { counts[rows.int64(row, 0) ?? -1] = rows.int64(row, 1) ?? 0 }
        #expect(counts.values.allSatisfy { $0 == 1 }, "a write is stored twice")
        let acknowledged = load.acknowledged.withLock { $0 }
        #expect(acknowledged.allSatisfy { counts[$0] == 1 }, "an acknowledged write is gone")
        let codes = Set(load.refused.withLock { $0 }.map { $0.prefix { $0 != " " } })
        #expect(codes.isSubset(of: ["FSUNAVAILABLE", "FSTIMEOUT", "FSLIMIT"]), "\(codes)")
        #expect(load.lost.withLock { $0 } == [])
        let longest = Duration.milliseconds(load.longestMs.load(ordering: .relaxed))
        #expect(longest < Self.answerMax, "an answer took \(longest)")
    }

    /// Whoever asks for resident values or says PING is answered at once.
    private func checkReads(_ client: RespClient) throws {
        for _ in 0..<50 {
            let asked = ContinuousClock.now
            #expect(try client.line("PING") == .simple("PONG"))
            #expect(try client.line("FS.GET marks 5") == .array([.bulk("n"), .integer(55)]))
            #expect(asked.duration(to: .now) < .seconds(1))
        }
    }

    // MARK: Backends that are stopped

    /// What a server's connection is there for.
    enum Kind: CaseIterable, Sendable {
        case writer, follower, history, fetch, all

        /// Of the statement that the backend is in, or was in last.
        var statement: String {
            switch self {
            case .writer: "%pg_catalog.pg_advisory_xact_lock(%WITH last%"
            case .history: "%DISTINCT ON (h._event_time)%"
            case .fetch: "%FROM online.%pairs%"
            case .follower, .all: "%"
            }
        }

        /// A table whose lock keeps the backend in its statement.
        var table: String? {
            switch self {
            case .history: "history.marks"
            case .fetch: "online.pairs"
            default: nil
            }
        }

        /// What has the backend do its work, and is not answered with a value then.
        var command: String? {
            switch self {
            case .history, .all: "FS.RANGE marks 5 - +"
            case .fetch: "FS.GET pairs origin=JFK,tailnum=N1"
            default: nil
            }
        }
    }

    /// Stops the backends of a kind; the test's own session is not one of them.
    private func stopBackends(_ kind: Kind, _ session: Session, asking client: RespClient) throws -> [pid_t] {
        // Not the session that looks: a transaction sees one state of pg_stat_activity.
        let holder = try Session(conninfo: session.conninfo)
        if let table = kind.table {
            try holder.begin(.write)
            try holder.execute("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE")
            client.send(RespClient.request((kind.command ?? "").split(separator: " ").map(String.init)))
        }
        let look = """
            SELECT pid FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
                AND pid <> \(try holder.query("SELECT pg_backend_pid()").int32(0, 0) ?? 0)
                AND backend_type = 'client backend' AND query LIKE '\(kind.statement)'
            """
        var pids: [pid_t] = []
        let isFound = try Patience.wait(seconds: 20) {
            let rows = try session.execute(look).last
            pids = (0..<(rows?.count ?? 0)).compactMap { rows?.text($0, 0).flatMap { pid_t($0) } }
            return !pids.isEmpty
        }
        #expect(isFound, "no backend for \(kind)")
        for pid in pids { kill(pid, SIGSTOP) }
        holder.connection.rollBack()
        return pids
    }

    /// The follower reads the ledger all the time; which backend is its own is seen before there is any load.
    private func follower(_ session: Session, _ client: RespClient) throws -> pid_t {
        let rows = try session.query(
            """
            SELECT pid FROM pg_catalog.pg_stat_activity
            WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()
                AND backend_type = 'client backend' AND application_name = 'asof' ORDER BY backend_start
            """
        )
        // The first is the command's own session, from which it learns what there is to serve.
        return pid_t(rows.int32(1, 0) ?? 0)
    }

    @Test(.timeLimit(.minutes(6)), arguments: Kind.allCases)
    func `stopped backends hold up nobody for long, nothing is lost when they go on, and the server can be stopped`(
        _ kind: Kind
    ) throws {
        let store = try ServedStore()
        let session = try store.session()
        let server = try serve(store)
        let (client, asking) = (try server.client(), try server.client())
        #expect(try client.line("FS.SET marks 5 * n 55").integer != nil)
        let load = Load()
        let own = kind == .follower ? [try follower(session, client)] : []
        load.start(server.port)
        #expect(Patience.wait(seconds: 30) { load.count > 50 })
        for round in 0..<2 {
            // The follower has another backend once its first one was given up.
            let kind = kind == .follower && round > 0 ? .all : kind
            let pids = kind == .follower ? own : try stopBackends(kind, session, asking: asking)
            defer { for pid in pids { kill(pid, SIGCONT) } }
            if kind == .follower { for pid in pids { kill(pid, SIGSTOP) } }
            try checkReads(client)
            asking.setTimeouts(seconds: 60)
            if kind.command != nil {
                let asked = ContinuousClock.now
                if kind == .all { asking.send(RespClient.request(["FS.RANGE", "marks", "5", "-", "+"])) }
                let reply = try asking.reply()
                // Of all backends the one for this may be made anew, which works.
                let isRefused = ["FSUNAVAILABLE", "FSTIMEOUT"].contains(reply.text?.prefix { $0 != " " })
                #expect(isRefused || kind == .all, "\(reply)")
                #expect(asked.duration(to: .now) < .seconds(20))
            }
            // Where the stopped backend holds no lock, another connection takes over, and nobody is refused.
            let (refused, stored) = (load.refused.withLock { $0.count }, load.count)
            let goesOn = Patience.wait(seconds: 60) {
                load.refused.withLock { $0.count } > refused || load.count > stored + 20
            }
            #expect(goesOn, "writes hang")
            try checkReads(client)
            if round == 0 {
                for pid in pids { kill(pid, SIGCONT) }
                let before = load.count
                #expect(Patience.wait(seconds: 60) { load.count > before + 20 })
                #expect(
                    try Patience.wait(seconds: 60) { try asking.line("FS.RANGE marks 5 - +").items?.count == 1 }
                )
            } else {
                load.mayEnd.store(true, ordering: .relaxed)
                let stopped = ContinuousClock.now
                #expect(server.stop().status == 0)
                let took = stopped.duration(to: .now)
                #expect(took < .seconds(3 + 5), "stopping took \(took) of 3 s")
            }
        }
        #expect(load.stop())
        try check(load, store)
    }

    // MARK: A network that is gone

    @Test(.timeLimit(.minutes(15)))
    func `a network that swallows everything: reads go on, writes fail in time, it heals, the server can be stopped`()
        throws
    {
        let cluster = try ThrowawayCluster.shared()
        let store = try ServedStore()
        let proxy = try LoopbackProxy(to: cluster, database: store.conninfo)
        defer { proxy.stop() }
        let server = try serve(store, at: proxy.conninfo)
        let client = try server.client()
        #expect(try client.line("FS.SET marks 5 * n 55").integer != nil)
        let load = Load()
        load.start(server.port)
        for _ in 0..<2 {
            let before = load.count
            #expect(Patience.wait(seconds: 30) { load.count > before + 20 })
            proxy.setSilent(true)
            let refused = load.refused.withLock { $0.count }
            try checkReads(client)
            #expect(Patience.wait(seconds: 30) { load.refused.withLock { $0.count } > refused + 10 })
            let asked = ContinuousClock.now
            #expect(try client.line("FS.RANGE marks 5 - +").text?.hasPrefix("FSUNAVAILABLE ") == true)
            #expect(asked.duration(to: .now) < .seconds(20))
            try checkReads(client)
            proxy.setSilent(false)
            let back = load.count
            #expect(Patience.wait(seconds: 30) { load.count > back + 20 })
        }
        proxy.setSilent(true)
        load.mayEnd.store(true, ordering: .relaxed)
        let stopped = ContinuousClock.now
        let output = server.stop()
        #expect(output.status == 0)
        // Of event loops that have ended while PostgreSQL was waited for.
        #expect(!output.error.contains("Cannot schedule tasks"), "\(output.error.suffix(500))")
        #expect(stopped.duration(to: .now) < .seconds(3 + 5))
        proxy.setSilent(false)
        #expect(load.stop())
        try check(load, store)
    }

    @Test(.timeLimit(.minutes(15)), arguments: LoopbackProxy.AtCommit.allCases)
    func `a connection that is lost or falls silent around COMMIT loses no acknowledged write and stores none twice`(
        _ fate: LoopbackProxy.AtCommit
    ) throws {
        let store = try ServedStore()
        let proxy = try LoopbackProxy(to: try ThrowawayCluster.shared(), database: store.conninfo)
        defer { proxy.stop() }
        let server = try serve(store, at: proxy.conninfo)
        let load = Load()
        load.start(server.port)
        for _ in 0..<3 {
            let before = load.count
            #expect(Patience.wait(seconds: 100) { load.count > before + 20 })
            proxy.trap(fate, marker: "INSERT INTO asof.batches")
            #expect(Patience.wait(seconds: 30) { proxy.hasTrapped })
        }
        if fate == .silentBefore {
            // Their backends hold the ledger's lock until the proxy lets go of them.
            let session = try store.session()
            let hung = """
                SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
                WHERE datname = pg_catalog.current_database() AND state = 'idle in transaction'
                    AND state_change < pg_catalog.now() - interval '3 seconds'
                """
            let before = load.count
            let isBack = try Patience.wait(seconds: 60) {
                try session.execute(hung)
                return load.count > before + 20
            }
            #expect(isBack)
        } else {
            let before = load.count
            #expect(Patience.wait(seconds: 60) { load.count > before + 20 })
        }
        #expect(load.stop())
        #expect(server.stop().status == 0)
        try check(load, store)
    }

    // MARK: Commands

    /// A command whose backend is stopped in the middle of its work.
    private func run(
        _ arguments: [String],
        in store: ServedStore,
        locking table: String
    ) throws -> AsofBinary.Output {
        // Not the session that looks: a transaction sees one state of pg_stat_activity.
        let (session, holder) = (try store.session(), try store.session())
        try holder.begin(.write)
        try holder.execute("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE")
        let running = try AsofBinary.start(
            arguments + ["-d", store.conninfo],
            in: store.scratch.path,
            environment: Self.silence
        )
        var pid: pid_t = 0
        let isWaiting = try Patience.wait(seconds: 30) {
            let waiting = try session.execute(
                """
                SELECT pid FROM pg_catalog.pg_stat_activity
                WHERE datname = pg_catalog.current_database() AND wait_event_type = 'Lock' AND application_name = 'asof'
                """
            )
            pid = waiting.last.flatMap { $0.count > 0 ? $0.text(0, 0) : nil }.flatMap { pid_t($0) } ?? 0
            return pid != 0
        }
        guard isWaiting else {
            kill(running.process.processIdentifier, SIGKILL)
            running.waitUntilExit()
            throw Trouble("\(arguments) does not wait for \(table): \(running.output())")
        }
        kill(pid, SIGSTOP)
        defer { kill(pid, SIGCONT) }
        holder.connection.rollBack()
        let begun = ContinuousClock.now
        running.waitUntilExit()
        #expect(begun.duration(to: .now) < .seconds(30))
        return running.output()
    }

    @Test(.timeLimit(.minutes(15)))
    func `commands whose backend hangs end, say so, and can be run again`() throws {
        let store = try ServedStore()
        let rows = (0..<2_000).map { "\($0),2024-01-01T00:00:\($0 % 60 < 10 ? "0" : "")\($0 % 60)Z,\($0)" }
        _ = try store.scratch.write("marks.csv", "user_id,event_time,n\n" + rows.joined(separator: "\n") + "\n")
        let ingest = ["ingest", "marks", "marks.csv"]
        let hung = try run(ingest, in: store, locking: "online.marks")
        #expect(hung.status == 1 && hung.error.contains("PostgreSQL has not answered for "), "\(hung)")
        #expect(try store.number("SELECT count(*) FROM history.marks") == 0)
        // The backend that was stopped goes on and finds its client gone; until then its batch holds the source.
        let isStored = try Patience.wait(seconds: 60) { try store.asof(ingest).status == 0 }
        #expect(isStored)
        #expect(try store.number("SELECT count(*) FROM history.marks") == 2_000)

        _ = try store.scratch.write("spine.csv", "user_id,t\n1,2025-01-01T00:00:00Z\n2,2025-01-01T00:00:00Z\n")
        let export = [
            "export", "--spine", "spine.csv", "--label-time", "t", "--features", "marks", "--out", "out.csv",
            "--engine", "probe",
        ]
        let failed = try run(export, in: store, locking: "history.marks")
        #expect(failed.status == 1 && failed.error.contains("PostgreSQL has not answered for "), "\(failed)")
        #expect(try store.asof(export).status == 0)

        let rebuilt = try run(["rebuild-online", "marks"], in: store, locking: "online.marks")
        #expect(rebuilt.status == 1 && rebuilt.error.contains("PostgreSQL has not answered for "), "\(rebuilt)")
        #expect(try Patience.wait(seconds: 60) { try store.asof(["rebuild-online", "marks"]).status == 0 })
    }

    @Test func `a silence that is no number of seconds is refused`() throws {
        let store = try ServedStore()
        let output = try AsofBinary.run(
            ["status", "-d", store.conninfo],
            in: store.scratch.path,
            environment: ["ASOF_SILENCE_SECONDS": "soon"]
        )
        #expect(output.status == 1)
        #expect(output.error.contains("ASOF_SILENCE_SECONDS is 'soon': expected a whole number of seconds"))
    }
}
