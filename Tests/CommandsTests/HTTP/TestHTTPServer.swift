import Commands
import Logging
import TestSupport

@testable import HTTPServer

/// A server of HTTP on a free port, while this value lives.
final class TestHTTPServer {
    let server: HTTPServer
    var port: Int { server.port }
    var state: HTTPState { server.state }

    init(_ engine: Engine, _ limits: HTTPLimits = HTTPLimits()) throws {
        server = try HTTPServer.start(
            host: "127.0.0.1",
            port: 0,
            limits: limits,
            engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    deinit { server.stop(seconds: 1) }

    func get(_ path: String, headers: [(String, String)] = []) throws -> HTTPAnswer {
        try HTTPProbe.ask(port, "GET", path, headers: headers, body: nil as [UInt8]?)
    }

    func post(_ path: String, _ body: String, headers: [(String, String)] = []) throws -> HTTPAnswer {
        try HTTPProbe.ask(port, "POST", path, headers: headers, body: body)
    }
}
