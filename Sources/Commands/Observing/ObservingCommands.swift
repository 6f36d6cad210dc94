import Access
import Features
import Metrics
import Online
import Reading
package import Serving
import Store
import Wire

extension CommandTable {
    /// FS.FRESHNESS and FS.STATS: how fresh what is served is, and what it takes.
    static let observingCommands: [Command] = [
        Command(
            "fs.freshness",
            arity: -1,
            summary:
                "The newest event, its age, the last commit and the lag to it: of all views, a view, or an entity.",
            group: .features,
            complexity: "O(views); of an entity one look-up in PostgreSQL",
            flags: [.readonly],
            arguments: [
                ArgumentSpec("view", isOptional: true), ArgumentSpec("entity", .key, isOptional: true),
            ]
        ) { context, arguments in Freshness.run(&context, arguments) },
        Command(
            "fs.stats",
            arity: 1,
            summary: "Rows and memory of each view, what reads of it found, and how writes met its expectations.",
            group: .features,
            complexity: "O(views)",
            flags: [.readonly]
        ) { context, arguments in ViewStatistics.run(&context, arguments) },
    ]
}

/// The latest values, unless the server has no store.
func serving(_ context: borrowing CommandContext) throws(CommandFault) -> Serving {
    guard let serving = context.engine.serving else { throw CommandFault(.unavailable, "this server has no store") }
    return serving
}

extension ClientState {
    /// The views that the client may read: of the others it is told nothing, as where it names one.
    package func readable(_ views: [ServedView]) -> [ServedView] { views.filter { mayRead(.view, $0.name) } }

    /// The same of models, by name.
    package func readable(_ models: ModelShelf) -> [ModelShelf.Entry] {
        models.entries.values.filter { mayRead(.model, $0.name) }.sorted { $0.name < $1.name }
    }
}

/// FS.FRESHNESS. Times are µs since 1970-01-01 UTC, ages and lags µs and positions.
private enum Freshness {
    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            guard arguments.count <= 3 else {
                throw CommandFault(.general, "wrong number of arguments for 'fs.freshness' command")
            }
            let serving = try serving(context)
            let catalog = serving.catalog
            if arguments.count == 1 {
                let views = context.client.readable(catalog.views)
                context.reply.map(views.count)
                for view in views {
                    context.reply.bulk(view.name)
                    write(of(view), serving, &context.reply)
                }
                return .replied
            }
            let view = try catalog.served(arguments[1])
            if arguments.count == 2 {
                write(of(view), serving, &context.reply)
                return .replied
            }
            guard view.isOnline else {
                throw CommandFault(
                    .noView,
                    "view '\(view.name)' has online: false and no latest values; `FS.ASOF` reads its history"
                )
            }
            return .deferred(
                try freshness(of: view, entity: try view.stored.entity(arguments[2]), serving, context.client.asker)
            )
        } catch {
            context.fail(error)
            return .replied
        }
    }

    private static func of(_ view: ServedView) -> EntityFreshness {
        let values = view.freshness.values
        return EntityFreshness(eventTime: values.newestEventTime, commit: values.lastCommit)
    }

    /// While PostgreSQL is away, of a view in memory what is known without it.
    private static func freshness(
        of view: ServedView,
        entity: [Value],
        _ serving: Serving,
        _ asker: String
    ) throws(CommandFault) -> DeferredReply {
        let held = view.memory.map { memory in memory.withReader { $0.row(entity: entity)?.eventTime } }
        return DeferredReply { finish in
            serving.freshness(of: view, keys: entity, of: asker) { result in
                switch (result, held) {
                case (.success(let freshness), _): finish { write(freshness, serving, &$0) }
                case (.failure(.unavailable), let eventTime?), (.failure(.timeout), let eventTime?):
                    finish { write(EntityFreshness(eventTime: eventTime), serving, &$0) }
                case (.failure(let error), _):
                    let fault = CommandFault(error)
                    finish { $0.fault(fault) }
                }
            }
        }
    }

    private static func write(_ freshness: EntityFreshness, _ serving: Serving, _ reply: inout ReplyWriter) {
        let state = serving.state
        reply.map(7)
        reply.bulk("event_time")
        reply.optional(freshness.eventTime)
        reply.bulk("age_us")
        reply.optional(freshness.eventTime.map { serving.now().subtractingReportingOverflow($0).partialValue })
        reply.bulk("committed_at")
        reply.optional(freshness.commit?.committedAt)
        reply.bulk("position")
        reply.optional(freshness.commit?.position)
        reply.bulk("served_position")
        reply.integer(state.reached.position)
        reply.bulk("lag_positions")
        reply.integer(state.lag)
        reply.bulk("lag_us")
        reply.integer(serving.lagUs(state))
    }
}

/// FS.STATS.
private enum ViewStatistics {
    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            let views = context.client.readable(try serving(context).catalog.views)
            context.reply.map(views.count)
            for view in views {
                context.reply.bulk(view.name)
                write(view, &context.reply)
            }
        } catch {
            context.fail(error)
        }
        return .replied
    }

    /// Rows and bytes are null where the view is not in memory.
    private static func write(_ view: ServedView, _ reply: inout ReplyWriter) {
        let (figures, reads) = (view.memory?.figures, view.counters.values)
        reply.map(12)
        reply.bulk("resident")
        reply.bool(figures != nil)
        reply.bulk("rows")
        reply.optional(figures.map { Int64($0.rows) })
        reply.bulk("tombstones")
        reply.optional(figures.map { Int64($0.tombstones) })
        reply.bulk("bytes")
        reply.optional(figures.map { Int64($0.bytes) })
        reply.bulk("hits")
        reply.integer(reads.hits)
        reply.bulk("misses")
        reply.integer(reads.misses)
        reply.bulk("expired")
        reply.integer(reads.expired)
        reply.bulk("late")
        reply.integer(reads.late)
        reply.bulk("refused")
        reply.integer(reads.refused)
        reply.bulk("warned")
        reply.integer(reads.warned)
        // In memory for windows.
        reply.bulk("window_events")
        reply.optional(view.events.isEmpty ? nil : Int64(view.events.reduce(0) { $0 + $1.figures.events }))
        reply.bulk("window_bytes")
        reply.optional(view.events.isEmpty ? nil : Int64(view.eventBytes))
    }
}
