import Features
import Online
import Reading
import Serving
import Store
import Wire

extension CommandTable {
    /// FS.WINDOWS: what is in memory for windows.
    static let windowCommands: [Command] = [
        Command(
            "fs.windows",
            arity: -1,
            summary:
                "Views of windows: over which events, the windows, and what of the events is in memory for them.",
            group: .features,
            complexity: "O(views + windows)",
            flags: [.readonly],
            arguments: [ArgumentSpec("view", isOptional: true)]
        ) { context, arguments in WindowsCommand.run(&context, arguments) }
    ]
}

/// FS.WINDOWS. Figures are null where events are read from PostgreSQL each time; times are µs since 1970-01-01 UTC.
private enum WindowsCommand {
    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            guard arguments.count <= 2 else {
                throw CommandFault(.general, "wrong number of arguments for 'fs.windows' command")
            }
            let catalog = try FeatureCommands.reads(context).source.catalog()
            if arguments.count == 2 {
                let view = try FeatureCommands.view(arguments, 1, catalog)
                guard view.windows != nil else {
                    let known = context.client.readable(catalog.windowViews).map { "'\($0.name)'" }.joined(
                        separator: ", "
                    )
                    throw CommandFault(
                        .noView,
                        "view '\(view.name)' has no windows; views that have: \(known.isEmpty ? "none" : known)"
                    )
                }
                write(view, &context.reply)
                return .replied
            }
            let views = context.client.readable(catalog.windowViews)
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

    private static func write(_ view: ServedView, _ reply: inout ReplyWriter) {
        let events = view.resident?.events
        let absence = events?.absence
        let memory = absence == nil ? events : nil
        let figures = memory?.figures
        reply.map(10)
        reply.bulk("of")
        reply.bulk(view.windows?.events.name ?? "")
        reply.bulk("resident")
        reply.bool(figures != nil)
        // Why they are not.
        reply.bulk("absent")
        if let absence { reply.bulk(absence.word) } else if figures == nil { reply.bulk("off") } else { reply.null() }
        reply.bulk("keys")
        reply.optional(figures.map { Int64($0.keys) })
        reply.bulk("events")
        reply.optional(figures.map { Int64($0.events) })
        reply.bulk("tiles")
        reply.optional(figures.map { Int64($0.totals) })
        reply.bulk("bytes")
        reply.optional(figures.map { Int64($0.bytes) })
        // Events up to then are not in memory.
        reply.bulk("after")
        reply.optional(memory.flatMap { $0.floor == .min ? nil : $0.floor })
        // Of the windows, those that pass all their events by at each read.
        reply.bulk("scanned")
        reply.optional(view.resident.map { Int64($0.scannedCount) })
        reply.bulk("windows")
        let texts = view.definition.windows?.texts ?? [:]
        reply.map(view.definition.features.count)
        for feature in view.definition.features {
            reply.bulk(feature.name)
            reply.bulk(texts[feature.name] ?? "")
        }
    }
}

extension EventMemory.Absence {
    fileprivate var word: String {
        switch self {
        case .waiting: "loading"
        case .memory: "memory"
        case .events: "events"
        case .bytes: "bytes"
        case .queue: "queue"
        }
    }
}
