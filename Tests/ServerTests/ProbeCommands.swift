import Access
import Commands
import NIOCore
import Synchronization
import Wire

/// Commands whose replies a test decides about.
enum ProbeCommands {
    struct Write: QueuedWrite {
        var text: String
    }

    static let table = CommandTable(
        CommandTable.all.listed,
        [
            // A write that is committed later.
            Command(
                "probe.set",
                arity: 2,
                summary: "",
                group: .generic,
                flags: [.write],
                requestBytesMax: WireLimits.requestBytesMax,
                prepare: { context, arguments in
                    guard !arguments.matches(1, "BAD") else {
                        context.reply.error("FSVALUE bad value")
                        return nil
                    }
                    return Write(text: arguments.text(1))
                }
            ) { context, arguments in
                if arguments.matches(1, "BAD") {
                    context.reply.error("FSVALUE bad value")
                    return .replied
                }
                return .deferred(DeferredReply(isWrite: true, start: { _ in }))
            },
            // A write whose preparation takes as many µs of the event loop as the argument says.
            Command(
                "probe.slowset",
                arity: 2,
                summary: "",
                group: .generic,
                flags: [.write],
                prepare: { context, arguments in
                    spin(us: arguments.integer(1) ?? 0)
                    guard arguments.integer(1) != nil else {
                        context.reply.error("FSVALUE bad value")
                        return nil
                    }
                    return Write(text: arguments.text(1))
                }
            ) { _, _ in .deferred(DeferredReply(isWrite: true, start: { _ in })) },
            // A read that takes time.
            Command("probe.get", arity: 2, summary: "", group: .generic, flags: [.readonly]) { _, _ in
                .deferred(DeferredReply(cancel: {}, start: { _ in }))
            },
            // A read that is made for whoever reads the reply.
            Command("probe.large", arity: 1, summary: "", group: .generic, flags: [.readonly]) { _, _ in
                .deferred(DeferredReply(abandon: {}, start: { _ in }))
            },
            // A write that cannot stand in a transaction.
            Command("probe.alone", arity: 1, summary: "", group: .generic, flags: [.write]) { context, _ in
                context.reply.simple("OK")
                return .replied
            },
            // A reply of as many bytes as the argument says.
            Command("probe.big", arity: 2, summary: "", group: .generic, flags: [.readonly]) { context, arguments in
                context.reply.bulk(String(repeating: "x", count: Int(arguments.integer(1) ?? 0)))
                return .replied
            },
            Command("probe.loading", arity: 1, summary: "", group: .generic, flags: [.readonly]) { context, _ in
                context.reply.simple("OK")
                return .replied
            },
        ]
    )

    /// Keeps the thread busy.
    static func spin(us: Int64) {
        let end = Clock.nowNs() + us * 1_000
        while Clock.nowNs() < end {}
    }

    static func engine(password: String? = nil, slowLogUs: Int64 = -1, hooks: EngineHooks = EngineHooks()) -> Engine {
        var settings = EngineSettings()
        settings.password = password.map { Password(Array($0.utf8)) }
        settings.slowLogUs = slowLogUs
        return Engine(settings: settings, hooks: hooks, table: table)
    }

    /// With writes in transactions, whose end the test decides.
    static func writingEngine() -> Engine {
        var hooks = EngineHooks()
        hooks.commitTogether = { _, _, _ in }
        return engine(hooks: hooks)
    }
}
