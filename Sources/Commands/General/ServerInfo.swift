import Glibc
import Metrics
import Serving
import Synchronization
import Wire

/// INFO: sections of lines.
enum ServerInfo {
    /// The version of Redis whose behaviour clients may expect.
    static let redisVersion = "7.2.4"

    /// In a reply to INFO without names, those that are not asked for by name or by ALL are left out.
    private static let askedOnly: Set<String> = ["commandstats", "latencystats"]

    private static let sections: [(name: String, lines: @Sendable (Engine) -> [InfoLine])] = [
        ("server", server), ("clients", clients), ("memory", memory),
        ("persistence", { [InfoLine("loading", $0.hooks.isLoading() ? 1 : 0)] }),
        ("stats", statistics),
        (
            "replication",
            { _ in [InfoLine("role", "master"), InfoLine("connected_slaves", 0)] }
        ),
        ("cpu", cpu), ("cluster", { _ in [InfoLine("cluster_enabled", 0)] }),
        ("commandstats", CommandFigures.calls), ("latencystats", CommandFigures.latencies), ("keyspace", keyspace),
        ("asof", { $0.hooks.asofInfo() }), ("postgres", { $0.hooks.postgresInfo() }),
    ]

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        var asked: Set<String> = []
        for index in 1..<max(1, arguments.count) { asked.insert(arguments.text(index).lowercased()) }
        let isAll = !asked.isDisjoint(with: ["all", "everything"])
        let isDefault = asked.isEmpty || asked.contains("default")
        var text = ""
        for section in sections
        where isAll || asked.contains(section.name) || (isDefault && !askedOnly.contains(section.name)) {
            if !text.isEmpty { text += "\r\n" }
            text += "# \(section.name.prefix(1).uppercased())\(section.name.dropFirst())\r\n"
            for line in section.lines(context.engine) { text += "\(line.name):\(line.value)\r\n" }
        }
        context.reply.bulk(text)
        return .replied
    }

    private static func server(_ engine: Engine) -> [InfoLine] {
        let seconds = (Clock.nowMs() - engine.statistics.startedAtMs) / 1_000
        return [
            InfoLine("redis_version", redisVersion), InfoLine("server_name", "asof"),
            InfoLine("asof_version", engine.settings.version), InfoLine("redis_mode", "standalone"),
            InfoLine("os", "Linux"), InfoLine("arch_bits", 64), InfoLine("process_id", getpid()),
            InfoLine("tcp_port", engine.port.load(ordering: .relaxed)),
            InfoLine("http_port", engine.httpPort.load(ordering: .relaxed)),
            InfoLine("server_time_usec", engine.hooks.nowUs()), InfoLine("uptime_in_seconds", seconds),
            InfoLine("uptime_in_days", seconds / 86_400), InfoLine("event_loops", engine.settings.threads),
            // Redis's name for the same.
            InfoLine("io_threads", engine.settings.threads),
        ]
    }

    private static func clients(_ engine: Engine) -> [InfoLine] {
        let records = engine.clients.all()
        return [
            InfoLine("connected_clients", records.count), InfoLine("maxclients", engine.settings.clientsMax),
            InfoLine(
                "client_recent_max_input_buffer",
                records.map { $0.inputBytes.load(ordering: .relaxed) }.max() ?? 0
            ),
            InfoLine(
                "client_recent_max_output_buffer",
                records.map { $0.outputBytes.load(ordering: .relaxed) }.max() ?? 0
            ),
            InfoLine("blocked_clients", 0),
        ]
    }

    private static func memory(_ engine: Engine) -> [InfoLine] {
        let memory = ProcessMemory.read()
        return [
            InfoLine("used_memory", memory.residentBytes), InfoLine("used_memory_rss", memory.residentBytes),
            InfoLine("used_memory_peak", memory.peakBytes), InfoLine("maxmemory", 0),
            InfoLine("maxmemory_policy", "noeviction"), InfoLine("mem_allocator", "libc"),
        ]
    }

    private static func statistics(_ engine: Engine) -> [InfoLine] {
        let (statistics, reads) = (engine.statistics, engine.serving?.totals.reads)
        return [
            InfoLine("total_connections_received", statistics.sum { $0.connections.total }),
            InfoLine("total_commands_processed", statistics.sum { $0.commands.total }),
            InfoLine("instantaneous_ops_per_sec", statistics.sum { $0.commandsPerSecond.load(ordering: .relaxed) }),
            InfoLine("total_net_input_bytes", statistics.sum { $0.bytesIn.total }),
            InfoLine("total_net_output_bytes", statistics.sum { $0.bytesOut.total }),
            InfoLine("rejected_connections", statistics.sum { $0.refusedConnections.total }),
            InfoLine("protocol_errors", statistics.sum { $0.protocolErrors.total }),
            InfoLine("evicted_clients", statistics.sum { $0.evictedConnections.total }),
            InfoLine("expired_keys", 0), InfoLine("evicted_keys", 0), InfoLine("keyspace_hits", reads?.hits ?? 0),
            InfoLine("keyspace_misses", reads.map { $0.misses + $0.expired } ?? 0),
            InfoLine("slowlog_len", engine.slowLog.count),
        ]
    }

    private static func cpu(_ engine: Engine) -> [InfoLine] {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> String {
            let fraction = String(time.tv_usec + 1_000_000).dropFirst()
            return "\(time.tv_sec).\(fraction)"
        }
        return [
            InfoLine("used_cpu_sys", seconds(usage.ru_stime)), InfoLine("used_cpu_user", seconds(usage.ru_utime)),
        ]
    }

    private static func keyspace(_ engine: Engine) -> [InfoLine] {
        let count = engine.hooks.entityCount()
        return count > 0 ? [InfoLine("db0", "keys=\(count),expires=0,avg_ttl=0")] : []
    }
}
