import Commands
import RESPServer
import TestSupport
import Testing

/// The published cases over real sockets: whole, and with a packet for each byte.
@Suite struct SocketCaseTests {
    @Test(
        "published cases are answered as they say over a socket",
        arguments: ProtocolCase.all
    )
    func replays(item: ProtocolCase) throws {
        let server = try TestServer(engine: ProbeCommands.engine(password: item.password))
        for isByByte in [false, true] {
            let client = try server.client()
            for (number, step) in item.steps.enumerated() where step.semantic == nil && step.config == nil {
                try run(step, client, isByByte: isByByte, "\(item.id), step \(number)")
            }
            guard !client.isClosed else { continue }
            // Nothing else has come.
            client.send("QUIT\r\n")
            let rest = try client.untilClosed()
            #expect(latin1(rest) == "+OK\r\n", "\(item.id)")
        }
    }

    private func run(_ step: ProtocolCase.Step, _ client: RespClient, isByByte: Bool, _ place: String) throws {
        var sent = bytes(latin1: step.send ?? "")
        if step.sendUntilClose != nil { sent = Array(repeating: UInt8(ascii: "p"), count: 70_000) }
        if isByByte, sent.count < 2_000 {
            for byte in sent { client.send([byte]) }
        } else {
            client.send(sent)
        }
        if let exact = step.exact {
            #expect(try client.raw(exact.unicodeScalars.count) == exact, "\(place)")
        } else if step.prefix != nil || step.contains != nil || step.field != nil {
            let reply = try client.reply()
            let text = "\(reply)"
            if let contains = step.contains { #expect(reply.text?.contains(contains) == true, "\(place): \(text)") }
            if let prefix = step.prefix, prefix.hasPrefix("-") {
                #expect(reply.text?.hasPrefix(prefix.dropFirst()) == true, "\(place): \(text)")
            }
            if let field = step.field, case .text(let name) = field[0], case .number(let value) = field[1] {
                #expect(reply[name] == .integer(value), "\(place): \(text)")
            }
        }
        if step.close == true { #expect(try client.untilClosed().isEmpty, "\(place)") }
    }

    @Test(
        "clients' beginnings are answered over a socket",
        arguments: Handshake.all
    )
    func handshakes(item: Handshake) throws {
        let server = try TestServer()
        let client = try server.client()
        if item.isHTTP {
            client.send("POST /write?db=x HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nPING\r\nPING\r\nPING\r\n")
            #expect(try client.untilClosed().isEmpty)
            return
        }
        for command in item.commands {
            client.send(RespClient.request(command))
            _ = try client.reply()
        }
        #expect(try client.run("ECHO", "last") == .bulk("last"))
    }
}
