import Commands
import Logging
import Reading
import Serving
import Workflows

/// The store's part of a server: latest values, writes, and how commands get at them.
struct ServerAssembly {
    private let serving: Serving
    private let reads: FeatureReads
    private let writes: FeatureWrites

    init(_ open: OpenStore, _ logger: Logger, options: ServingOptions = ServingOptions()) {
        var options = options
        options.log = { event in
            let level: Logger.Level =
                switch event.level {
                case .info: .info
                case .warning: .warning
                case .error: .error
                }
            logger.log(level: level, "\(event.message)")
        }
        serving = Serving(conninfo: open.conninfo, options: options)
        reads = FeatureReads(FeatureReads.Source(serving))
        writes = FeatureWrites(serving: serving)
    }

    func engine(_ settings: EngineSettings) -> Engine {
        var hooks = EngineHooks(observing: serving, reads)
        let (serving, writes) = (serving, writes)
        let served = hooks.asofInfo
        hooks.asofInfo = { served() + writes.infoLines }
        hooks.commitTogether = { writes.commitTogether($0, client: $1, $2) }
        hooks.abandon = { writes.abandon($0, client: $1) }
        hooks.changeCount = { serving.changeCount }
        hooks.readTogether = { serving.readTogether($0) }
        return Engine(settings: settings, hooks: hooks, reads: reads, writes: writes, serving: serving)
    }

    func start() {
        serving.start()
        writes.start()
    }

    /// To be called when no command comes any more; commits what is on its way.
    ///
    /// - Parameter end: when what PostgreSQL has not answered is given up; a second later this returns in any case.
    func stop(until end: ContinuousClock.Instant) {
        writes.stop(until: end)
        serving.stop(until: end)
    }
}
