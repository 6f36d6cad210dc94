import ArgumentParser
import Commands
import EmbeddedPostgres
import Foundation
import Logging
import RESPServer
import Serving
import Store
import Workflows

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the latest values over a line protocol that every Redis client speaks.",
        discussion: """
            Prints one line when it listens, and runs until it is sent SIGTERM or SIGINT: then it takes no new \
            connections, answers what was received, and exits 0; a second signal ends it at once. INFO says loading:0 when \
            latest values are loaded.

            Other machines can reach it only with --password-file: clients then begin with AUTH or HELLO AUTH.

            Examples:
              asof serve
              asof serve --listen 0.0.0.0:6567 --password-file /etc/asof/password
              asof serve --streams all             read topics of Kafka beside serving
              redis-cli -p 6567 FS.GET user_stats 1001
            """
    )

    @Option(help: ArgumentHelp("HOST:PORT, or unix:PATH. Port 0: any free one.", valueName: "address"))
    var listen = "127.0.0.1:6567"
    @Option(help: "Event loops. Default: the CPUs that the process may use (affinity, cgroup quota).")
    var threads: Int?
    @Option(help: ArgumentHelp("A file with the password that clients must give; others must not be able to read it."))
    var passwordFile: String?
    @Option(help: "A file for the process's number, removed at the end.")
    var pidFile: String?
    @Option(help: "What is logged to standard error: trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"
    @Option(
        help: ArgumentHelp(
            "Views whose latest values are kept in memory: all, none, or names with commas between them. The others are "
                + "read from PostgreSQL for each request.",
            valueName: "views"
        )
    )
    var resident = "all"
    @Option(
        help: ArgumentHelp(
            "Memory that latest values may take, as 500MB or 8GiB. Views that would go beyond it, the largest ones, are "
                + "read from PostgreSQL. Default: no bound.",
            valueName: "size"
        )
    )
    var memory: String?
    @Option(help: "Connections at a time.")
    var maxClients = 10_000
    @Option(help: ArgumentHelp("Largest argument in MiB, up to 512.", valueName: "MiB"))
    var maxBulk = 64
    @Option(help: ArgumentHelp("SLOWLOG keeps commands that take longer; -1: none.", valueName: "us"))
    var slowlogUs: Int64 = 10_000
    @Option(
        help: ArgumentHelp(
            "How long stopping may take; then connections are cut, and PostgreSQL is waited for no longer.",
            valueName: "seconds"
        )
    )
    var stopSeconds = 10
    @Flag(help: "Let clients move names of models: ML.ALIAS, ML.ROLLBACK.")
    var allowFlips = false
    @Option(
        help: ArgumentHelp(
            "Streams that are read in this process, as `asof stream run` does: all, or names with commas between them. One "
                + "that fails is logged and leaves the server alone.",
            valueName: "streams"
        )
    )
    var streams: String?
    @Flag(help: .hidden)
    var withoutStore = false
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard let address = ListenAddress(listen) else {
            throw ValidationError("--listen '\(listen)': expected HOST:PORT, as 127.0.0.1:6567, or unix:/path")
        }
        guard address.isLocal || passwordFile != nil else {
            throw ValidationError(
                """
                --listen \(listen): other machines can reach that address, and there is no password. Give --password-file \
                FILE, or listen at 127.0.0.1 (the default)
                """
            )
        }
        guard Logger.Level(rawValue: logLevel) != nil else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level '\(logLevel)': expected one of \(levels)")
        }
        guard (1...1_024).contains(threads ?? 1) else { throw ValidationError("--threads: expected 1 to 1024") }
        guard (1...1_000_000).contains(maxClients) else {
            throw ValidationError("--max-clients: expected 1 to 1000000")
        }
        guard (1...512).contains(maxBulk) else { throw ValidationError("--max-bulk: expected 1 to 512") }
        if let memory { _ = try MemoryArgument.parse(memory, option: "--memory") }
        guard (0...3_600).contains(stopSeconds) else { throw ValidationError("--stop-seconds: expected 0 to 3600") }
    }

    func run() throws {
        // Before any thread starts, so that all of them leave these signals to this one.
        let signals = StopSignals()
        let password = try passwordFile.map { try PasswordFile.read($0) }
        let location = withoutStore ? nil : try store.locate()
        let open = try location.map { try store.open($0, forWriting: true) }
        var logger = Logger(label: "asof") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info

        let configuration = configuration()
        var settings = EngineSettings()
        settings.password = password
        settings.slowLogUs = slowlogUs
        settings.clientsMax = maxClients
        settings.bulkBytesMax = maxBulk << 20
        settings.threads = configuration.threads
        settings.allowsFlips = allowFlips
        settings.version = AsofCommand.configuration.version
        let features = try open.map { ServerAssembly($0, logger, options: try servingOptions($0, location?.cluster)) }
        let engine = features?.engine(settings) ?? Engine(settings: settings)
        features?.start()
        OpenFiles.allow(maxClients + 256)

        let server = try FeatureServer.start(configuration, engine: engine, logger: logger)
        let streams = try location.flatMap { try servedStreams($0, logger) }
        let pid = try pidFile.map { try PidFile($0) }
        Console.write("asof serves at \(server.address.text)")
        signals.wait()
        logger.notice("stopping")
        let end = ContinuousClock.now + .seconds(stopSeconds)
        let isDone = signals.endingAtOnce {
            defer { features?.stop(until: end) }
            streams?.cancel()
            let isDone = server.stop()
            _ = streams?.wait(until: .now() + .seconds(stopSeconds))
            return isDone
        }
        pid?.remove()
        logger.notice(isDone ? "stopped" : "stopped; connections were cut")
        // The store's cluster is in use up to here.
        withExtendedLifetime(open) {}
    }

    /// - Throws: a usage error where --resident names what is no view.
    private func servingOptions(_ open: OpenStore, _ cluster: RunningCluster?) throws -> ServingOptions {
        var options = ServingOptions()
        if let cluster { options.absence = { cluster.absence } }
        options.memoryBytesMax = try memory.map { try MemoryArgument.parse($0, option: "--memory") }
        switch resident {
        case "all": options.resident = .all
        case "none": options.resident = .none
        default:
            let names = resident.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            let registry = try Registry.load(open.session)
            for name in names { _ = try registry.view(named: name) }
            options.resident = .views(names)
        }
        return options
    }

    /// Begins to read the streams of --streams, with a session and a control of their own.
    private func servedStreams(_ location: StoreLocation, _ logger: Logger) throws -> RunningStreams? {
        guard let streams else { return nil }
        let names = streams.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let environment = ProcessInfo.processInfo.environment
        return try store.open(location, forWriting: true).startStreams(
            names == ["all"] ? [] : names,
            options: StreamRunOptions(),
            environment: environment
        ) { event in
            switch event {
            case .began(let stream, _): logger.info("stream \(stream): reading")
            case .stored: break
            case .lost(let stream, let text): logger.info("stream \(stream): \(text)")
            case .waiting(let stream, let text), .warning(let stream, let text):
                logger.warning("stream \(stream): \(text)")
            case .failed(let stream, let text): logger.error("stream \(stream) has ended: \(text)")
            }
        }
    }

    private func configuration() -> ServerConfiguration {
        var configuration = ServerConfiguration()
        if let address = ListenAddress(listen) { configuration.address = address }
        configuration.threads = threads ?? AvailableCPUs.count
        configuration.limits.connectionsMax = maxClients
        configuration.limits.bulkBytesMax = maxBulk << 20
        configuration.stopSecondsMax = stopSeconds
        return configuration
    }
}
