import Access
import Commands
import EmbeddedPostgres
import Logging
import Operations
import Reading
import Serving
import Workflows

/// The store's part of a server: latest values, writes, and how commands get at them.
struct ServerAssembly {
    private let serving: Serving
    private let reads: FeatureReads
    private let writes: FeatureWrites
    private let conninfo: String
    private let logger: Logger
    private let recorder: PredictionRecorder

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
        conninfo = open.conninfo
        self.logger = logger
        let serving = Serving(conninfo: open.conninfo, options: options)
        self.serving = serving
        reads = FeatureReads(FeatureReads.Source(serving))
        writes = FeatureWrites(serving: serving)
        recorder = PredictionRecorder(
            conninfo: open.conninfo,
            now: { serving.now() },
            models: { serving.catalog.models.entries.values.flatMap(\.served) },
            report: options.log
        )
    }

    func engine(_ settings: EngineSettings, _ access: AccessControl) -> Engine {
        var hooks = EngineHooks(observing: serving, reads)
        let (serving, writes, recorder) = (serving, writes, recorder)
        let served = hooks.asofInfo
        hooks.asofInfo = { served() + writes.infoLines + recorder.infoLines + access.infoLines }
        hooks.commitTogether = { writes.commitTogether($0, client: $1, $2) }
        hooks.abandon = { writes.abandon($0, client: $1) }
        hooks.changeCount = { serving.changeCount }
        hooks.readTogether = { serving.readTogether($0) }
        return Engine(
            settings: settings,
            access: access,
            hooks: hooks,
            reads: reads,
            writes: writes,
            serving: serving,
            recorder: recorder
        )
    }

    /// Keeps an engine's users up with the store's.
    func watch(_ engine: Engine) -> UserWatch {
        let logger = logger
        let watch = UserWatch(conninfo, log: { logger.warning("\($0)") }, take: { engine.take($0) })
        watch.start()
        return watch
    }

    /// Has a store's own PostgreSQL started again whenever it ends.
    static func keeper(_ cluster: RunningCluster, _ logger: Logger) -> ClusterKeeper {
        ClusterKeeper(cluster) { event in
            switch event {
            case .restarted(let elapsed):
                logger.warning("the store's PostgreSQL had ended; started again in \(Console.seconds(elapsed))")
            case .failed(let error):
                logger.error(
                    "the store's PostgreSQL has ended, and starting it fails; tried again until it works: \(error)"
                )
            }
        }
    }

    func start() {
        serving.start()
        writes.start()
        recorder.start()
    }

    /// To be called when no command comes any more; commits what is on its way.
    ///
    /// - Parameter end: when what PostgreSQL has not answered is given up; a second later this returns in any case.
    func stop(until end: ContinuousClock.Instant) {
        recorder.stop(until: end)
        writes.stop(until: end)
        serving.stop(until: end)
    }
}
