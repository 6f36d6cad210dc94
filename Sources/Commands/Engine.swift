package import Access
package import Metrics
package import Reading
package import Serving
package import Synchronization
package import Wire

/// What the commands of all connections share.
package final class Engine: Sendable {
    package let settings: EngineSettings
    package let hooks: EngineHooks
    package let table: CommandTable
    /// Reads of features; `nil` = the server has no store.
    package let reads: FeatureReads?
    /// Writes, and reads of history; `nil` = the server has no store.
    package let writes: FeatureWrites?
    /// The latest values; `nil` = the server has no store.
    package let serving: Serving?
    /// Who may come in, and as whom.
    package let access: AccessControl
    /// Takes what models answered; `nil` = nothing is logged or counted.
    package let recorder: PredictionRecorder?
    package let clients = ClientRegistry()
    package let statistics: ServerStatistics
    package let slowLog: SlowLog
    /// The TCP port that was bound; 0 = none.
    package let port = Atomic<Int>(0)
    /// That of HTTP; 0 = none.
    package let httpPort = Atomic<Int>(0)
    /// Look after the connections of other protocols, whose users may be gone.
    private let watchers = Mutex<[@Sendable () -> Void]>([])

    package init(
        settings: EngineSettings = EngineSettings(),
        access: AccessControl? = nil,
        hooks: EngineHooks = EngineHooks(),
        table: CommandTable = .all,
        reads: FeatureReads? = nil,
        writes: FeatureWrites? = nil,
        serving: Serving? = nil,
        recorder: PredictionRecorder? = nil
    ) {
        self.settings = settings
        self.access = access ?? AccessControl(password: settings.password)
        self.hooks = hooks
        self.table = table
        self.reads = reads
        self.writes = writes
        self.serving = serving
        self.recorder = recorder
        statistics = ServerStatistics(startedAtMs: Clock.nowMs(), commandCount: table.count)
        slowLog = SlowLog(thresholdUs: settings.slowLogUs, entriesMax: CommandLimits.slowLogEntriesMax)
    }

    /// Takes the users of the store as they are now; connections whose users are gone, or may do less, are ended. From any
    /// thread.
    package func take(_ accounts: [Account]) {
        guard access.replace(accounts) else { return }
        for record in clients.all() {
            guard let caller = record.details.withLock({ $0.caller }) else { continue }
            if access.renewed(caller) == nil { record.kill() }
        }
        for watcher in watchers.withLock({ $0 }) { watcher() }
    }

    /// Has a protocol look after its connections whenever somebody who was let in may have to go; called from any thread.
    package func whenUsersGo(_ watcher: @escaping @Sendable () -> Void) { watchers.withLock { $0.append(watcher) } }
}

extension Engine {
    /// Why a request is not run, however it came: it is none of the table's, its caller may not run it, it is too long, or the
    /// server is loading.
    ///
    /// - Parameters:
    ///   - caller: whose rights count; `nil` = nobody's yet, for commands that are open to all.
    ///   - requestBytes: of the whole request.
    /// - Returns: the line that its client gets; `nil` = it may run.
    package func refusal(
        _ resolution: CommandTable.Resolution,
        _ arguments: borrowing Arguments,
        of caller: Caller?,
        requestBytes: Int
    ) -> String? {
        guard case .command(let place) = resolution else { return table.refusal(resolution, arguments) }
        if let caller, let refusal = table.refusal(place, arguments, of: caller) {
            access.countRefusal()
            return refusal
        }
        if let refusal = table.lengthRefusal(place, requestBytes: requestBytes) { return refusal }
        if !table.flags(place).contains(.loading), hooks.isLoading() {
            let reason = hooks.loadingReason { caller?.mayRead(.view, $0) ?? false }
            return CommandFault.stillLoading(reason).description
        }
        return nil
    }

    /// Notes that a write is not run whose client sent it to be stored: the later ones of its source fail on that connection,
    /// too, until its number comes again.
    ///
    /// Not of callers who may write nothing, nor before a client has authenticated: what failed takes memory.
    package func giveUp(
        _ resolution: CommandTable.Resolution,
        _ arguments: borrowing Arguments,
        of caller: Caller?,
        client: Int64
    ) {
        guard let place = resolution.place, let unread = table[place].unread, let caller,
            caller.refusal(.write, of: table[place].name) == nil, let write = unread(arguments)
        else { return }
        hooks.abandon([write], client)
    }

    /// The same of the writes among a transaction's commands, from the one at `start` on.
    package func giveUp(_ transaction: Transaction, from start: Int = 0, of caller: Caller?, client: Int64) {
        for queued in transaction.commands.dropFirst(start) {
            giveUp(.command(queued.command), transaction.arguments(queued), of: caller, client: client)
        }
    }
}
