import Foundation
import TestSupport
import Testing

/// Programs and libraries of others, as `scripts/setup --clients` installs them, against the built server.
@Suite struct ClientProgramTests {
    private static func path(_ name: String) -> String? {
        ["/usr/bin/", "/usr/local/bin/"].map { $0 + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static let packages: String = {
        let environment = ProcessInfo.processInfo.environment
        return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/root") + "/.cache") + "/asof/python"
    }()

    private static let hasClients =
        path("redis-cli") != nil && path("redis-benchmark") != nil && FileManager.default.fileExists(atPath: packages)

    private func run(_ program: String, _ arguments: [String], input: String = "") throws -> (Int32, String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["PYTHONPATH=\(Self.packages)", program] + arguments
        let (out, given) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = out
        process.standardInput = given
        try process.run()
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test("redis-cli speaks both versions", .enabled(if: hasClients, "scripts/setup --clients installs the clients"))
    func redisCLI() throws {
        let served = try ServedAsof(["--without-store"])
        func cli(_ arguments: String..., input: String = "") throws -> String {
            let (status, text) = try run("redis-cli", ["-p", "\(served.port)"] + arguments, input: input)
            #expect(status == 0, "\(arguments): \(text)")
            return text
        }
        #expect(try cli("PING") == "PONG\n")
        #expect(try cli("-3", "HELLO").contains("proto 3\n"))
        #expect(try cli("COMMAND", "COUNT").trimmingCharacters(in: .newlines).allSatisfy(\.isNumber))
        #expect(try cli("-3", "COMMAND", "DOCS", "ping").contains("summary Answers PONG"))
        #expect(try cli("INFO", "server").contains("redis_version:7.2.4"))
        // What an interactive run sends, with its hints from COMMAND DOCS.
        #expect(
            try cli(input: "MULTI\nPING\nECHO hi\nEXEC\nhelp client setname\n").contains("QUEUED\nQUEUED\nPONG\nhi\n")
        )
        let piped = try cli("--pipe", input: String(repeating: "PING\r\n", count: 1_000))
        #expect(piped.contains("errors: 0, replies: 1000"), "\(piped)")
    }

    @Test("redis-benchmark runs", .enabled(if: hasClients, "scripts/setup --clients installs the clients"))
    func redisBenchmark() throws {
        let served = try ServedAsof(["--without-store"])
        for more in [["-P", "1"], ["-P", "16"], ["-3", "-P", "4"]] {
            let arguments = ["-p", "\(served.port)", "-n", "2000", "-c", "20", "-t", "ping", "-q"] + more
            let (status, text) = try run("redis-benchmark", arguments)
            #expect(status == 0 && text.contains("PING_MBULK"), "\(text)")
            #expect(!text.contains("Error"), "\(text)")
        }
    }

    @Test(
        "redis-py with hiredis and without, in both versions, with transactions and pools",
        .enabled(if: hasClients, "scripts/setup --clients installs the clients")
    )
    func redisPy() throws {
        let served = try ServedAsof(["--without-store"])
        let script = """
            import sys, redis
            from redis.connection import Connection
            port = int(sys.argv[1])
            for parser in ("hiredis", "python"):
                for protocol in (2, 3):
                    keywords = {}
                    if parser == "python":
                        from redis._parsers import _RESP2Parser, _RESP3Parser
                        keywords["connection_pool"] = redis.ConnectionPool(
                            port=port, protocol=protocol, parser_class=_RESP3Parser if protocol == 3 else _RESP2Parser)
                    else:
                        import hiredis
                    client = redis.Redis(port=port, protocol=protocol, client_name="test", **keywords)
                    assert client.ping() is True
                    assert client.echo("a\\r\\nb") == b"a\\r\\nb"
                    assert client.execute_command("CLIENT", "GETNAME") in (b"test", "test", None)
                    assert client.info("server")["redis_version"] == "7.2.4"
                    assert "maxclients" in client.config_get("max*")
                    assert client.command_count() > 10
                    assert client.execute_command("COMMAND", "INFO", "ping")
                    assert len(client.time()) == 2
                    assert client.slowlog_len() >= 0
                    assert client.client_list()
                    pipeline = client.pipeline(transaction=True)
                    pipeline.ping(); pipeline.echo("x")
                    assert pipeline.execute() == [True, b"x"]
                    pipeline = client.pipeline(transaction=False)
                    for _ in range(500): pipeline.ping()
                    assert pipeline.execute() == [True] * 500
                    try:
                        client.execute_command("NOSUCH", "a")
                        raise SystemExit("no error")
                    except redis.ResponseError as error:
                        assert "unknown command" in str(error), error
                    client.close()
            print("done")
            """
        let (status, text) = try run("python3", ["-c", script, "\(served.port)"])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
    }
}
