import Columnar
import Features
package import Metrics
import Reading
package import Serving
package import Store
import Synchronization
package import Wire

/// What writes and reads of history work with.
package final class FeatureWrites: Sendable {
    package let source: Source
    package let writer: GroupWriter
    /// For reads of history and of the ledger.
    package let history: SessionWorkers
    let changes = ChangeReads()
    private let templates = Mutex(Templates())

    package init(_ source: Source, writer: GroupWriter, history: SessionWorkers) {
        self.source = source
        self.writer = writer
        self.history = history
    }

    /// What is served, and how far: the server's ``Serving``, or a stand-in for it.
    package struct Source: Sendable {
        package var catalog: @Sendable () -> Catalog
        /// µs of PostgreSQL's clock.
        package var now: @Sendable () -> Int64
        /// As ``Serving/whenMoved(_:_:timeoutMs:finish:)``.
        package var whenMoved:
            @Sendable (
                _ view: StoredView, _ position: Int64, _ timeoutMs: Int,
                _ finish: @escaping @Sendable (Serving.Reached) -> Void
            ) -> Int64
        package var cancelWait: @Sendable (_ id: Int64) -> Void

        package init(
            catalog: @escaping @Sendable () -> Catalog,
            now: @escaping @Sendable () -> Int64,
            whenMoved:
                @escaping @Sendable (StoredView, Int64, Int, @escaping @Sendable (Serving.Reached) -> Void) -> Int64,
            cancelWait: @escaping @Sendable (Int64) -> Void
        ) {
            self.catalog = catalog
            self.now = now
            self.whenMoved = whenMoved
            self.cancelWait = cancelWait
        }

        package init(_ serving: Serving) {
            self.init(
                catalog: { serving.catalog },
                now: { serving.now() },
                whenMoved: { serving.whenMoved($0, $1, timeoutMs: $2, finish: $3) },
                cancelWait: { serving.cancelWait($0) }
            )
        }
    }

    /// Writes into the store that `serving` follows; committed rows are applied there before their clients are told.
    package convenience init(serving: Serving, options: GroupWriter.Options = GroupWriter.Options()) {
        self.init(
            Source(serving),
            writer: GroupWriter(into: serving, options: options),
            history: SessionWorkers(conninfo: serving.conninfo, loaded: serving.loaded)
        )
    }

    package func start() {
        writer.start()
        history.start()
    }

    /// Commits what was submitted and refuses what comes.
    ///
    /// - Parameter end: as of ``GroupWriter/stop(until:)``.
    package func stop(until end: ContinuousClock.Instant = .now + .seconds(10)) {
        writer.stop(until: end)
        history.stop(until: end)
    }

    /// Commits the writes of a transaction: all are stored, at one position, or none is.
    ///
    /// - Parameter finish: gets one reply a write, in order, once, from any thread.
    package func commitTogether(
        _ writes: [any QueuedWrite],
        client: Int64,
        _ finish: @escaping @Sendable ([DeferredReply.Body]) -> Void
    ) {
        // Nothing else is made by commands that write.
        PreparedWrite.submit(writes.compactMap { $0 as? PreparedWrite }, to: writer, client: client, finish)
    }

    /// Gives up writes of a transaction that is not run: their numbers count as failed.
    package func abandon(_ writes: [any QueuedWrite], client: Int64) {
        writer.fail(writes.compactMap { ($0 as? PreparedWrite)?.source }, client: client)
    }

    /// Lines of INFO about writes.
    package var statistics: WriterStatistics { writer.statistics }

    /// Why nothing can be written now; `nil` = it can, as far as is known.
    package var refusal: String? { writer.outage ?? writer.refusal ?? writer.trouble }

    package var infoLines: [InfoLine] {
        let statistics = statistics
        return [
            InfoLine("writes", statistics.writes), InfoLine("write_groups", statistics.groups),
            InfoLine("rows_written", statistics.rows), InfoLine("rows_late", statistics.lateRows),
            InfoLine("rows_replaced_in_group", statistics.duplicateRows), InfoLine("write_busy_us", statistics.busyUs),
            InfoLine("writes_refused", refusal ?? "no"),
        ]
    }

    /// Builders of rows for every view of one catalog, by the unit of the points' times: making them takes longer than
    /// decoding a few lines.
    private struct Templates {
        struct Options: Hashable {
            var precision: TimeUnit
            var allowsEarly1970: Bool
            var ignoresExtra: Bool
        }

        var catalog: Catalog?
        var rows: [Options: LineRows] = [:]
    }

    /// Builders without rows for the catalog's views, in its order.
    func lineRows(_ catalog: Catalog, _ options: LineOptions) -> LineRows {
        let key = Templates.Options(
            precision: options.precision,
            allowsEarly1970: options.allowsEarly1970,
            ignoresExtra: options.ignoresExtra
        )
        return templates.withLock { templates in
            if templates.catalog !== catalog { templates = Templates(catalog: catalog) }
            if let rows = templates.rows[key] { return rows }
            let rows = LineRows(
                views: catalog.views.map(\.definition),
                precision: key.precision,
                allowsEarly1970: key.allowsEarly1970,
                ignoresExtra: key.ignoresExtra,
                absent: catalog.registry.retiredHints,
                denied: catalog.denied.mapValues { "\(CommandFault(.deniedView($0)))" }
            )
            templates.rows[key] = rows
            return rows
        }
    }

    /// The work of a command, unless the server has no store.
    static func of(_ context: borrowing CommandContext) throws(CommandFault) -> FeatureWrites {
        guard let writes = context.engine.writes else { throw CommandFault(.unavailable, "this server has no store") }
        return writes
    }
}
