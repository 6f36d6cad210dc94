import Commands
import RESPServer
import TestSupport
import Testing

/// What popular clients send when they connect must not break them.
@Suite struct HandshakeTests {
    @Test(
        "each command of a client's beginning has one reply",
        arguments: Handshake.all.filter { !$0.isHTTP }
    )
    func replies(item: Handshake) throws {
        for isWhole in [true, false] {
            let scene = Scene()
            let all = item.commands.flatMap { RespClient.request($0) }
            scene.send(all, pieces: isWhole ? .max : 1)
            var parser = ReplyParser()
            parser.append(scene.received)
            for command in item.commands {
                let reply = try #require(try parser.next(), "\(item.client): \(command)")
                expect(reply, to: command, of: item.client)
            }
            #expect(parser.rest.isEmpty)
            #expect(scene.ending == nil)
        }
    }

    private func expect(_ reply: Reply, to command: [String], of client: String) {
        let place = "\(client): \(command): \(reply)"
        switch (command[0], command.count > 1 ? command[1].uppercased() : "") {
        case ("HELLO", let version):
            #expect(reply["proto"] == .integer(Int64(version) ?? 0), "\(place)")
            #expect(reply["version"] == .bulk("7.2.4"), "\(place)")
            #expect(reply["server"] == .bulk("asof") && reply["mode"] == .bulk("standalone"), "\(place)")
            #expect(reply["role"] == .bulk("master") && reply["modules"] == .array([]), "\(place)")
            if case .integer? = reply["id"] {} else { Issue.record("\(place)") }
        case ("SELECT", _), ("CLIENT", "SETNAME"): #expect(reply == .simple("OK"), "\(place)")
        case ("CLIENT", "SETINFO"): #expect(reply == .simple("OK"), "\(place)")
        case ("CLIENT", "TRACKING"), ("CLIENT", "MAINT_NOTIFICATIONS"):
            #expect(reply.text?.hasPrefix("ERR ") == true, "\(place)")
        case ("PING", _): #expect(reply == .simple("PONG"), "\(place)")
        case ("INFO", _): #expect(reply.text?.hasPrefix("# ") == true, "\(place)")
        case ("COMMAND", _): #expect(!reply.isError, "\(place)")
        case ("CONFIG", _): #expect(!reply.isError, "\(place)")
        default: break
        }
    }

    @Test func `COMMAND DOCS has the shape that redis-cli asserts`() throws {
        let scene = Scene()
        scene.send("COMMAND DOCS\r\nHELLO 3\r\nCOMMAND DOCS\r\n")
        var parser = ReplyParser()
        parser.append(scene.received)
        let flat = try #require(try parser.next()?.items)
        _ = try parser.next()
        guard case .map(let pairs) = try parser.next() else {
            Issue.record("no map")
            return
        }
        #expect(flat.count == pairs.count * 2)
        for pair in pairs {
            let name = pair.key.text ?? ""
            #expect(!name.isEmpty)
            for field in ["summary", "since", "group"] {
                if case .bulk? = pair.value[field] {} else { Issue.record("\(name) has no \(field)") }
            }
            for argument in pair.value["arguments"]?.items ?? [] {
                for flag in argument["flags"]?.items ?? [] {
                    if case .simple = flag {} else { Issue.record("\(name): \(flag)") }
                }
            }
        }
    }
}
