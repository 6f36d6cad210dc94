import Metrics
import Wire

/// How often commands ran and how long they took, in Redis's words: INFO's sections and LATENCY.
enum CommandFigures {
    /// The commands that were asked for, by name.
    private static func asked(_ engine: Engine) -> [(name: String, totals: CommandStatistics.Totals)] {
        engine.statistics.commands().enumerated()
            .filter { $1.calls + $1.refused > 0 }
            .map { (engine.table[$0].name, $1) }
            .sorted { $0.name < $1.name }
    }

    static func calls(_ engine: Engine) -> [InfoLine] {
        asked(engine).map { name, totals in
            let us = totals.ns / 1_000
            let each = totals.calls == 0 ? 0 : Double(us) / Double(totals.calls)
            // Two places, as Redis has them.
            let perCall = (each * 100).rounded() / 100
            return InfoLine(
                "cmdstat_\(name)",
                "calls=\(totals.calls),usec=\(us),usec_per_call=\(perCall),rejected_calls=\(totals.refused),"
                    + "failed_calls=\(totals.failed)"
            )
        }
    }

    /// Upper ends of bins, not exact times.
    static func latencies(_ engine: Engine) -> [InfoLine] {
        asked(engine).filter { $0.totals.calls > 0 }.map { name, totals in
            InfoLine(
                "latency_percentiles_usec_\(name)",
                "p50=\(totals.quantileUs(0.5)),p99=\(totals.quantileUs(0.99)),p99.9=\(totals.quantileUs(0.999))"
            )
        }
    }

    static let latency = Command(
        "latency",
        summary: "How long commands took.",
        group: .server,
        subcommands: [
            Command(
                "latency|latest",
                arity: 2,
                summary: "Answers nothing: SLOWLOG has the commands that took long.",
                group: .server,
                flags: [.fast, .loading, .admin]
            ) { context, _ in
                context.reply.array(0)
                return .replied
            },
            Command(
                "latency|histogram",
                arity: -2,
                summary: "Answers for each command its calls, and how many of them took at most so many microseconds.",
                group: .server,
                complexity: "O(commands)",
                flags: [.loading, .admin],
                arguments: [ArgumentSpec("command", isOptional: true, isMultiple: true)],
                run: histogram
            ),
        ]
    )

    private static func histogram(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        var names: Set<String> = []
        for index in 2..<max(2, arguments.count) { names.insert(arguments.text(index).lowercased()) }
        let shown = asked(context.engine).filter {
            $0.totals.calls > 0
                && (names.isEmpty || names.contains($0.name) || names.contains(String($0.name.prefix { $0 != "|" })))
        }
        context.reply.map(shown.count)
        for (name, totals) in shown {
            context.reply.bulk(name)
            context.reply.map(2)
            context.reply.bulk("calls")
            context.reply.integer(totals.calls)
            context.reply.bulk("histogram_usec")
            context.reply.map(CommandStatistics.boundsUs.count)
            var sum: Int64 = 0
            for (bin, bound) in CommandStatistics.boundsUs.enumerated() {
                sum += totals.bins[bin]
                // RESP3's keys are texts.
                context.reply.bulk(String(bound))
                context.reply.integer(sum)
            }
        }
        return .replied
    }
}
