package import Metrics
package import Reading
package import Serving
package import Synchronization

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
    package let clients = ClientRegistry()
    package let statistics = ServerStatistics(startedAtMs: Clock.nowMs())
    package let slowLog: SlowLog
    /// The TCP port that was bound; 0 = none.
    package let port = Atomic<Int>(0)

    package init(
        settings: EngineSettings = EngineSettings(),
        hooks: EngineHooks = EngineHooks(),
        table: CommandTable = .all,
        reads: FeatureReads? = nil,
        writes: FeatureWrites? = nil,
        serving: Serving? = nil
    ) {
        self.settings = settings
        self.hooks = hooks
        self.table = table
        self.reads = reads
        self.writes = writes
        self.serving = serving
        slowLog = SlowLog(thresholdUs: settings.slowLogUs, entriesMax: CommandLimits.slowLogEntriesMax)
    }
}
