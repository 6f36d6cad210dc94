import Access
import Commands
import NIOCore
import RESPServer
import TestSupport
import Testing
import Wire

/// Connections of servers that have users, without sockets.
@Suite struct UserConnectionTests {
    private static func engine(_ accounts: [Account]) -> Engine {
        var settings = EngineSettings()
        settings.slowLogUs = -1
        let engine = Engine(settings: settings, table: ProbeCommands.table)
        engine.take(accounts)
        return engine
    }

    private static func account(_ name: String, id: Int64 = 1, _ grants: [Grant]) -> Account {
        Account(
            id: id,
            name: name,
            verifier: ScramVerifier(password: Array("right".utf8), salt: [UInt8(id)], iterations: 2),
            grants: grants
        )
    }

    /// A connection that waits for its password is given the answer.
    private func finishAuthentication(_ scene: Scene) async throws {
        try #require(scene.starts.count == 1)
        let (id, reply) = scene.starts.removeLast()
        let body: DeferredReply.Body = await withCheckedContinuation { continuation in
            reply.start { continuation.resume(returning: $0) }
        }
        scene.take(scene.connection.replyReady(id, body, nowNs: scene.nowMs * 1_000_000))
    }

    @Test func `what follows AUTH waits for it, and then has the bounds of whoever has authenticated`() async throws {
        let scene = Scene(engine: Self.engine([Self.account("ada", [Grant(.reader)])]))
        #expect(!scene.client.isAuthenticated)
        scene.send("*1\r\n$4\r\nPING\r\n")
        #expect(scene.reply() == "-NOAUTH Authentication required.\r\n")
        // More than a client may send before.
        let long = String(repeating: "x", count: 20_000)
        scene.send("AUTH ada right\r\n*2\r\n$4\r\nECHO\r\n$\(long.count)\r\n\(long)\r\nACL WHOAMI\r\n")
        #expect(scene.reply() == "")
        try await finishAuthentication(scene)
        #expect(scene.reply() == "+OK\r\n$\(long.count)\r\n\(long)\r\n$3\r\nada\r\n")
        #expect(scene.ending == nil)
    }

    @Test func `a wrong password leaves the connection who it was`() async throws {
        let scene = Scene(engine: Self.engine([Self.account("ada", [Grant(.admin)])]))
        scene.send("AUTH ada wrong\r\nPING\r\n")
        try await finishAuthentication(scene)
        #expect(scene.reply() == "-\(AccessControl.wrong)\r\n-NOAUTH Authentication required.\r\n")
        scene.send("HELLO 3 AUTH ada right SETNAME me\r\nCLIENT GETNAME\r\n")
        try await finishAuthentication(scene)
        let welcome = scene.reply()
        #expect(welcome.hasPrefix("%7\r\n$6\r\nserver\r\n$4\r\nasof\r\n"), "\(welcome)")
        #expect(welcome.hasSuffix("$2\r\nme\r\n"), "\(welcome)")
        // As ada, with a password that is wrong.
        scene.send("AUTH ada wrong\r\nACL WHOAMI\r\n")
        try await finishAuthentication(scene)
        #expect(scene.reply() == "-\(AccessControl.wrong)\r\n$3\r\nada\r\n")
    }

    @Test func `a client that wants no replies authenticates all the same`() async throws {
        let scene = Scene(engine: Self.engine([Self.account("ada", [Grant(.reader)]), Self.account("bob", id: 2, [])]))
        scene.send("AUTH ada right\r\n")
        try await finishAuthentication(scene)
        scene.send("CLIENT REPLY OFF\r\nAUTH bob right\r\n")
        try await finishAuthentication(scene)
        scene.send("CLIENT REPLY ON\r\nACL WHOAMI\r\n")
        #expect(scene.reply() == "+OK\r\n+OK\r\n$3\r\nbob\r\n")
    }

    @Test func `who may not run a command is told so, also in a transaction, which is then not run`() async throws {
        let scene = Scene(engine: Self.engine([Self.account("ada", [Grant(.reader)])]))
        scene.send("AUTH ada right\r\n")
        try await finishAuthentication(scene)
        _ = scene.reply()
        scene.send("PROBE.SET x\r\n")
        let refusal = "-NOPERM this user may not run 'probe.set'; it takes the role writer\r\n"
        #expect(scene.reply() == refusal)
        scene.send("MULTI\r\nPROBE.SET x\r\nEXEC\r\n")
        #expect(scene.reply().hasPrefix("+OK\r\n\(refusal)-EXECABORT"))
        #expect(scene.starts.isEmpty && scene.commits.isEmpty)
        #expect(scene.engine.access.counts.refusals == 2)
    }

    @Test func `rights that are added count at once, and those of a user that is gone no more`() async throws {
        let engine = Self.engine([Self.account("ada", [Grant(.reader)])])
        let scene = Scene(engine: engine)
        scene.send("AUTH ada right\r\n")
        try await finishAuthentication(scene)
        _ = scene.reply()
        engine.take([Self.account("ada", [Grant(.reader), Grant(.admin)])])
        scene.send("ACL LIST\r\n")
        #expect(scene.reply() == "*1\r\n$29\r\nuser ada on reader * admin\r\n".replacing("$29", with: "$26"))
        engine.take([])
        scene.send("PING\r\n")
        #expect(scene.reply() == "-NOAUTH Authentication required.\r\n")
    }

    @Test func `RESET forgets who it was`() async throws {
        let scene = Scene(engine: Self.engine([Self.account("ada", [Grant(.reader)])]))
        scene.send("AUTH ada right\r\n")
        try await finishAuthentication(scene)
        scene.send("RESET\r\nPING\r\n")
        #expect(scene.reply() == "+OK\r\n+RESET\r\n-NOAUTH Authentication required.\r\n")
    }

    @Test func `a certificate's user is who a connection is, and again after RESET`() throws {
        let engine = Self.engine([Self.account("ada", [Grant(.reader)])])
        let scene = Scene(engine: engine)
        scene.client.certificateUser = "ada"
        scene.client.beginAnew(engine.access)
        scene.send("ACL WHOAMI\r\nRESET\r\nACL WHOAMI\r\n")
        #expect(scene.reply() == "$3\r\nada\r\n+RESET\r\n$3\r\nada\r\n")
        scene.client.certificateUser = "nobody"
        scene.send("RESET\r\nPING\r\n")
        #expect(scene.reply() == "+RESET\r\n-NOAUTH Authentication required.\r\n")
    }
}
