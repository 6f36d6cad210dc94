import Access
import Commands
import Features
import Glibc
import Metrics
import NIOCore
import Online
import Serving
import Store
import Synchronization
import Wire

/// What /metrics tells, in Prometheus's text format. Labels are names of definitions and commands only, so that the number of
/// series does not grow with keys, clients or time.
enum MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// - Parameter client: who asks; of views and models that it may not read nothing is told.
    static func body(_ engine: Engine, _ http: HTTPState, of client: ClientState) -> ByteBuffer {
        var text = MetricsWriter()
        server(engine, http, &text)
        access(engine, &text)
        commands(engine, &text)
        if let serving = engine.serving {
            follower(serving, &text)
            views(serving, client, &text)
            models(serving, client, &text)
        }
        if let writes = engine.writes { commits(writes.statistics, isRefused: writes.refusal != nil, &text) }
        process(&text)
        return text.buffer
    }

    // MARK: The server

    private static func server(_ engine: Engine, _ http: HTTPState, _ text: inout MetricsWriter) {
        let statistics = engine.statistics
        text.gauge("asof_build_info", "Always 1; what runs.", [("version", engine.settings.version)], 1)
        if let serving = engine.serving {
            text.gauge(
                "asof_definitions_version",
                "The version of the definitions that are served.",
                serving.catalog.version
            )
        }
        text.begin("asof_connections", .gauge, "Open connections.")
        text.sample("asof_connections", [("protocol", "resp")], Int64(engine.clients.count))
        text.sample("asof_connections", [("protocol", "http")], Int64(http.connectionCount))
        text.begin("asof_bytes_total", .counter, "Bytes received and sent; of HTTP bodies only.")
        text.sample("asof_bytes_total", [("direction", "in")], statistics.sum { $0.bytesIn.total })
        text.sample("asof_bytes_total", [("direction", "out")], statistics.sum { $0.bytesOut.total })
        text.counter(
            "asof_connections_accepted_total",
            "Connections since the start.",
            statistics.sum { $0.connections.total }
        )
        text.counter(
            "asof_connections_refused_total",
            "Connections of RESP that were refused since there were enough.",
            statistics.sum { $0.refusedConnections.total }
        )
        text.counter(
            "asof_connections_evicted_total",
            "Connections ended for what their clients left unread.",
            statistics.sum { $0.evictedConnections.total }
        )
        text.counter(
            "asof_protocol_errors_total",
            "Bytes that were no request.",
            statistics.sum { $0.protocolErrors.total }
        )
        text.counter("asof_slow_commands_total", "Commands that SLOWLOG has seen.", engine.slowLog.total)
    }

    /// No names of users: they would be labels without a bound, and told to whoever scrapes.
    private static func access(_ engine: Engine, _ text: inout MetricsWriter) {
        let counts = engine.access.counts
        text.gauge("asof_users", "Users of the store.", Int64(counts.users))
        text.gauge(
            "asof_authenticated_connections",
            "Open connections of RESP whose clients have said who they are, where they must.",
            engine.access.isOpen
                ? 0 : Int64(engine.clients.all().count { $0.details.withLock { $0.caller != nil } })
        )
        text.begin(
            "asof_auth_failures_total",
            .counter,
            "Attempts to authenticate that failed: wrong, or not looked at since there were too many."
        )
        for (reason, count) in [("wrong", counts.failures), ("limited", counts.limited), ("busy", counts.busy)] {
            text.sample("asof_auth_failures_total", [("reason", reason)], count)
        }
        text.gauge("asof_auth_waiting", "Passwords that wait to be looked at.", Int64(counts.waiting))
        text.counter(
            "asof_commands_not_permitted_total",
            "Commands that their callers had no right to.",
            counts.refusals
        )
    }

    /// Only commands that were asked for, so that a fresh server has few series.
    private static func commands(_ engine: Engine, _ text: inout MetricsWriter) {
        let commands = engine.statistics.commands().enumerated()
            .filter { $1.calls + $1.refused > 0 }
            .map { (name: engine.table[$0].name, totals: $1) }
        text.begin(
            "asof_commands_total",
            .counter,
            "Commands by how they ended; those between MULTI and EXEC count as EXEC."
        )
        for (name, totals) in commands {
            for (result, count) in zip(["ok", "error", "refused"], totals.ends) {
                text.sample("asof_commands_total", [("command", name), ("result", result)], count)
            }
        }
        text.begin(
            "asof_command_duration_seconds",
            .histogram,
            "From a command's bytes to its reply, waiting for PostgreSQL and for positions included."
        )
        for (name, totals) in commands where totals.calls > 0 {
            var sum: Int64 = 0
            for (bin, bound) in CommandStatistics.boundsUs.enumerated() {
                sum += totals.bins[bin]
                text.sample(
                    "asof_command_duration_seconds_bucket",
                    [("command", name), ("le", MetricsWriter.seconds(us: bound))],
                    sum
                )
            }
            text.sample("asof_command_duration_seconds_bucket", [("command", name), ("le", "+Inf")], totals.calls)
            text.sample("asof_command_duration_seconds_sum", [("command", name)], Double(totals.ns) / 1e9)
            text.sample("asof_command_duration_seconds_count", [("command", name)], totals.calls)
        }
    }

    // MARK: The store

    private static func follower(_ serving: Serving, _ text: inout MetricsWriter) {
        let state = serving.state
        text.gauge("asof_loading", "1 while latest values are loaded.", state.isLoading ? 1 : 0)
        text.gauge("asof_ledger_position", "The position up to which everything is served.", state.reached.position)
        text.gauge("asof_follow_lag_positions", "Positions committed and not served yet.", state.lag)
        text.gauge(
            "asof_follow_lag_seconds",
            "How old what is served may be.",
            seconds: Double(serving.lagUs(state)) / 1e6
        )
        text.gauge(
            "asof_postgres_up",
            "1 while there is a connection to PostgreSQL.",
            state.downSince == nil && state.connections > 0 ? 1 : 0
        )
        text.gauge(
            "asof_postgres_clock_offset_seconds",
            "PostgreSQL's clock minus this machine's.",
            seconds: Double(state.clockOffsetUs) / 1e6
        )
        text.counter(
            "asof_postgres_connections_total",
            "Connections made to PostgreSQL by the follower.",
            Int64(state.connections)
        )
        text.counter(
            "asof_timeline_changes_total",
            "Times that PostgreSQL had another history.",
            Int64(state.timelineChanges)
        )
        text.counter("asof_view_reloads_total", "Loads of whole views after the first.", Int64(state.reloads))
        text.counter("asof_followed_rows_total", "Rows applied from others' commits.", Int64(state.followedRows))
    }

    private static func views(_ serving: Serving, _ client: ClientState, _ text: inout MetricsWriter) {
        let views = client.readable(serving.catalog.views)
        let now = serving.now()
        func each(
            _ name: String,
            _ type: MetricsWriter.Kind,
            _ help: String,
            _ value: (ServedView) -> Double?
        ) {
            text.begin(name, type, help)
            for view in views { if let value = value(view) { text.sample(name, [("view", view.name)], value) } }
        }
        let reads = views.map { ($0.name, $0.counters.values) }
        text.begin("asof_reads_total", .counter, "Entities that were asked for, by what was found of them.")
        for (view, values) in reads {
            for (status, count) in [("present", values.hits), ("expired", values.expired), ("missing", values.misses)] {
                text.sample("asof_reads_total", [("view", view), ("status", status)], count)
            }
        }
        each("asof_rows_late_total", .counter, "Rows written here that were older than the latest.") {
            Double($0.counters.values.late)
        }
        each("asof_rows_refused_total", .counter, "Rows not stored here since they do not meet expectations.") {
            Double($0.counters.values.refused)
        }
        each("asof_values_warned_total", .counter, "Values stored here that are not as expected.") {
            Double($0.counters.values.warned)
        }
        each("asof_resident_rows", .gauge, "Entities in memory.") {
            $0.memory.map { Double($0.figures.rows - $0.figures.tombstones) }
        }
        each("asof_resident_bytes", .gauge, "Memory that they take.") { $0.memory.map { Double($0.figures.bytes) } }
        each("asof_window_events", .gauge, "Events in memory, of which windows are computed.") { view in
            view.events.isEmpty ? nil : Double(view.events.reduce(0) { $0 + $1.figures.events })
        }
        each("asof_window_bytes", .gauge, "Memory that they take.") { view in
            view.events.isEmpty ? nil : Double(view.eventBytes)
        }
        each("asof_view_newest_event_timestamp_seconds", .gauge, "The newest event time that was stored.") {
            $0.freshness.values.newestEventTime.map { Double($0) / 1e6 }
        }
        each("asof_view_age_seconds", .gauge, "How old the newest event is.") {
            $0.freshness.values.newestEventTime.map { Double(now.subtractingReportingOverflow($0).partialValue) / 1e6 }
        }
        each("asof_view_max_age_seconds", .gauge, "How old it may be, by the view's max_age.") {
            $0.definition.maxAge.map { Double($0.microseconds) / 1e6 }
        }
    }

    private static func models(_ serving: Serving, _ client: ClientState, _ text: inout MetricsWriter) {
        let entries = client.readable(serving.catalog.models)
        let ready = entries.flatMap { entry in
            entry.versions.compactMap { number in
                entry.ready(number).map {
                    (labels: [("model", entry.name), ("version", String(number))], counters: $0.counters)
                }
            }
        }
        func each(_ name: String, _ help: String, _ count: (PredictionCounters.Counts) -> Int) {
            text.begin(name, .counter, help)
            for model in ready { text.sample(name, model.labels, Int64(count(model.counters.now))) }
        }
        each("asof_model_calls_total", "Requests that a version has answered.") { $0.calls }
        each("asof_model_rows_total", "Rows of them.") { $0.rows }
        each("asof_model_errors_total", "Requests that it could not answer.") { $0.errors }
        each("asof_model_fallback_total", "Rows of entities of which nothing was known.") { $0.fallback }
        each("asof_model_unseen_total", "Texts that training had not seen.") { $0.unseen }
        each("asof_model_cache_hits_total", "Rows of static tasks whose answer was known.") { $0.cacheHits }
        each("asof_model_cache_misses_total", "Rows of static tasks whose answer was not.") { $0.cacheMisses }
        text.begin("asof_model_champion", .gauge, "The version that answers for the model's name.")
        for entry in entries {
            if let version = entry.champion {
                text.sample("asof_model_champion", [("model", entry.name)], Int64(version))
            }
        }
        text.begin("asof_model_not_ready", .gauge, "Versions that do not answer here.")
        for entry in entries {
            text.sample("asof_model_not_ready", [("model", entry.name)], Int64(entry.notReady.count))
        }
    }

    private static func commits(_ statistics: WriterStatistics, isRefused: Bool, _ text: inout MetricsWriter) {
        text.summary(
            "asof_commit_duration_seconds",
            "Transactions of this server's writes.",
            sum: Double(statistics.busyUs) / 1e6,
            count: Int64(clamping: statistics.groups)
        )
        text.summary(
            "asof_commit_group_rows",
            "Rows that shared a commit.",
            sum: Double(statistics.rows),
            count: Int64(clamping: statistics.groups)
        )
        text.counter("asof_writes_total", "Writes that were stored.", Int64(clamping: statistics.writes))
        text.gauge(
            "asof_writes_refused",
            "1 while writes cannot be stored, as the last ones or a probe found.",
            isRefused ? 1 : 0
        )
    }

    // MARK: The process

    private static func process(_ text: inout MetricsWriter) {
        let memory = ProcessMemory.read()
        text.gauge("process_resident_memory_bytes", "Memory in use.", Int64(memory.residentBytes))
        text.gauge("process_resident_memory_peak_bytes", "The most that was in use.", Int64(memory.peakBytes))
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        text.begin("process_cpu_seconds_total", .counter, "Time on CPUs.")
        text.sample("process_cpu_seconds_total", [], seconds)
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            text.gauge("process_max_fds", "Files and sockets that may be open.", Int64(clamping: limit.rlim_cur))
        }
    }
}
