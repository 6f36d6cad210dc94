import Glibc
import TestSupport
import Testing

@testable import EmbeddedPostgres

/// The life of one cluster's server: start, sharing, idleness, crashes.
@Suite(.serialized)
struct EmbeddedClusterTests {
    @Test func `a new cluster is found, starts and answers`() throws {
        let scratch = Scratch()
        let made = try EmbeddedCluster.create(in: scratch.path)
        let found = try #require(try EmbeddedCluster.find(from: scratch.path))
        #expect(found == made)
        #expect(try made.status().server == .stopped)
        let running = try found.open(supervision())
        #expect(ask(running.conninfo, "SELECT current_database() || current_user") == "asofasof")
        #expect(ask(running.conninfo, "SHOW server_encoding") == "UTF8")
        // Where tables of a user go who names no schema: not into ours, which is called as the role.
        #expect(ask(running.conninfo, "SHOW search_path") == "public")
        #expect(ask(running.conninfo, "SHOW max_wal_size") == "4GB")
        #expect(ask(running.conninfo, "SHOW listen_addresses") == "")
        #expect(ask(running.conninfo, "SHOW data_checksums") == "on")
        #expect(
            ask(running.conninfo, "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('b'), ('B'), ('a')) v (x)")
                == "Bab"
        )
        #expect(try found.status().server == .running)
        #expect(try found.status().isSupervised)
    }

    @Test func `opening a running cluster costs less than 5 ms`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let first = try cluster.open(supervision())
        defer { first.close() }
        let times = try (0..<20).map { _ in
            try ContinuousClock().measure {
                let again = try #require(try EmbeddedCluster.find(from: scratch.path))
                try again.open(supervision()).close()
            }
        }
        let best = try #require(times.min())
        print("open, running: best \(best), worst \(times.max() ?? best)")
        #expect(best < .milliseconds(5))
    }

    @Test func `twenty first commands start the server once and all connect`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let answers = inParallel(20) { _ in
            do {
                let running = try cluster.open(supervision())
                return ask(running.conninfo, "SELECT 'connected'")
            } catch {
                return "\(error)"
            }
        }
        #expect(answers == Array(repeating: "connected", count: 20))
        #expect(starts(of: cluster) == 1)
    }

    @Test func `the server stops when idle, not before, and starts again`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision(idle: 1))
        Patience.pass(microseconds: 2_500_000, "longer than the idle time")
        #expect(cluster.serverPid != nil)
        let socket = try #require(try cluster.status().socketFolder)
        running.close()
        #expect(eventually { cluster.isStopped() && supervisorProcess(of: cluster) == nil })
        #expect(FileIdentity(path: socket) == nil)
        let again = try cluster.open(supervision(idle: 1))
        #expect(ask(again.conninfo, "SELECT 1") == "1")
    }

    @Test func `a client without a lock keeps the server running`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision(idle: 0.5))
        let conninfo = running.conninfo
        let answers = inParallel(1) { _ in
            running.close()
            return ask(conninfo, "SELECT pg_sleep(3)::text || 'slept'")
        }
        #expect(answers == ["slept"])
        #expect(eventually { cluster.isStopped() })
    }

    @Test func `commands that come and go while it stops all get a server`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let answers = inParallel(4) { number in
            for round in 0..<8 {
                do {
                    let running = try cluster.open(supervision(idle: 0.1))
                    let answer = ask(running.conninfo, "SELECT 'ok'")
                    if answer != "ok" { return answer }
                } catch { return "\(error)" }
                Patience.pass(microseconds: (number * 7 + round * 5) % 11 * 100_000, "commands at all moments")
            }
            return "ok"
        }
        #expect(answers == Array(repeating: "ok", count: 4))
    }

    @Test func `a killed command does not keep the server`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision(idle: 0.5))
        let held = scratch.path + "/held"
        let command = ["/usr/bin/flock", "-s", cluster.location.useLock, "-c", "touch '\(held)'; exec sleep 100"]
        let holder = try Subprocess.spawn(command, environment: [], descriptors: [], newSession: true)
        #expect(eventually { FileIdentity(path: held) != nil })
        running.close()
        Patience.pass(microseconds: 2_000_000, "longer than the idle time")
        #expect(!cluster.isStopped())
        kill(-holder, SIGKILL)
        waitpid(holder, nil, 0)
        #expect(eventually { cluster.isStopped() })
    }

    @Test func `a killed server is started again`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        #expect(ask(running.conninfo, "CREATE TABLE t AS SELECT 1; SELECT count(*) FROM t") == "1")
        let pid = try #require(cluster.serverPid)
        kill(pid, SIGKILL)
        #expect(eventually { cluster.isStopped() })
        let again = try cluster.open(supervision())
        #expect(ask(again.conninfo, "SELECT count(*) FROM t") == "1")
        #expect(cluster.serverPid != pid)
        #expect(try cluster.status().isSupervised)
    }

    @Test func `a server whose data was deleted confirms nothing any more`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        let pid = try #require(cluster.serverPid)
        #expect(eventually { supervisorProcess(of: cluster) != nil })
        Patience.pass(microseconds: 1_500_000, "the supervisor looks at the server twice")
        try Subprocess.run(["/bin/rm", "-rf", cluster.location.folder], seconds: 60)
        #expect(eventually(seconds: 8) { kill(pid, 0) != 0 || readText("/proc/\(pid)/stat")?.contains(") Z ") == true })
        #expect(ask(running.conninfo, "SELECT 1") != "1")
        #expect(running.absence?.contains("was moved or deleted") == true)
        // The place is free for another store, which is not the one that was opened.
        let other = try EmbeddedCluster.create(in: scratch.path)
        #expect(running.absence != nil)
        #expect(ask(try other.open(supervision()).conninfo, "SELECT 1") == "1")
    }

    @Test func `a killed supervisor is replaced by the next command`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        try cluster.open(supervision()).close()
        let server = cluster.serverPid
        let supervisor = try #require(supervisorProcess(of: cluster))
        kill(supervisor, SIGKILL)
        #expect(eventually { (try? cluster.status().isSupervised) == false })
        #expect(cluster.serverPid == server)
        try cluster.open(supervision(idle: 0.5)).close()
        #expect(starts(of: cluster) == 1)
        #expect(eventually { cluster.isStopped() })
    }

    @Test func `a server whose socket was deleted is restarted`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        try cluster.open(supervision()).close()
        let socket = try #require(try cluster.status().socketFolder)
        try Subprocess.run(["/bin/rm", "-rf", socket], seconds: 10)
        let running = try cluster.open(supervision())
        #expect(ask(running.conninfo, "SELECT 1") == "1")
        #expect(starts(of: cluster) == 2)
    }

    /// What a crash leaves where the process of this number is another one by now.
    private func leave(_ number: Int32, in cluster: EmbeddedCluster) throws {
        let file = cluster.location.data + "/postmaster.pid"
        try writeNewFile(file, "\(number)\n\(cluster.location.data)\n1\n5432\n/tmp/gone\n\n1 1\nready   \n")
        chown(file, cluster.account.uid, cluster.account.gid)
    }

    @Test func `a postmaster.pid whose process is gone does not stop the start`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let gone = try Subprocess.spawn(["/bin/true"], environment: [], descriptors: [], newSession: true)
        waitpid(gone, nil, 0)
        try leave(gone, in: cluster)
        let running = try cluster.open(supervision())
        #expect(ask(running.conninfo, "SELECT 1") == "1")
    }

    @Test func `PostgreSQL judges a postmaster.pid whose number a stranger has: it stays, and the error names him`()
        throws
    {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let sleep = try cluster.account.running(["/bin/sleep", "100"])
        let stranger = try Subprocess.spawn(sleep, environment: [], descriptors: [], newSession: true)
        defer {
            kill(stranger, SIGKILL)
            waitpid(stranger, nil, 0)
        }
        #expect(eventually { readText("/proc/\(stranger)/comm")?.hasPrefix("sleep") == true })
        try leave(stranger, in: cluster)
        let error = #expect(throws: ClusterError.self) { try cluster.open(supervision()) }
        let text = "\(String(describing: error))"
        #expect(text.contains("names process \(stranger) (sleep)") && text.contains("run the command again"), "\(text)")
        #expect(readText(cluster.location.data + "/postmaster.pid")?.hasPrefix("\(stranger)\n") == true)

        kill(stranger, SIGKILL)
        waitpid(stranger, nil, 0)
        let running = try cluster.open(supervision())
        #expect(ask(running.conninfo, "SELECT 1") == "1")
    }

    @Test func `a server that cannot start says why, from its log`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let settings = cluster.location.data + "/asof.conf"
        unlink(settings)
        try writeNewFile(settings, "shared_buffers = rubbish\n", mode: 0o644)
        chown(settings, cluster.account.uid, cluster.account.gid)
        let error = #expect(throws: ClusterError.self) { try cluster.open(supervision()) }
        #expect(error?.description.contains("rubbish") == true, "\(String(describing: error))")
        #expect(try cluster.status().isSupervised == false)
    }

    @Test func `stop ends server and supervisor, and refuses while the store is used`() throws {
        let scratch = Scratch()
        let cluster = try EmbeddedCluster.create(in: scratch.path)
        let running = try cluster.open(supervision())
        #expect(throws: ClusterError.inUse(home: cluster.location.home)) { try cluster.stop() }
        running.close()
        try cluster.stop()
        #expect(cluster.isStopped())
        #expect(eventually(seconds: 1) { supervisorProcess(of: cluster) == nil })
    }
}
