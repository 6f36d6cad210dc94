import Access
import ArgumentParser
import Certificates
import Commands
import EmbeddedPostgres
import Foundation
import HTTPServer
import Logging
import Operations
import RESPServer
import Serving
import Store
import Synchronization
import Workflows

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the latest values over a line protocol that every Redis client speaks.",
        discussion: """
            Prints one line when it listens, and runs until it is sent SIGTERM or SIGINT: then it takes no new \
            connections, answers what was received, and exits 0; a second signal ends it at once. INFO says loading:0 when \
            latest values are loaded.

            Other machines can reach it, by --listen or --http, only where there are users (`asof user add`) or --password-file: \
            clients then begin with AUTH or HELLO AUTH, or send an Authorization. With --tls-cert and --tls-key nothing travels in \
            clear text. SIGHUP reads the files of all three again; connections go on.

            Where the store is that of `asof init`, its PostgreSQL is started again whenever it ends; `asof stop` ends both.

            Examples:
              asof serve
              asof serve --listen 0.0.0.0:6567 --tls-cert server.crt --tls-key server.key
              asof serve --streams all             read topics of Kafka beside serving
              asof serve --http 127.0.0.1:9568     probes, metrics and JSON at another port
              redis-cli -p 6567 FS.GET user_stats 1001
            """
    )

    @Option(help: ArgumentHelp("HOST:PORT, or unix:PATH. Port 0: any free one.", valueName: "address"))
    var listen = "127.0.0.1:6567"
    @Option(
        help: ArgumentHelp(
            "HOST:PORT of HTTP: probes, metrics, JSON; with TLS where other machines reach it. Port 0: any free one; none: no HTTP. Default: ASOF_HTTP, "
                + "else 127.0.0.1:9567, and where another process has that port a warning and no HTTP.",
            valueName: "address"
        )
    )
    var http: String?
    @Option(help: "Event loops. Default: the CPUs that the process may use (affinity, cgroup quota).")
    var threads: Int?
    @Option(
        help: ArgumentHelp(
            "A file with the password of the user 'default', who may do everything; others must not be able to read it."
        )
    )
    var passwordFile: String?
    @OptionGroup var tls: TLSOptions
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
            "Memory that latest values and events may take, as 500MB or 8GiB. Views that would go beyond it, the largest ones, "
                + "are read from PostgreSQL. Default: no bound of latest values; for events a quarter of the machine's or cgroup's memory.",
            valueName: "size"
        )
    )
    var memory: String?
    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Keep the events that windows use in memory; without, and while they are loaded, PostgreSQL is asked for them at each "
                + "read. Not for production yet: docs/decisions/0068-windows-in-memory.md."
        )
    )
    var windowsInMemory = false
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

    private static let threads = Atomic(false)
    /// Whether this process is a server with threads of its own, which the process's end does not wait for.
    static var hasThreads: Bool { threads.load(ordering: .relaxed) }

    func validate() throws {
        guard ListenAddress(listen) != nil else {
            throw ValidationError("--listen '\(listen)': expected HOST:PORT, as 127.0.0.1:6567, or unix:/path")
        }
        if let asked = http ?? environmentHTTP { _ = try Self.httpAddress(asked) }
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
        let notification = ServiceNotifier.Request()
        let password = try passwordFile.map { try PasswordFile.read($0) }
        let location = withoutStore ? nil : try store.locate()
        let open = try location.map { try store.open($0, forWriting: true, onStandby: true) }
        var logger = Logger(label: "asof") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info

        let access = AccessControl(password: password, log: { [logger] in logger.warning("\($0)") })
        if let open { access.replace(try open.users().map(\.account)) }
        let httpAddress = try Self.httpAddress(http ?? environmentHTTP ?? Self.httpDefault)
        try check("--listen", ListenAddress(listen), access)
        try check("--http", httpAddress, access)
        let httpClients = httpAddress == nil ? 0 : HTTPLimits().connectionsMax
        let files = try OpenFiles(clients: maxClients, httpClients: httpClients)
        if let warning = files.warning { logger.warning("\(warning)") }
        var configuration = configuration(clientsMax: files.clients)
        configuration.tls = try tls.certificates()
        let isLocal = configuration.address.isLocal && httpAddress?.isLocal != false
        if !isLocal, configuration.tls == nil {
            logger.warning("passwords and values travel in clear text; give --tls-cert and --tls-key")
        }
        var settings = EngineSettings()
        settings.slowLogUs = slowlogUs
        settings.clientsMax = configuration.limits.connectionsMax
        settings.bulkBytesMax = maxBulk << 20
        settings.threads = configuration.threads
        settings.allowsFlips = allowFlips
        settings.version = AsofCommand.configuration.version
        let features = try open.map { ServerAssembly($0, logger, options: try servingOptions($0, location?.cluster)) }
        let engine = features?.engine(settings, access) ?? Engine(settings: settings, access: access)
        Self.threads.store(true, ordering: .relaxed)
        features?.start()
        let users = features?.watch(engine)
        let keeper = location?.cluster.map { ServerAssembly.keeper($0, logger) }
        keeper?.start()

        let server = try FeatureServer.start(configuration, engine: engine, logger: logger)
        let http: HTTPServer?
        let streams: RunningStreams?
        let pid: PidFile?
        do {
            http = try startHTTP(httpAddress, engine, configuration.tls, logger, clientsMax: files.httpClients)
            streams = try location.flatMap { try servedStreams($0, logger) }
            pid = try pidFile.map { try PidFile($0) }
        } catch {
            // Its socket is a file.
            server.stop()
            throw error
        }
        Console.write("asof serves at \(server.address.text)" + (http.map { "\nHTTP at \($0.address)" } ?? ""))
        let address = server.address.text
        let notifier = ServiceNotifier(notification, logger) { ServiceReport.Look(engine, at: address) }
        signals.wait(onReload: {
            guard let notifier else { return readFilesAgain(access, server, logger) }
            notifier.reloading { readFilesAgain(access, server, logger) }
        })
        logger.notice("stopping")
        notifier?.stopping()
        keeper?.stop()
        http?.drain()
        let end = ContinuousClock.now + .seconds(stopSeconds)
        let isDone = signals.endingAtOnce {
            defer {
                users?.stop()
                features?.stop(until: end)
            }
            streams?.cancel()
            let isDone = server.stop()
            http?.stop(seconds: 1)
            let left = max(.zero, ContinuousClock.now.duration(to: end))
            _ = streams?.wait(until: .now() + .nanoseconds(Int(left / .nanoseconds(1))))
            return isDone
        }
        pid?.remove()
        logger.notice(isDone ? "stopped" : "stopped; connections were cut")
        // The store's cluster is in use up to here.
        withExtendedLifetime(open) {}
    }

    /// At SIGHUP.
    private func readFilesAgain(_ access: AccessControl, _ server: FeatureServer, _ logger: Logger) {
        if passwordFile == nil, tls.tlsCert == nil {
            logger.notice("SIGHUP: there are no files to read again (--password-file, --tls-cert)")
        }
        if let passwordFile {
            do {
                access.replace(password: try PasswordFile.read(passwordFile))
                logger.notice("the password was read again")
            } catch {
                logger.error("the password stays as it was: \(error)")
            }
        }
        server.reloadCertificates()
    }

    private var environmentHTTP: String? {
        ProcessInfo.processInfo.environment["ASOF_HTTP"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static let httpDefault = "127.0.0.1:9567"

    /// - Returns: `nil` = none.
    private static func httpAddress(_ text: String) throws -> ListenAddress? {
        if text == "none" { return nil }
        guard let address = ListenAddress(text), case .tcp = address else {
            throw ValidationError("--http '\(text)': expected HOST:PORT, as \(httpDefault), or none")
        }
        return address
    }

    /// Where nobody asked for HTTP and the default port is another's, the server goes on without it.
    private func startHTTP(
        _ address: ListenAddress?,
        _ engine: Engine,
        _ tls: ServerCertificates?,
        _ logger: Logger,
        clientsMax: Int
    ) throws -> HTTPServer? {
        guard let address, case .tcp(let host, let port) = address else { return nil }
        var limits = HTTPLimits()
        limits.connectionsMax = clientsMax
        do {
            return try HTTPServer.start(
                host: host,
                port: port,
                isLocal: address.isLocal,
                // Nobody reads what does not leave the machine.
                tls: address.isLocal ? nil : tls,
                // Probes, scrapes and some readers; RESP has the other cores.
                threads: max(1, engine.settings.threads / 4),
                limits: limits,
                engine: engine,
                logger: logger
            )
        } catch {
            guard error.isTaken, http ?? environmentHTTP == nil else { throw error }
            logger.warning("\(error); this server goes on without HTTP")
            return nil
        }
    }

    /// - Throws: a usage error where other machines could reach a server that lets everybody in.
    private func check(_ option: String, _ address: ListenAddress?, _ access: AccessControl) throws {
        guard let address, !address.isLocal, access.isOpen else { return }
        throw WorkflowError.usage(
            """
            \(option) \(address.text): other machines can reach that address, and there are neither users nor a password. Give \
            --password-file FILE, make users by `asof user add`, or listen at 127.0.0.1 (the default)
            """
        )
    }

    /// - Throws: a usage error where --resident names what is no view.
    private func servingOptions(_ open: OpenStore, _ cluster: RunningCluster?) throws -> ServingOptions {
        var options = ServingOptions()
        if let cluster { options.absence = { cluster.absence } }
        options.memoryBytesMax = try memory.map { try MemoryArgument.parse($0, option: "--memory") }
        options.keepsEvents = windowsInMemory
        if memory == nil { options.eventBytesMax = AvailableMemory.bytes / ServingLimits.eventMemoryParts }
        switch resident {
        case "all": options.resident = .all
        case "none": options.resident = .none
        default:
            let names = resident.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            try open.requireViews(names)
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

    private func configuration(clientsMax: Int) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        if let address = ListenAddress(listen) { configuration.address = address }
        configuration.threads = threads ?? AvailableCPUs.count
        configuration.limits.connectionsMax = clientsMax
        configuration.limits.bulkBytesMax = maxBulk << 20
        configuration.stopSecondsMax = stopSeconds
        return configuration
    }
}
