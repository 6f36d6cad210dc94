import Glibc
import Synchronization
import TestSupport
import Testing

@testable import EmbeddedPostgres

/// A server that ends under a process that goes on using it.
@Suite(.serialized)
struct ClusterKeeperTests {
    /// A keeper that notes what it tells, and ends with the test.
    private final class Kept {
        let running: RunningCluster
        private let keeper: ClusterKeeper
        private let told: Events

        private final class Events: Sendable {
            let list = Mutex<[String]>([])
        }

        init(_ cluster: EmbeddedCluster) throws {
            running = try cluster.open(supervision())
            let events = Events()
            told = events
            keeper = ClusterKeeper(running, supervision: supervision()) { event in
                switch event {
                case .restarted: events.list.withLock { $0.append("restarted") }
                case .failed(let error): events.list.withLock { $0.append("failed: \(error)") }
                }
            }
            keeper.start()
        }

        var events: [String] { told.list.withLock { $0 } }
        func answers() -> Bool { ask(running.conninfo, "SELECT 'there'") == "there" }

        deinit {
            keeper.stop()
            running.close()
        }
    }

    @Test func `a server that is killed or stopped, at any moment, comes back with what was committed`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let kept = try Kept(cluster)
        #expect(ask(kept.running.conninfo, "CREATE TABLE t (n int); SELECT 'made'") == "made")
        for round in 1...6 {
            #expect(ask(kept.running.conninfo, "INSERT INTO t VALUES (\(round)) RETURNING n") == "\(round)")
            let pid = try #require(cluster.serverPid)
            let number = random.pick([SIGKILL, SIGQUIT, SIGINT])
            kill(pid, number)
            // Also while it is being started.
            if random.oneIn(3) {
                Patience.pass(microseconds: random.int(0...900_000), "a moment of the restart")
                if let pid = cluster.serverPid { kill(pid, SIGKILL) }
            }
            #expect(eventually { cluster.serverPid != pid && kept.answers() }, "seed \(seed), round \(round)")
            #expect(eventually { (try? cluster.status().isSupervised) == true })
            #expect(ask(kept.running.conninfo, "SELECT count(*) FROM t") == "\(round)", "seed \(seed), round \(round)")
        }
        // It is told after the server has its supervisor.
        #expect(eventually { kept.events.count { $0 == "restarted" } >= 6 }, "\(kept.events)")
    }

    @Test func `a dead server is no zombie of the process that started it, which would keep another from starting it`()
        throws
    {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        defer { running.close() }
        let pid = try #require(cluster.serverPid)
        kill(pid, SIGKILL)
        #expect(eventually { FileIdentity(path: "/proc/\(pid)") == nil })
    }

    @Test func `a killed supervisor is replaced while the server is used`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let kept = try Kept(cluster)
        #expect(eventually { supervisorProcess(of: cluster) != nil })
        let supervisor = try #require(supervisorProcess(of: cluster))
        kill(supervisor, SIGKILL)
        #expect(
            eventually {
                let now = supervisorProcess(of: cluster)
                return now != nil && now != supervisor && (try? cluster.status().isSupervised) == true
            }
        )
        #expect(starts(of: cluster) == 1 && kept.events.isEmpty)
    }

    @Test func `why it does not start is told once, and it starts when that is mended`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let kept = try Kept(cluster)
        let settings = cluster.location.data + "/asof.conf"
        let saved = try #require(readText(settings))
        func put(_ text: String) throws {
            unlink(settings)
            try writeNewFile(settings, text, mode: 0o644)
            chown(settings, cluster.account.uid, cluster.account.gid)
        }
        try put("shared_buffers = rubbish\n")
        kill(try #require(cluster.serverPid), SIGKILL)
        #expect(eventually { kept.events.contains { $0.hasPrefix("failed") && $0.contains("rubbish") } })
        #expect(eventually { starts(of: cluster) >= 1 && kept.events.count == 1 })
        try put(saved)
        #expect(eventually { kept.answers() })
        #expect(eventually { kept.events.last == "restarted" })
        #expect(kept.events.count { $0.hasPrefix("failed") } == 1, "\(kept.events)")
    }

    @Test func `a folder that was moved is left alone`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let kept = try Kept(cluster)
        let moved = scratch.path + "/elsewhere"
        #expect(mkdir(moved, 0o755) == 0)
        let pid = try #require(cluster.serverPid)
        #expect(rename(cluster.location.folder, moved + "/asof-data") == 0)
        kill(pid, SIGKILL)
        #expect(eventually { kill(pid, 0) != 0 })
        Patience.pass(microseconds: 1_500_000, "the keeper looks more than once")
        #expect(FileIdentity(path: cluster.location.folder) == nil && kept.events.isEmpty, "\(kept.events)")
        #expect(rename(moved + "/asof-data", cluster.location.folder) == 0)
        #expect(eventually { kept.answers() })
    }
}
