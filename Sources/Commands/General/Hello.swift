import Synchronization
import Wire

/// HELLO: all of it happens, or nothing.
enum Hello {
    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        var version = context.client.version
        var name: String?
        // Of several options of a kind the last counts: where the user's name stands.
        var userAt: Int?
        if arguments.count > 1 {
            guard let number = arguments.integer(1) else {
                context.reply.error("ERR Protocol version is not an integer or out of range")
                return .replied
            }
            guard let asked = ProtocolVersion(rawValue: Int(clamping: number)) else {
                context.reply.error("NOPROTO unsupported protocol version; this server speaks RESP 2 and 3")
                return .replied
            }
            version = asked
        }
        var at = 2
        while at < arguments.count {
            let more = arguments.count - at - 1
            if arguments.matches(at, "AUTH"), more >= 2 {
                userAt = at + 1
                at += 3
            } else if arguments.matches(at, "SETNAME"), more >= 1 {
                if let refusal = ClientName.refusal(arguments[at + 1]) {
                    context.reply.error(refusal)
                    return .replied
                }
                name = arguments.text(at + 1)
                at += 2
            } else {
                context.reply.error("ERR Syntax error in HELLO option '\(arguments.text(at).prefix(128))'")
                return .replied
            }
        }
        let welcome: Authentication.Welcome = { [version, name] client, reply in
            if let name { client.record.details.withLock { $0.name = name } }
            client.version = version
            reply.version = version
            client.record.details.withLock { $0.version = version.rawValue }
            describe(client, &reply)
        }
        if let userAt {
            let user = arguments.text(userAt)
            return Authentication.letIn(&context, user: user, password: arguments[userAt + 1], welcome)
        }
        guard context.client.isAuthenticated else {
            context.reply.error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
                    + "<pass> option can be used to authenticate the client and select the RESP protocol version at the same "
                    + "time"
            )
            return .replied
        }
        welcome(context.client, &context.reply)
        return .replied
    }

    private static func describe(_ client: ClientState, _ reply: inout ReplyWriter) {
        reply.map(7)
        reply.bulk("server")
        reply.bulk("asof")
        reply.bulk("version")
        reply.bulk(ServerInfo.redisVersion)
        reply.bulk("proto")
        reply.integer(Int64(client.version.rawValue))
        reply.bulk("id")
        reply.integer(client.id)
        reply.bulk("mode")
        reply.bulk("standalone")
        reply.bulk("role")
        reply.bulk("master")
        reply.bulk("modules")
        reply.array(0)
    }
}

/// Names of connections, and of the libraries that made them.
enum ClientName {
    /// - Returns: why a text is no name; `nil` = it is one.
    static func refusal(_ name: Span<UInt8>) -> String? {
        if name.count > CommandLimits.clientNameBytesMax {
            return "ERR Client names have at most \(CommandLimits.clientNameBytesMax) bytes, got \(name.count)."
        }
        return isValid(name) ? nil : "ERR Client names cannot contain spaces, newlines or special characters."
    }

    /// Printable ASCII without blanks; empty = no name.
    static func isValid(_ name: Span<UInt8>) -> Bool {
        for index in 0..<name.count where name[index] < 0x21 || name[index] > 0x7E { return false }
        return true
    }
}
