import Foundation
import Glibc
import TestSupport
import Testing

@testable import Postgres

/// What a connection does when the server does not answer.
@Suite(.serialized) struct ConnectionDeadlineTests {
    /// How a server, or what lies before it, falls silent.
    enum Silence: CaseIterable, Sendable {
        /// The backend is stopped: the socket takes data and gives none.
        case backend
        /// Nothing is forwarded; no side learns it.
        case network
    }

    /// A wait for the server.
    enum Wait: CaseIterable, Sendable {
        case execute, query, begin, copyIn, endOfCopyIn, copyOut, notifications
    }

    private final class Scene {
        let proxy: LoopbackProxy
        let connection: Connection
        let pid: pid_t
        let other: Connection

        init(interruption: Interruption? = nil) throws {
            let cluster = try ThrowawayCluster.shared()
            let conninfo = try cluster.database()
            proxy = try LoopbackProxy(to: cluster, database: conninfo)
            connection = try Connection(proxy.conninfo, interruption: interruption)
            other = try Connection(conninfo)
            _ = try other.execute("CREATE TABLE t AS SELECT n, repeat('x', 1000) AS s FROM generate_series(1, 20000) n")
            pid = pid_t(try connection.execute("SELECT pg_backend_pid()").last?.text(0, 0) ?? "") ?? 0
        }

        func silence(_ how: Silence) {
            switch how {
            case .backend: kill(pid, SIGSTOP)
            case .network: proxy.setSilent(true)
            }
        }

        func heal() {
            kill(pid, SIGCONT)
            proxy.setSilent(false)
        }

        deinit {
            heal()
            proxy.stop()
        }
    }

    private static let options = Connection.TransactionOptions(
        isReadOnly: false,
        statementTimeoutMs: 500,
        silenceMs: 700
    )

    private func error(_ body: () throws -> Void) -> PostgresError? {
        do { try body() } catch { return error as? PostgresError }
        return nil
    }

    @Test(.timeLimit(.minutes(15)), arguments: Silence.allCases, Wait.allCases)
    func `a wait ends soon after its time is over, and the connection is closed`(_ how: Silence, _ wait: Wait) throws {
        let scene = try Scene()
        let connection = scene.connection
        if wait != .begin { try connection.begin(Self.options) }
        var piece = CopyPiece()
        switch wait {
        case .copyIn, .endOfCopyIn: try connection.beginCopyIn("COPY public.t FROM STDIN")
        case .copyOut:
            try connection.beginCopyOut("COPY public.t TO STDOUT (FORMAT binary)")
            #expect(try connection.nextCopyRow(&piece))
        default: break
        }
        // As in a group: all of it, whatever comes meanwhile.
        connection.deadline = .now + .milliseconds(700)
        scene.silence(how)
        let begun = ContinuousClock.now
        let error = error {
            switch wait {
            case .execute: _ = try connection.execute("SELECT 1")
            case .query: _ = try connection.query("SELECT $1", [.int64(1)])
            case .begin: try connection.begin(Self.options)
            case .copyIn:
                let chunk = Array("1\t".utf8) + [UInt8](repeating: 120, count: 1 << 20) + [10]
                // More than all buffers on the way hold.
                for _ in 0..<64 { try connection.putCopyData(chunk) }
            case .endOfCopyIn: _ = try connection.endCopy()
            case .copyOut: while try connection.nextCopyRow(&piece) {}
            case .notifications:
                #expect(try connection.waitForNotification(timeoutMs: 300) == false)
                _ = try connection.execute("SELECT 1")
            }
        }
        let took = begun.duration(to: .now)
        #expect(error?.kind == .noAnswer, "\(String(describing: error))")
        #expect(error?.message.hasPrefix("PostgreSQL has not answered for ") == true)
        #expect(took > .milliseconds(500) && took < .seconds(20), "\(took)")
        #expect(!connection.isAlive)
        #expect(self.error { _ = try connection.execute("SELECT 1") }?.kind == .connectionLost)
        connection.rollBack()
        connection.cancelCopyOut()
    }

    @Test(.timeLimit(.minutes(15)))
    func `a statement that takes too long is cancelled, and the connection goes on`() throws {
        let scene = try Scene()
        let options = Connection.TransactionOptions(isReadOnly: true, silenceMs: 500)
        try scene.connection.begin(options)
        let error = error { _ = try scene.connection.execute("SELECT pg_sleep(600)") }
        #expect(error?.kind == .noAnswer)
        #expect(scene.connection.isAlive)
        scene.connection.rollBack()
        #expect(try scene.connection.execute("SELECT 7").last?.text(0, 0) == "7")
    }

    @Test(.timeLimit(.minutes(15)))
    func `a cancel request that is late hits no other statement`() throws {
        let scene = try Scene()
        let options = Connection.TransactionOptions(isReadOnly: true, silenceMs: 60)
        for round in 0..<40 {
            try scene.connection.begin(options)
            // Ends at about the time at which it is cancelled.
            _ = error { _ = try scene.connection.execute("SELECT pg_sleep(0.0\(55 + round % 10))") }
            guard scene.connection.isAlive else { break }
            scene.connection.rollBack()
            #expect(error { _ = try scene.connection.execute("SELECT 1") } == nil, "round \(round)")
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `a COPY that is given up leaves a connection that can be used`() throws {
        let scene = try Scene()
        try scene.connection.begin(Self.options)
        try scene.connection.beginCopyOut("COPY public.t TO STDOUT (FORMAT binary)")
        var piece = CopyPiece()
        #expect(try scene.connection.nextCopyRow(&piece))
        scene.connection.cancelCopyOut()
        #expect(scene.connection.isAlive)
        scene.connection.rollBack()
        try scene.connection.begin(Self.options)
        try scene.connection.beginCopyIn("COPY public.t FROM STDIN")
        try scene.connection.putCopyData(Array("1\tx\n".utf8))
        scene.connection.cancelCopy("enough")
        scene.connection.rollBack()
        #expect(try scene.connection.execute("SELECT count(*) FROM public.t").last?.text(0, 0) == "20000")
    }

    @Test(.timeLimit(.minutes(15)), arguments: Silence.allCases)
    func `another thread ends a wait long before its time`(_ how: Silence) throws {
        let interruption = Interruption()
        let scene = try Scene(interruption: interruption)
        try scene.connection.begin(.write)
        scene.silence(how)
        let waiting = ThreadWaits.current
        Thread.detachNewThread {
            #expect(Patience.wait { ThreadWaits.of(thread: waiting).contains("poll") })
            interruption.interrupt()
        }
        let begun = ContinuousClock.now
        #expect(error { _ = try scene.connection.execute("SELECT 1") }?.kind == .connectionLost)
        #expect(begun.duration(to: .now) < .seconds(5))
        #expect(error { _ = try Connection(scene.proxy.conninfo, interruption: interruption) }?.kind == .connect)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a server that does not answer is given up while connecting`() throws {
        let scene = try Scene()
        scene.proxy.setSilent(true)
        let begun = ContinuousClock.now
        #expect(error { _ = try Connection(scene.proxy.conninfo, connectTimeoutSeconds: 2) }?.kind == .connect)
        #expect(begun.duration(to: .now) < .seconds(20))
    }

    /// TCP_USER_TIMEOUT of the connection's socket, in ms.
    private func tcpUserTimeout(_ connection: Connection) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(connection.descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &size)
        return value
    }

    @Test func `what nobody confirms ends a connection over TCP, by our time or by the caller's`() throws {
        let scene = try Scene()
        #expect(tcpUserTimeout(scene.connection) == Int32(WaitLimits.tcpUserTimeoutMs))
        #expect(tcpUserTimeout(try Connection(scene.proxy.conninfo + " tcp_user_timeout=1234")) == 1_234)
    }

    @Test(.timeLimit(.minutes(15)))
    func `data of any size goes both ways`() throws {
        let scene = try Scene()
        let connection = scene.connection
        let text = String(repeating: "ä€", count: 3 << 20)
        #expect(try connection.query("SELECT $1::text", [.text(text)]).text(0, 0) == text)
        try connection.begin(.write)
        try connection.beginCopyIn("COPY public.t FROM STDIN")
        let row = Array("1\t".utf8) + [UInt8](repeating: 120, count: 3 << 20) + [10]
        for _ in 0..<10 { try connection.putCopyData(row) }
        #expect(try connection.endCopy() == 10)
        try connection.beginCopyOut("COPY (SELECT s FROM public.t WHERE length(s) > 1000) TO STDOUT")
        var piece = CopyPiece()
        var bytes = 0
        while try connection.nextCopyRow(&piece) { bytes += piece.bytes.count }
        #expect(bytes == 10 * (3 << 20 + 1))
        try connection.commit()
    }

    // MARK: A server that works for long, and one that hangs

    private static let hour = Connection.TransactionOptions(isReadOnly: true)

    @Test(.timeLimit(.minutes(15)))
    func `a server that is silent and answers no new connection is given up, whatever a statement may take`() throws {
        let cluster = try ThrowawayCluster.shared()
        let proxy = try LoopbackProxy(to: cluster, database: try cluster.database())
        defer {
            proxy.setSilent(false)
            proxy.stop()
        }
        let check = ServerCheck(afterMs: 300, everyMs: 100, timeoutSeconds: 2, failuresMax: 2)
        let connection = try Connection(proxy.conninfo, check: check)
        try connection.begin(Self.hour)
        proxy.setSilent(true)
        let start = ContinuousClock.now
        let error = error { _ = try connection.execute("SELECT pg_sleep(600)") }
        #expect(error?.kind == .noAnswer, "\(String(describing: error))")
        #expect(error?.message.hasSuffix(", and answers no new connection") == true)
        #expect(ContinuousClock.now - start < .seconds(60))
        #expect(!connection.isAlive)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a statement that works is waited for, as often as its server is asked`() throws {
        let conninfo = try ThrowawayCluster.shared().database()
        let check = ServerCheck(afterMs: 50, everyMs: 20, timeoutSeconds: 10, failuresMax: 1)
        let connection = try Connection(conninfo, check: check)
        try connection.begin(Self.hour)
        #expect(try connection.execute("SELECT pg_sleep(2), 7").last?.text(0, 1) == "7")
        try connection.commit()
    }

    @Test func `one answer in between keeps a connection, and so does whatever the server sends`() {
        var watch = ServerWatch(ServerCheck(afterMs: 0, everyMs: 0, failuresMax: 2))
        func look(_ answer: Bool?) -> Bool {
            // Asks, then hears the answer.
            _ = watch.isGone { _ in ServerPing(answer: answer) }
            return watch.isGone { _ in ServerPing(answer: answer) }
        }
        #expect(!look(false) && !look(true) && !look(false))
        watch.restart()
        #expect(!look(false) && !look(nil))
        watch.restart()
        #expect(!look(false) && look(false))
    }

    // MARK: Connecting

    @Test(.timeLimit(.minutes(15)), arguments: [false, true])
    func `connecting to what never answers ends in time, and where the process stops`(isStopping: Bool) throws {
        let cluster = try ThrowawayCluster.shared()
        let proxy = try LoopbackProxy(to: cluster, database: try cluster.database())
        defer {
            proxy.setSilent(false)
            proxy.stop()
        }
        proxy.setSilent(true)
        let interruption = Interruption()
        if isStopping {
            Thread.detachNewThread {
                Patience.pass(microseconds: 300_000, "a moment at which the process stops")
                interruption.interrupt()
            }
        }
        let start = ContinuousClock.now
        // Without a bound of libpq's own.
        let error = error {
            _ = try Connection(
                proxy.conninfo + " connect_timeout=0",
                connectMs: isStopping ? 60_000 : 1_000,
                interruption: interruption
            )
        }
        #expect(error?.kind == .connect)
        #expect(error?.message.hasPrefix(isStopping ? "connecting was given up" : "no connection within 1 s") == true)
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
