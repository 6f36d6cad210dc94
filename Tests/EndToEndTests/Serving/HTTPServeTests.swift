import Foundation
import Glibc
import Store
import TestSupport
import Testing

/// The built server over HTTP: where it listens, what probes say of it, and that clients of RESP do not notice.
@Suite(.serialized) struct HTTPServeTests {
    /// A server with HTTP on a free port.
    private struct Served {
        let served: ServedAsof
        let port: Int

        init(_ arguments: [String], in directory: String = "/tmp") throws {
            served = try ServedAsof(arguments + ["--http", "127.0.0.1:0"], in: directory)
            let running = served.running
            let hasLine = Patience.wait { running.outSoFar.contains("HTTP at ") && running.outSoFar.hasSuffix("\n") }
            let line = running.outSoFar.split(separator: "\n").first { $0.hasPrefix("HTTP at 127.0.0.1:") }
            guard hasLine, let port = line?.split(separator: ":").last.flatMap({ Int($0) }) else {
                throw Trouble("no line of HTTP: \(running.outSoFar)")
            }
            self.port = port
        }

        func get(_ path: String) throws -> HTTPAnswer { try HTTPProbe.ask(port, "GET", path) }

        func post(_ path: String, _ body: String, type: String = "application/json") throws -> HTTPAnswer {
            try HTTPProbe.ask(port, "POST", path, headers: [("Content-Type", type)], body: body)
        }
    }

    @Test func `a port that was asked for and is taken is an error, and no address of other machines is bound`() throws
    {
        let first = try Served(["--without-store"])
        let taken = try AsofBinary.run(
            ["serve", "--without-store", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:\(first.port)"],
            in: "/tmp"
        )
        #expect(taken.status == 1 && taken.error.contains("cannot serve HTTP at 127.0.0.1:\(first.port)"), "\(taken)")
        for (address, text) in [
            ("0.0.0.0:9567", "other machines can reach that address"), ("localhost:x", "expected HOST:PORT"),
            ("unix:/tmp/x", "expected HOST:PORT"),
        ] {
            let output = try AsofBinary.run(["serve", "--without-store", "--http", address], in: "/tmp")
            #expect(output.status == 2 && output.error.contains(text), "\(output)")
        }
        #expect(try first.get("/readyz").body == "ready, without a store\n")
        #expect(try first.get("/v1/views").status == 503)
        #expect(first.served.stop().status == 0)
    }

    @Test func `with a password other machines may ask, with a warning; on loopback Host is looked at`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("password", "geheim\n")
        chmod(file, 0o600)
        let open = try ServedAsof(["--without-store", "--password-file", file, "--http", "0.0.0.0:0"])
        let running = open.running
        #expect(Patience.wait { running.outSoFar.contains("HTTP at 0.0.0.0:") && running.outSoFar.hasSuffix("\n") })
        let last = try #require(running.outSoFar.split(whereSeparator: \.isNewline).last?.split(separator: ":").last)
        let port = try #require(Int(last))
        let elsewhere = ("Host", "10.1.2.3:9567")
        #expect(try HTTPProbe.ask(port, "GET", "/healthz", headers: [elsewhere]).status == 200)
        #expect(try HTTPProbe.ask(port, "GET", "/metrics", headers: [elsewhere]).status == 401)
        let known = try HTTPProbe.ask(
            port,
            "GET",
            "/metrics",
            headers: [elsewhere, ("Authorization", "Bearer geheim")]
        )
        #expect(known.status == 200, "\(known)")
        let output = open.stop()
        #expect(output.error.contains("travel in clear text"), "\(output.error)")
        let local = try Served(["--without-store", "--password-file", file])
        #expect(try HTTPProbe.ask(local.port, "GET", "/healthz", headers: [elsewhere]).status == 421)
        #expect(local.served.stop().status == 0)
    }

    @Test func `where nobody asked for HTTP and its port is taken, the server says so and serves`() throws {
        // Whoever has the default port now, it is taken.
        let holder = try? ServedAsof(["--without-store", "--http", "127.0.0.1:9567"])
        let second = try ServedAsof(["--without-store"], environment: ["ASOF_HTTP": ""])
        #expect(try second.client().run("PING") == .simple("PONG"))
        let output = second.stop()
        #expect(output.error.contains("127.0.0.1:9567") && output.error.contains("goes on without HTTP"), "\(output)")
        holder?.stop()
    }

    @Test func `what was written over RESP is served over HTTP, and the other way round`() throws {
        let store = try ServedStore()
        let served = try Served(["-d", store.conninfo], in: store.scratch.path)
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz").status == 200 })
        let client = try served.served.client()
        _ = try client.line("FS.SET stats 7 2026-01-01T00:00:00Z clicks 9007199254740993 ctr NaN name JFK")
        _ = try client.line("FS.SET marks 7 2026-01-01T00:00:00Z n 5")
        let answer = try served.post("/v1/serve/model", "{\"keys\":{\"user_id\":[7, 8]}, \"meta\":true}")
        #expect(answer.body.contains("\"rows\":[[9007199254740993,\"NaN\",5],[null,null,null]]"), "\(answer)")
        #expect(
            answer.body.contains(
                "\"status\":[[\"present\",\"present\",\"present\"],[\"missing\",\"missing\",\"missing\"]]"
            )
        )

        let points = "marks,user_id=8 n=1i 1767225600000000000\nmarks,user_id=9 n=2i 1767225600000000000\n"
        let written = try served.post(
            "/api/v2/write?org=o&bucket=b&precision=ns",
            points,
            type: "text/plain; charset=utf-8"
        )
        #expect(written.status == 204 && written.body.isEmpty, "\(written)")
        #expect(try client.line("FS.GET marks 9") == client.line("FS.GET marks 9"))
        let feast = try served.post(
            "/get-online-features",
            "{\"features\":[\"marks:n\",\"stats:clicks\"],\"entities\":{\"user_id\":[9,7,1]}}"
        )
        #expect(
            feast.body
                == """
                {"metadata":{"feature_names":["user_id","n","clicks"]},"results":[\
                {"values":[9,7,1],"statuses":["PRESENT","PRESENT","PRESENT"],"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},\
                {"values":[2,5,null],"statuses":["PRESENT","PRESENT","NOT_FOUND"],"event_timestamps":["2026-01-01T00:00:00Z","2026-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},\
                {"values":[null,9007199254740993,null],"statuses":["NOT_FOUND","PRESENT","NOT_FOUND"],"event_timestamps":["1970-01-01T00:00:00Z","2026-01-01T00:00:00Z","1970-01-01T00:00:00Z"]}]}

                """,
            "\(feast)"
        )
        let service = try served.post(
            "/get-online-features",
            "{\"feature_service\":\"model\",\"entities\":{\"user_id\":[7]}}"
        )
        #expect(service.body.contains("\"feature_names\":[\"user_id\",\"clicks\",\"ctr\",\"n\"]"), "\(service)")

        let bad = try served.post(
            "/api/v2/write",
            "marks,user_id=8 n=1i 1767225600000000000\nmarks,user_id=x n=1i",
            type: "text/plain"
        )
        #expect(bad.status == 400 && bad.body.contains("\"code\":\"invalid\"") && bad.body.contains("line 2"), "\(bad)")
        for _ in 0..<2 {
            let numbered = try served.post(
                "/v1/write?precision=us&source=a&seq=1",
                "marks,user_id=10 n=1i 1767225600000000",
                type: "text/plain"
            )
            #expect(numbered.status == 204, "\(numbered)")
        }
        #expect(try store.number("SELECT count(*) FROM history.marks WHERE user_id = 10") == 1)

        let metrics = try served.get("/metrics").body
        for line in [
            "asof_commands_total{command=\"fs.set\",result=\"ok\"} 2",
            "asof_commands_total{command=\"fs.write\",result=\"error\"} 1",
            "asof_command_duration_seconds_count{command=\"fs.set\"} 2", "asof_loading 0", "asof_postgres_up 1",
            "asof_reads_total{view=\"marks\",status=\"present\"}", "asof_resident_rows{view=\"marks\"} 4",
            "asof_ledger_position \(try store.head())",
        ] {
            #expect(metrics.contains(line), "\(line) is not in \(metrics)")
        }
        #expect(try client.line("INFO commandstats").text?.contains("cmdstat_fs.set:calls=2,") == true)
        #expect(try client.line("LATENCY LATEST") == .array([]))
        #expect(served.served.stop().status == 0)
    }

    @Test(arguments: ["/v1/write", "/api/v2/write?org=o&bucket=b"], ["reject", "warn", "stop"])
    func `points over HTTP meet the expectations of their features`(path: String, action: String) throws {
        let feature = "ctr: { type: float64, max: 1, action: \(action) }"
        let store = try ServedStore(ServedStore.yaml.replacing("ctr: float64", with: feature))
        let served = try Served(["-d", store.conninfo], in: store.scratch.path)
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz").status == 200 })
        let points = "stats,user_id=1 ctr=0.5 1767225600000000000\nstats,user_id=2 ctr=7 1767225600000000000\n"
        let answer = try served.post(path, points, type: "text/plain; charset=utf-8")
        let count = try store.number("SELECT count(*) FROM history.stats")
        if action == "warn" {
            #expect(answer.status == 204 && count == 2, "\(answer)")
            #expect(try store.number("SELECT sum(warned)::bigint FROM asof.expectation_counts") == 1)
        } else {
            let reason = "FSVALUE line 2: feature 'ctr': expected at most 1.0, got 7.0"
            #expect(answer.status == 400 && answer.body.contains(reason), "\(answer)")
            #expect(answer.body.contains("(action: stop)") == (action == "stop"), "\(answer)")
            #expect(count == 0)
        }
        #expect(served.served.stop().status == 0)
    }

    @Test func `probes tell how the server stands, and never ask PostgreSQL`() throws {
        let cluster = try ThrowawayCluster.start()
        let store = try ServedStore(cluster: cluster)
        let served = try Served(["-d", store.conninfo], in: store.scratch.path)
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz?writes=1&max_lag=5s").status == 200 })
        #expect(try served.get("/readyz?max_lag=soon").status == 400)
        cluster.stop()
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz").headers["asof-stale-seconds"] != nil })
        let away = try served.get("/readyz")
        #expect(away.status == 200 && away.body == "ready; PostgreSQL is away\n", "\(away)")
        let writes = try served.get("/readyz?writes=1")
        #expect(writes.status == 503 && writes.body.contains("PostgreSQL is away"), "\(writes)")
        #expect(try Patience.wait(seconds: 20) { try served.get("/readyz?max_lag=1ms").status == 503 })
        #expect(try served.get("/healthz").body == "ok\n")
        #expect(try served.get("/metrics").body.contains("asof_postgres_up 0"))
        let read = try served.post("/v1/serve/model", "{\"keys\":{\"user_id\":[7]}}")
        #expect(read.status == 200, "\(read)")
        let write = try served.post("/v1/write", "marks,user_id=8 n=1i 1767225600000000000", type: "text/plain")
        #expect(write.status == 503 && write.headers["retry-after"] == "1", "\(write)")
        #expect(served.served.stop().status == 0)
    }

    @Test func `a server that cannot store writes is not ready for them, and says why`() throws {
        let store = try ServedStore()
        let served = try Served(["-d", store.conninfo], in: store.scratch.path)
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz?writes=1").status == 200 })
        #expect(try served.get("/metrics").body.contains("asof_writes_refused 0\n"))
        try store.session().execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON asof.batches FOR EACH ROW EXECUTE FUNCTION refuse();
            CREATE TRIGGER refuse BEFORE INSERT ON asof.batch_details FOR EACH ROW EXECUTE FUNCTION refuse()
            """
        )
        let write = try served.post("/v1/write", "marks,user_id=8 n=1i 1767225600000000000", type: "text/plain")
        #expect(write.status == 503, "\(write)")
        let reason = "PostgreSQL is out of disk, memory or connections (SQLSTATE 53100)"
        let probe = try served.get("/readyz?writes=1")
        #expect(probe.status == 503 && probe.body.contains(reason), "\(probe)")
        #expect(try served.get("/readyz").status == 200)
        #expect(try served.get("/metrics").body.contains("asof_writes_refused 1\n"))
        #expect(try served.served.client().line("INFO asof").text?.contains("writes_refused:\(reason)") == true)
        try store.session().execute("DROP TRIGGER refuse ON asof.batches; DROP TRIGGER refuse ON asof.batch_details")
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz?writes=1").status == 200 })
        #expect(served.served.stop().error.contains("writes cannot be stored: " + reason))
    }

    @Test func `clients of RESP are answered while HTTP is flooded with what it refuses`() throws {
        let store = try ServedStore()
        let served = try Served(["-d", store.conninfo], in: store.scratch.path)
        #expect(try Patience.wait(seconds: 60) { try served.get("/readyz").status == 200 })
        let before = served.served.residentBytes
        let head =
            "POST /v1/serve/model HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n"
        let piece = "[" + String(repeating: "1,", count: 500_000)
        let flood = try (0..<6).map { _ in try RespClient(port: served.port) }
        for client in flood { client.send(head) }
        for _ in 0..<40 { for client in flood { client.send(piece) } }
        let client = try served.served.client()
        for _ in 0..<100 { #expect(try client.run("FS.GET", "marks", "1") == client.run("FS.GET", "marks", "1")) }
        #expect(try served.get("/healthz").status == 200)
        // Twice the bodies' bound is what they may take.
        #expect(served.served.residentBytes - before < 1_300 << 20)
        for client in flood { client.close() }
        #expect(served.served.stop().status == 0)
    }
}

@Suite struct PingCommandTests {
    @Test func `ping tells whether a server lives, and whether it is ready`() throws {
        let store = try ServedStore()
        let server = try store.serve()
        let address = ["--server", "127.0.0.1:\(server.port)"]
        let alive = try AsofBinary.run(["ping"] + address, in: "/tmp")
        #expect(alive.status == 0 && alive.out == "alive\n", "\(alive)")
        let ready = try AsofBinary.run(["ping", "--ready"] + address, in: "/tmp")
        #expect(ready.status == 0 && ready.out.hasPrefix("ready, at position "), "\(ready)")
        server.stop()
        let nobody = try AsofBinary.run(["ping", "--ready"] + address, in: "/tmp")
        #expect(nobody.status == 1 && nobody.error.contains("no server answers at"), "\(nobody)")
    }
}
