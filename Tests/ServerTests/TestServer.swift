import Commands
import Glibc
import Logging
import RESPServer
import TestSupport

/// A server within the test's process, at a free port of 127.0.0.1, while this value lives.
final class TestServer {
    let engine: Engine
    let server: FeatureServer
    private var isStopped = false

    init(
        engine: Engine = ProbeCommands.engine(),
        threads: Int = 1,
        limits: ConnectionLimits = ConnectionLimits(),
        stopSecondsMax: Int = 10,
        address: ListenAddress = .tcp(host: "127.0.0.1", port: 0)
    ) throws {
        var configuration = ServerConfiguration()
        configuration.address = address
        configuration.threads = threads
        configuration.limits = limits
        configuration.stopSecondsMax = stopSecondsMax
        self.engine = engine
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        server = try FeatureServer.start(configuration, engine: engine, logger: logger)
    }

    var port: Int { if case .tcp(_, let port) = server.address { port } else { 0 } }

    func client() throws -> RespClient { try RespClient(port: port) }

    @discardableResult
    func stop() -> Bool {
        if isStopped { return true }
        isStopped = true
        return server.stop()
    }

    deinit { stop() }
}
