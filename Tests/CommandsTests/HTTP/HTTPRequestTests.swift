import Access
import Commands
import Foundation
import Metrics
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// Requests that are not to be answered, and what answering them costs the others.
@Suite struct HTTPRequestTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views: { stats: { entities: [user], features: { n: int64 } } }
        services: { all: [stats.*] }
        """

    private func server(_ change: (inout HTTPLimits) -> Void = { _ in }) throws -> TestHTTPServer {
        var limits = HTTPLimits()
        change(&limits)
        return try TestHTTPServer(try ServedStore(Self.yaml).engine, limits)
    }

    @Test(
        arguments: [
            ("GET", "/nothing", [], 404, "there is no '/nothing' here"),
            ("GET", "/v1/serve/all", [], 405, "expected POST"),
            ("POST", "/healthz", [], 405, "expected GET"),
            ("BREW", "/healthz", [], 400, "this is no request of HTTP/1.1: invalid HTTP method"),
            ("GET", "/healthz?x=1", [], 400, "/healthz has no parameter 'x'; it has none"),
            ("GET", "/healthz?%zz=1", [], 400, "is no path"),
            ("GET", "http://x/", [], 400, "is no path"),
            ("GET", "/healthz", [("Host", "evil.example")], 421, "Host 'evil.example' is not this server"),
            ("GET", "/healthz", [("Host", "localhost:99999")], 421, "is not this server"),
            ("GET", "/healthz", [("Host", "localhost"), ("Host", "localhost")], 400, "2 Host headers; expected one"),
            ("GET", "/metrics", [("Origin", "https://evil.example")], 403, "pages of other sites"),
            ("GET", "/healthz", [("Origin", "null")], 403, "pages of other sites"),
            ("GET", "/healthz", [("Sec-Fetch-Site", "cross-site")], 403, "pages of other sites"),
            ("POST", "/v1/serve/all", [("Content-Type", "text/html")], 415, "expected Content-Type: application/json"),
            ("POST", "/v1/serve/all", [("Content-Encoding", "br")], 415, "expected gzip, or none"),
            ("POST", "/v1/serve/all", [("Content-Length", "1073741824")], 413, "the body has more than 64 MiB"),
            ("POST", "/v1/serve/all", [("Expect", "magic")], 417, "expected 100-continue"),
            (
                "GET", "/healthz", [("X", String(repeating: "x", count: 80_000))], 431,
                "the request's head has more than"
            ),
        ] as [(String, String, [(String, String)], Int, String)]
    )
    func `a request that is not to be answered is told why`(
        method: String,
        path: String,
        headers: [(String, String)],
        status: Int,
        text: String
    ) throws {
        let server = try server()
        let answer = try HTTPProbe.ask(
            server.port,
            method,
            path,
            headers: headers,
            body: method == "POST" && path != "/healthz" ? Array("{}".utf8) : nil
        )
        #expect(answer.status == status, "\(answer)")
        #expect(answer.body.contains(text), "\(answer)")
        #expect(try server.get("/healthz").status == 200)
    }

    @Test(arguments: ["localhost", "127.0.0.1:80", "[::1]:9567", "LOCALHOST"])
    func `the names of this machine are answered, and pages of our own`(host: String) throws {
        let server = try server()
        let answer = try server.get("/healthz", headers: [("Host", host), ("Origin", "http://\(host)")])
        #expect(answer.status == 200, "\(answer)")
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "*1\r\n$4\r\nPING\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ])
    func `what is no HTTP is told so`(bytes: String) throws {
        let server = try server()
        let answer = try HTTPProbe.send(server.port, bytes)
        #expect(answer.status == 400 || answer.status == 404, "\(answer)")
        #expect(try server.get("/healthz").status == 200)
    }

    @Test func `a body without an announced end is taken up to its limit`() throws {
        let server = try server { $0.bodyBytesMax = 1 << 20 }
        let client = try RespClient(port: server.port)
        client.send("POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "10000\r\n" + String(repeating: " ", count: 65_536) + "\r\n"
        for _ in 0..<40 where client.send(chunk) {}
        let answer = try HTTPProbe.answer(client)
        #expect(answer.status == 413 && answer.body.contains("more than 1 MiB"), "\(answer)")
    }

    @Test(arguments: ["gzip", "gzip, chunked", "identity", "deflate", "x", ""])
    func `a body that is framed in an unknown way is not implemented`(framing: String) throws {
        let server = try server()
        for path in ["/v1/serve/all", "/v1/write", "/no/route"] {
            let answer = try HTTPProbe.send(
                server.port,
                "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: \(framing)\r\n\r\n0\r\n\r\n"
            )
            #expect(answer.status == 501, "\(answer)")
            #expect(answer.body.contains("Transfer-Encoding '\(framing)': expected chunked"), "\(answer)")
        }
        #expect(try server.get("/healthz").status == 200)
    }

    @Test(arguments: ["chunked", "Chunked", " chunked "])
    func `chunks make one body`(framing: String) throws {
        let server = try server()
        let body = "{\"keys\":{\"user_id\":[7]}}"
        let chunks = body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
        let answer = try HTTPProbe.send(
            server.port,
            "POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: \(framing)\r\n\r\n\(chunks)"
        )
        #expect(answer.status == 200 && answer.body.contains("\"rows\":[[null]]"), "\(answer)")
    }

    @Test func `bytes that grow a thousandfold when decompressed are not`() throws {
        let server = try server { $0.bodyBytesMax = 1 << 20 }
        let scratch = try Scratch()
        func gzip(_ text: String) throws -> [UInt8] {
            let path = scratch.path + "/body"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/gzip")
            process.arguments = ["-f", path]
            try process.run()
            process.waitUntilExit()
            return Array(try Data(contentsOf: URL(fileURLWithPath: path + ".gz")))
        }
        func send(_ body: [UInt8]) throws -> HTTPAnswer {
            try HTTPProbe.ask(server.port, "POST", "/v1/serve/all", headers: [("Content-Encoding", "gzip")], body: body)
        }
        let bomb = try send(try gzip(String(repeating: " ", count: 8 << 20)))
        #expect(bomb.status == 413 && bomb.body.contains("after decompression"), "\(bomb)")
        let fair = try send(try gzip("{\"keys\":{\"user_id\":[7]}}"))
        #expect(fair.status == 200, "\(fair)")
        let cut = try send(Array(try gzip("{\"keys\":{\"user_id\":[7]}}").dropLast(9)))
        #expect(cut.status == 400 && cut.body.contains("cannot be decompressed"), "\(cut)")
        #expect(server.state.memoryInUse == 0)
    }

    @Test func `a body that stands still, or comes too slowly, ends`() throws {
        let server = try server {
            $0.stillTimeoutMs = 200
            $0.requestTimeoutMs = 600
        }
        let head = "POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        let still = try HTTPProbe.send(server.port, head + "{")
        #expect(still.status == 408 && still.body.contains("nothing of the body came"), "\(still)")
        let slow = try RespClient(port: server.port)
        slow.send(head)
        for _ in 0..<60 {
            guard slow.send(" ") else { break }
            Patience.pass(microseconds: 20_000, "the pace of a slow client")
        }
        let answer = try HTTPProbe.answer(slow)
        #expect(answer.status == 408 && answer.body.contains("did not come within"), "\(answer)")
    }

    @Test func `a connection without a request ends, and as many as are allowed are answered`() throws {
        let server = try server {
            $0.idleTimeoutMs = 300
            $0.connectionsMax = 4
        }
        let idle = try (0..<4).map { _ in try RespClient(port: server.port) }
        #expect(Patience.wait { server.state.connectionCount == 4 })
        let more = try RespClient(port: server.port)
        more.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try more.untilClosed().isEmpty)
        for client in idle { #expect(try client.untilClosed().isEmpty) }
        #expect(try server.get("/healthz").status == 200)
    }

    @Test func `bodies of all clients together have a bound, which is free again afterwards`() throws {
        let server = try server { $0.memoryBytesMax = 4 << 20 }
        let head = "POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000\r\n\r\n"
        let part = String(repeating: " ", count: 1_400_000)
        let first = try RespClient(port: server.port)
        first.send(head + part)
        #expect(Patience.wait { server.state.memoryInUse == 2_800_000 })
        let second = try HTTPProbe.send(server.port, head + part)
        #expect(second.status == 503 && second.body.contains("of all clients together are too large"), "\(second)")
        #expect(second.headers["retry-after"] == "1")
        first.close()
        #expect(Patience.wait { server.state.memoryInUse == 0 })
    }

    @Test func `requests on one connection are answered in order, also when they are sent at once`() throws {
        let server = try server()
        let client = try RespClient(port: server.port)
        let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let wrong = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send(get + wrong + get + "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        let text = String(decoding: try client.untilClosed(), as: UTF8.self)
        let statuses = text.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
        #expect(statuses == ["200", "404", "200", "200"], "\(text)")
        #expect(text.hasSuffix("\r\n\r\n"), "what is looked at has no body: \(text)")
    }

    @Test func `a client that waits for leave to send gets it`() throws {
        let server = try server()
        let client = try RespClient(port: server.port)
        let body = "{\"keys\":{\"user_id\":[7]}}"
        client.send(
            "POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        )
        #expect(try client.raw(25) == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send(body)
        #expect(try HTTPProbe.answer(client).status == 200)
    }

    @Test(
        "a client that waits for leave to send a body that nobody wants is told so at once",
        arguments: [("/nothing", "", 404), ("/v1/serve/all", "Content-Encoding: br\r\n", 415), ("/healthz", "", 405)]
    )
    func answersWaiting(path: String, header: String, status: Int) throws {
        // Longer than the test waits for the answer.
        let server = try server { $0.stillTimeoutMs = 3_600_000 }
        let client = try RespClient(port: server.port)
        client.send("POST \(path) HTTP/1.1\r\nHost: localhost\r\n\(header)Expect: 100-continue\r\n")
        client.send("Content-Length: 9\r\n\r\n")
        let answer = try HTTPProbe.answer(client)
        #expect(answer.status == status, "\(answer)")
    }

    @Test func `no rows are no error, however they are given`() throws {
        let server = try server()
        for body in ["{\"rows\": []}", "{\"keys\": {\"user_id\": []}}"] {
            let answer = try HTTPProbe.ask(server.port, "POST", "/v1/serve/all", body: Array(body.utf8))
            #expect(answer.status == 200 && answer.body.contains("\"rows\":[]"), "\(answer)")
        }
    }

    @Test func `more values than a request may have are too many, not wrong`() throws {
        let server = try server()
        let rows = "[" + String(repeating: "1,", count: 1 << 20) + "1]"
        let body = Array("{\"keys\":{\"user_id\":\(rows)}}".utf8)
        let answer = try HTTPProbe.ask(server.port, "POST", "/v1/serve/all", body: body)
        #expect(answer.status == 413, "\(answer)")
        #expect(answer.body.contains("\"code\":\"FSLIMIT\"") && answer.body.contains("more than 1048576"), "\(answer)")
    }

    @Test func `a password holds for HTTP, but for probes`() throws {
        var settings = EngineSettings()
        settings.password = Password(Array("s3:cret".utf8))
        let store = try ServedStore(Self.yaml)
        let server = try TestHTTPServer(Engine(settings: settings, reads: store.engine.reads))
        let none = try server.get("/v1/views")
        #expect(none.status == 401 && none.headers["www-authenticate"]?.contains("Basic") == true, "\(none)")
        #expect(try server.get("/metrics").status == 401)
        #expect(try server.get("/healthz").status == 200)
        #expect(try server.get("/readyz").status == 200)
        let basic = Data("default:s3:cret".utf8).base64EncodedString()
        let other = Data("root:s3:cret".utf8).base64EncodedString()
        for (header, status) in [
            ("Bearer s3:cret", 200), ("bearer s3:cret", 200), ("Basic \(basic)", 200), ("Bearer s3:cre", 401),
            ("Basic \(other)", 401), ("Basic !!!", 401), ("Digest x", 401), ("", 401),
        ] {
            let answer = try server.get("/v1/views", headers: [("Authorization", header)])
            #expect(answer.status == status, "\(header): \(answer)")
        }
    }

    @Test func `users ask with their rights, by Basic, until they are removed`() throws {
        let store = try ServedStore(Self.yaml)
        let access = AccessControl()
        func account(_ id: Int64, _ name: String, _ grant: Grant) -> Account {
            let verifier = ScramVerifier(password: Array("pw-\(name)".utf8), salt: [1], iterations: 2)
            return Account(id: id, name: name, verifier: verifier, grants: [grant])
        }
        let reader = account(1, "reader", Grant(.reader, pattern: "stats"))
        let stranger = account(2, "stranger", Grant(.reader, pattern: "other"))
        access.replace([reader, stranger])
        let server = try TestHTTPServer(Engine(access: access, reads: store.engine.reads))
        func ask(_ user: String, _ password: String, _ path: String = "/v1/views/stats") throws -> HTTPAnswer {
            let pair = Data("\(user):\(password)".utf8).base64EncodedString()
            return try server.get(path, headers: [("Authorization", "Basic \(pair)")])
        }
        #expect(try server.get("/v1/views").status == 401)
        #expect(try server.get("/healthz").status == 200)
        // Once verified, then from memory.
        for _ in 0..<3 { #expect(try ask("reader", "pw-reader").status == 200) }
        let wrong = try ask("reader", "pw-stranger")
        #expect(wrong.status == 401 && wrong.headers["www-authenticate"]?.contains("Basic") == true, "\(wrong)")
        #expect(try ask("nobody", "pw-reader").status == 401)
        #expect(try server.get("/v1/views", headers: [("Authorization", "Bearer pw-reader")]).status == 401)
        let refused = try ask("stranger", "pw-stranger")
        #expect(refused.status == 403 && refused.body.contains("this user may not run"), "\(refused)")
        // Nor is told what there is.
        let other = Data("stranger:pw-stranger".utf8).base64EncodedString()
        for (path, body) in [
            ("/v1/serve/all", "{\"keys\":{\"x\":[1]}}"), ("/v1/serve/nothing", "{\"keys\":{\"x\":[1]}}"),
            ("/get-online-features", "{\"features\":[\"stats:m\"],\"entities\":{\"x\":[1]}}"),
            ("/v1/predict/m", "{\"keys\":{\"x\":[1]}}"),
        ] {
            let answer = try server.post(path, body, headers: [("Authorization", "Basic \(other)")])
            #expect(answer.status == 403 && answer.body.contains("this user may not run"), "\(path): \(answer)")
        }
        // Rights count when a request is run, not when it began.
        let slow = try RespClient(port: server.port)
        let pair = Data("reader:pw-reader".utf8).base64EncodedString()
        slow.send(
            "POST /v1/serve/all HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic \(pair)\r\nContent-Length: 24\r\n\r\n{\"keys\":"
        )
        #expect(Patience.wait { server.state.memoryInUse > 0 })
        access.replace([stranger])
        slow.send("{\"user_id\":[7]}}")
        #expect(try HTTPProbe.answer(slow).status == 401)
        #expect(try ask("reader", "pw-reader").status == 401)
        access.replace([])
        #expect(try server.get("/v1/views").status == 401)
    }

    @Test func `probes are answered where all memory is taken, and take none themselves`() throws {
        let server = try server { $0.memoryBytesMax = 0 }
        #expect(try server.get("/healthz").body == "ok\n")
        let unasked = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n"
        let server2 = try self.server()
        let answer = try HTTPProbe.send(server2.port, unasked + String(repeating: " ", count: 70_000) + "\r\n")
        #expect(answer.status == 413 || answer.status == 400, "\(answer)")
    }

    @Test func `names and members that no request needs are refused before they cost`() throws {
        let server = try server()
        let names = (0..<50_000).map { "\"n\($0)\":1" }
        let rows = try server.post("/v1/serve/all", "{\"rows\":[{\(names.joined(separator: ","))}]}")
        #expect(rows.status == 400 && rows.body.contains("more names than the 2 keys"), "\(rows.body.prefix(300))")
        let twice = try server.post(
            "/get-online-features",
            "{\"features\":[\"stats:n\"],\"entities\":{\"user_id\":[1],\"user_id\":[2]}}"
        )
        #expect(twice.status == 400 && twice.body.contains("stands twice"), "\(twice)")
        let features = (0..<5_000).map { "\"v\($0):x\"" }.joined(separator: ",")
        let many = try server.post("/get-online-features", "{\"features\":[\(features)],\"entities\":{\"u\":[]}}")
        #expect(many.status == 400 && many.body.contains("more than 4096 features"), "\(many)")
    }

    @Test func `a loop that stands still is told`() throws {
        let store = try ServedStore(Self.yaml)
        let server = try TestHTTPServer(store.engine)
        #expect(try server.get("/healthz").body == "ok\n")
        let loop = store.engine.statistics.makeLoop()
        loop.turnedAtMs.store(Clock.nowMs() - 6_000, ordering: .relaxed)
        let still = try server.get("/healthz")
        #expect(still.status == 503 && still.body.contains("stood still for"), "\(still)")
    }

    @Test func `definitions are told, and the specification has every route`() throws {
        let server = try server()
        #expect(try server.get("/v1/views").body.contains("\"name\":\"stats\",\"keys\":[\"user_id\"]"))
        #expect(try server.get("/v1/views/stats").status == 200)
        let unknown = try server.get("/v1/views/stat")
        #expect(unknown.status == 404 && unknown.body.contains("did you mean 'stats'"), "\(unknown)")
        #expect(try server.get("/v1/services/all").body.contains("\"version\":3"))
        let document = try server.get("/openapi.json").body
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(document.utf8)) as? [String: Any])
        let paths = try #require(parsed["paths"] as? [String: [String: Any]])
        for route in RouteTable.all { #expect(paths[route.path]?[route.verb.lowercased()] != nil, "\(route.path)") }
        for path in RouteTable.all.map(\.path) { #expect(document.contains(path)) }
    }
}
