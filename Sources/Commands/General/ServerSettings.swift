import Access
import Synchronization
import Wire

/// CONFIG GET: settings under Redis's names; those that we do not have say what holds here.
enum ServerSettings {
    static func get(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        let all = settings(context.engine)
        var patterns: [Glob] = []
        for index in 2..<arguments.count {
            guard let pattern = Glob(bounded: arguments.text(index).lowercased()) else {
                context.reply.error(Glob.refusal)
                return .replied
            }
            patterns.append(pattern)
        }
        let found = all.filter { setting in patterns.contains { $0.matches(setting.name) } }
        context.reply.map(found.count)
        for setting in found {
            context.reply.bulk(setting.name)
            context.reply.bulk(setting.value)
        }
        return .replied
    }

    private static func settings(_ engine: Engine) -> [InfoLine] {
        [
            InfoLine("appendonly", "no"),
            InfoLine("databases", 1),
            InfoLine("io-threads", engine.settings.threads),
            InfoLine("maxclients", engine.settings.clientsMax),
            InfoLine("maxmemory", 0),
            InfoLine("maxmemory-policy", "noeviction"),
            InfoLine("port", engine.port.load(ordering: .relaxed)),
            InfoLine("proto-max-bulk-len", engine.settings.bulkBytesMax),
            InfoLine("replica-read-only", "no"),
            InfoLine("save", ""),
            InfoLine("slave-read-only", "no"),
            InfoLine("slowlog-log-slower-than", engine.settings.slowLogUs),
            InfoLine("slowlog-max-len", CommandLimits.slowLogEntriesMax),
            InfoLine("timeout", 0),
        ]
    }
}
