import Access
import Foundation
import Models
import Reading
import Serving
import Store
import Synchronization
import Wire

/// ML.ALIAS and ML.ROLLBACK: what moves names of models, where the server was started so that clients may.
enum ModelFlips {
    static let alias = Command(
        "ml.alias",
        arity: -4,
        summary: "Have a name stand for a version of a model; the reply is the position of the flip.",
        group: .models,
        complexity: "one transaction",
        flags: [.write, .admin, .noMulti],
        arguments: [
            ArgumentSpec("model"), ArgumentSpec("alias"), ArgumentSpec("version", .integer),
            ArgumentSpec("current", .integer, token: "IF", isOptional: true),
        ],
        argumentsMax: 6,
        commandClass: .train,
        run: { context, arguments in
            do throws(CommandFault) {
                let (model, alias) = (arguments.text(1), arguments.text(2))
                guard let target = ModelTarget(text: arguments.text(3)) else {
                    throw CommandFault(
                        .value,
                        "the version \(CommandFault.quoted(arguments.text(3))) is none; expected a number, as in 3, or a publish of one, as in 3.1842"
                    )
                }
                var current: Int?
                if arguments.count > 4 {
                    guard arguments.matches(4, "IF") else {
                        throw .unknownOption(arguments.text(4), command: "ml.alias", expected: "IF version")
                    }
                    current = Int(try ReplyOptions.number(arguments, 5, "IF", expected: "IF version"))
                }
                let ifCurrent = current
                return try flip(context, model) { registry throws(ModelsError) in
                    try registry.setAlias(model, alias, to: target, ifCurrent: ifCurrent).state.position
                } reply: { position, reply in
                    reply.integer(position)
                }
            } catch {
                context.fail(error)
                return .replied
            }
        }
    )

    static let rollback = Command(
        "ml.rollback",
        arity: -4,
        summary: "Go back to the champion before, and mark the version that is left.",
        group: .models,
        complexity: "one transaction",
        flags: [.write, .admin, .noMulti],
        arguments: [
            ArgumentSpec("model"), ArgumentSpec("version", .integer, token: "TO", isOptional: true),
            ArgumentSpec("reason", token: "REASON"),
        ],
        argumentsMax: 6,
        commandClass: .train,
        run: { context, arguments in
            do throws(CommandFault) {
                let model = arguments.text(1)
                var (at, to, reason): (Int, ModelTarget?, String?) = (2, nil, nil)
                while at < arguments.count {
                    if arguments.matches(at, "TO"), at + 1 < arguments.count {
                        to = ModelTarget(text: arguments.text(at + 1))
                        guard to != nil else {
                            throw CommandFault(
                                .value,
                                "TO \(CommandFault.quoted(arguments.text(at + 1))) is no version; expected a number, as in 3, or a publish of one, as in 3.1842"
                            )
                        }
                    } else if arguments.matches(at, "REASON"), at + 1 < arguments.count {
                        reason = arguments.text(at + 1)
                    } else {
                        throw .unknownOption(
                            arguments.text(at),
                            command: "ml.rollback",
                            expected: "TO version, REASON text"
                        )
                    }
                    at += 2
                }
                guard let reason else { throw .cutOff("ML.ROLLBACK model", expected: "REASON text") }
                let target = to
                return try flip(context, model) { registry throws(ModelsError) in
                    try registry.rollBack(model, to: target, reason: reason)
                } reply: { rolled, reply in
                    reply.map(3)
                    reply.bulk("from")
                    reply.integer(Int64(rolled.from.version))
                    reply.bulk("to")
                    reply.integer(Int64(rolled.to.version))
                    reply.bulk("position")
                    reply.integer(rolled.state.position)
                }
            } catch {
                context.fail(error)
                return .replied
            }
        }
    )

    /// Flips are rare, and each ends with a COMMIT: one at a time.
    private static let queue = DispatchQueue(label: "asof.flips")
    private static let waiting = Mutex(0)

    /// Changes the registry on a connection of its own, when those before have ended.
    private static func flip<Outcome: Sendable>(
        _ context: borrowing CommandContext,
        _ model: String,
        _ change: @escaping @Sendable (ModelRegistry) throws(ModelsError) -> Outcome,
        reply: @escaping @Sendable (Outcome, inout ReplyWriter) -> Void
    ) throws(CommandFault) -> CommandOutcome {
        // A user that came this far has the right to.
        let caller = context.client.caller
        guard context.engine.settings.allowsFlips || caller?.rights != nil else {
            throw CommandFault(
                .noPermission,
                "this server does not let clients move names of models; start it with --allow-flips, or use asof models alias"
            )
        }
        guard let serving = context.engine.serving else { throw .stillLoading }
        guard serving.catalog.models.entries[model] != nil else {
            _ = try serving.catalog.model(model)
            throw .stillLoading
        }
        let conninfo = serving.conninfo
        let actor = Session.Actor(user: caller?.name ?? "default", client: context.client.record.address)
        let isAdmitted = waiting.withLock { count in
            guard count < CommandLimits.waitingFlipsMax else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            throw CommandFault(.limit, "\(CommandLimits.waitingFlipsMax) flips wait for their turn; try again later")
        }
        return .deferred(
            DeferredReply(isWrite: true) { finish in
                queue.async {
                    defer { waiting.withLock { $0 -= 1 } }
                    do throws(ModelsError) {
                        let session: Session
                        do throws(StoreError) { session = try Session.open(conninfo, forWriting: true) } catch {
                            throw .store(error)
                        }
                        session.actor = actor
                        let outcome = try change(ModelRegistry(session))
                        finish { reply(outcome, &$0) }
                    } catch {
                        let fault = CommandFault(error)
                        finish { $0.fault(fault) }
                    }
                }
            }
        )
    }
}
