import Synchronization
import Wire

/// CLIENT KILL: `addr`, or filters that all must hold.
enum ClientKill {
    private struct Filter {
        var id: Int64?
        var address: String?
        var localAddress: String?
        var user: String?
        var isNormal = true
        var skipsMe = true

        func matches(_ record: ClientRecord) -> Bool {
            isNormal && (id ?? record.id) == record.id && (address ?? record.address) == record.address
                && (localAddress ?? record.localAddress) == record.localAddress
                && user.map { user in record.details.withLock { $0.user == user } } ?? true
        }
    }

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        if arguments.count == 3 {
            let address = arguments.text(2)
            guard let record = context.engine.clients.all().first(where: { $0.address == address }) else {
                context.reply.error("ERR No such client")
                return .replied
            }
            context.reply.simple("OK")
            record.kill()
            return record.id == context.client.id ? .closed : .replied
        }
        guard let filter = filter(&context, arguments) else { return .replied }
        var killed = 0
        var isMe = false
        for record in context.engine.clients.all() where filter.matches(record) {
            if record.id == context.client.id {
                if filter.skipsMe { continue }
                isMe = true
            } else {
                record.kill()
            }
            killed += 1
        }
        context.reply.integer(Int64(killed))
        return isMe ? .closed : .replied
    }

    /// - Returns: `nil` with an error as the reply.
    private static func filter(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> Filter? {
        guard arguments.count % 2 == 0 else {
            context.reply.error("ERR syntax error")
            return nil
        }
        var filter = Filter()
        var at = 2
        while at < arguments.count {
            let value = arguments.text(at + 1)
            if arguments.matches(at, "ID") {
                guard let id = arguments.integer(at + 1), id > 0 else {
                    context.reply.error("ERR client-id should be greater than 0")
                    return nil
                }
                filter.id = id
            } else if arguments.matches(at, "ADDR") {
                filter.address = value
            } else if arguments.matches(at, "LADDR") {
                filter.localAddress = value
            } else if arguments.matches(at, "USER") {
                filter.user = value
            } else if arguments.matches(at, "TYPE") {
                filter.isNormal = arguments.matches(at + 1, "NORMAL")
            } else if arguments.matches(at, "SKIPME") {
                guard arguments.matches(at + 1, "YES") || arguments.matches(at + 1, "NO") else {
                    context.reply.error("ERR syntax error")
                    return nil
                }
                filter.skipsMe = arguments.matches(at + 1, "YES")
            } else {
                context.reply.error("ERR syntax error")
                return nil
            }
            at += 2
        }
        return filter
    }
}
