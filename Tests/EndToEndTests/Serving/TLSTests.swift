import Foundation
import Operations
import Store
import TestSupport
import Testing

/// TLS of the built server, seen by programs and libraries of others.
@Suite struct TLSTests {
    private static func path(_ name: String) -> String? {
        ["/usr/bin/", "/usr/local/bin/"].map { $0 + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static let packages: String = {
        let environment = ProcessInfo.processInfo.environment
        return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/root") + "/.cache") + "/asof/python"
    }()

    private static let hasClients =
        path("redis-cli") != nil && path("openssl") != nil && FileManager.default.fileExists(atPath: packages)

    private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["PYTHONPATH=\(Self.packages)", program] + arguments
        let out = Pipe()
        process.standardOutput = out
        process.standardError = out
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    private func store() throws -> ServedStore {
        let store = try ServedStore()
        let output = try store.asof(["user", "add", "ada", "admin", "--password-stdin"], input: "geheim\n")
        try #require(output.status == 0, "\(output.error)")
        return store
    }

    /// A script of redis-py: `client(name, ca=…)`.
    private static let python = """
        import sys, redis
        port, folder = int(sys.argv[1]), sys.argv[2]
        def client(certificate=None, ca="ca", **more):
            if certificate:
                more.update(ssl_certfile=f"{folder}/{certificate}.crt", ssl_keyfile=f"{folder}/{certificate}.key")
            return redis.Redis(host="127.0.0.1", port=port, ssl=True, ssl_ca_certs=f"{folder}/{ca}.crt", retry=None, socket_timeout=20, **more)
        def refused(make):
            try:
                make()
            except redis.ConnectionError as error:
                return str(error)
            raise SystemExit("it was let in")

        """

    @Test(
        "redis-cli and redis-py speak TLS, know the authority, and refuse another",
        .enabled(if: hasClients, "scripts/setup --clients")
    )
    func clients() throws {
        let (authority, store) = (try TestAuthority(), try store())
        try authority.issue("server", commonName: "localhost")
        let served = try authority.serve(store)
        func cli(_ arguments: String...) throws -> String {
            try run("redis-cli", ["-h", "localhost", "-p", "\(served.port)", "--no-auth-warning"] + arguments).text
        }
        let trusted = ["--tls", "--cacert", authority.file("ca.crt")]
        #expect(
            try cli("--tls", "--cacert", authority.file("ca.crt"), "--user", "ada", "--pass", "geheim", "ACL", "WHOAMI")
                == "ada\n"
        )
        #expect(try cli("--tls", "--cacert", authority.file("ca.crt"), "PING").contains("NOAUTH"))
        #expect(try cli("--tls", "--cacert", authority.file("other.crt"), "PING").contains("certificate verify failed"))
        // In clear text nothing is answered.
        #expect(try !cli("PING").contains("NOAUTH"))
        _ = trusted
        let script =
            Self.python + """
                for protocol in (2, 3):
                    ada = client(username="ada", password="geheim", protocol=protocol)
                    assert ada.ping() is True
                    assert ada.execute_command("ACL", "WHOAMI") in (b"ada", "ada")
                    # Larger than a record of TLS, both ways.
                    text = "x" * 3_000_000
                    assert ada.echo(text) == text.encode()
                    pipeline = ada.pipeline(transaction=False)
                    for _ in range(2000): pipeline.ping()
                    assert pipeline.execute() == [True] * 2000
                assert "CERTIFICATE_VERIFY_FAILED" in refused(lambda: client(ca="other").ping())
                print("done")
                """
        let (status, text) = try run("python3", ["-c", script, "\(served.port)", authority.scratch.path])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        #expect(served.stop().status == 0)
    }

    @Test("a client's certificate says who it is", .enabled(if: hasClients, "scripts/setup --clients"))
    func clientCertificates() throws {
        let (authority, store) = (try TestAuthority(), try store())
        try authority.issue("server", commonName: "localhost")
        try authority.issue("ada", commonName: "ada")
        try authority.issue("unknown", commonName: "bob")
        try authority.issue("ended", commonName: "ada", days: -1)
        try authority.issue("foreign", commonName: "ada", by: "other")
        let served = try authority.serve(store, clients: true)
        let script =
            Self.python + """
                assert client("ada").execute_command("ACL", "WHOAMI") in (b"ada", "ada")
                try:
                    client("unknown").ping()
                    raise SystemExit("bob is no user")
                except redis.AuthenticationError:
                    pass
                # A certificate of the authority lets a user in that says so, too.
                assert client("unknown", username="ada", password="geheim").ping() is True
                refused(lambda: client().ping())
                refused(lambda: client("ended").ping())
                refused(lambda: client("foreign").ping())
                assert client("ada").ping() is True
                print("done")
                """
        let (status, text) = try run("python3", ["-c", script, "\(served.port)", authority.scratch.path])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        let output = served.stop()
        #expect(output.error.contains("TLS handshake failed"), "\(output.error)")
        #expect(!output.error.contains("geheim"))
    }

    @Test("a client beyond --max-clients is told so in TLS", .enabled(if: hasClients, "scripts/setup --clients"))
    func tooMany() throws {
        let authority = try TestAuthority()
        try authority.issue("server", commonName: "localhost")
        let served = try ServedAsof(
            ["--without-store", "--max-clients", "1"]
                + ["crt", "key"].flatMap {
                    ["--tls-" + ($0 == "crt" ? "cert" : "key"), authority.scratch.path + "/server.\($0)"]
                }
        )
        let script = """
            import socket, ssl, sys
            context = ssl.create_default_context(cafile=sys.argv[2] + "/ca.crt")
            def tls():
                return context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1])), 20), server_hostname="localhost")
            first = tls()
            first.sendall(b"PING\\r\\n")
            assert first.recv(100) == b"+PONG\\r\\n"
            for _ in range(3):
                second, text = tls(), b""
                while piece := second.recv(100): text += piece
                assert text == b"-ERR max number of clients reached\\r\\n", text
            first.sendall(b"PING\\r\\n")
            assert first.recv(100) == b"+PONG\\r\\n"
            print("done")
            """
        let (status, text) = try run("python3", ["-c", script, "\(served.port)", authority.scratch.path])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        #expect(served.stop().status == 0)
    }

    @Test(
        "a server's certificate that has ended is refused by clients and told in the log",
        .enabled(if: hasClients, "scripts/setup --clients")
    )
    func ended() throws {
        let (authority, store) = (try TestAuthority(), try store())
        try authority.issue("server", commonName: "localhost", days: -1)
        let served = try authority.serve(store)
        let script =
            Self.python + """
                assert "expired" in refused(lambda: client().ping())
                print("done")
                """
        let (status, text) = try run("python3", ["-c", script, "\(served.port)", authority.scratch.path])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        #expect(served.stop().error.contains("the server's certificate ends at"))
    }

    @Test(
        "certificates are read again under load, and no request is lost",
        .enabled(if: hasClients, "scripts/setup --clients")
    )
    func reload() throws {
        let (authority, store) = (try TestAuthority(), try store())
        try authority.issue("server", commonName: "localhost")
        let served = try authority.serve(store)
        let script =
            Self.python + """
                import os, signal, ssl, socket, subprocess, threading, time
                pid = int(sys.argv[3])
                context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
                def serial():
                    with socket.create_connection(("localhost", port), 20) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
                        return tls.getpeercert()["serialNumber"]
                def issue():
                    for kind, arguments in (
                        ("csr", ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "next.key", "-subj", "/CN=localhost"]),
                        ("crt", ["x509", "-req", "-in", "next.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san"])):
                        subprocess.run(["openssl", *arguments, "-out", f"next.{kind}"], cwd=folder, check=True, capture_output=True)
                    for kind in ("key", "crt"): os.rename(f"{folder}/next.{kind}", f"{folder}/server.{kind}")
                faults, counts, stop = [], [0, 0], threading.Event()
                def steady():
                    try:
                        kept = client(username="ada", password="geheim", single_connection_client=True)
                        while not stop.is_set():
                            assert kept.ping() is True
                            counts[0] += 1
                    except Exception as error: faults.append(error)
                def fresh():
                    try:
                        while not stop.is_set():
                            with client(username="ada", password="geheim", single_connection_client=True) as one: assert one.ping() is True
                            counts[1] += 1
                    except Exception as error: faults.append(error)
                threads = [threading.Thread(target=work) for work in (steady, steady, fresh, fresh)]
                for thread in threads: thread.start()
                serials = {serial()}
                for _ in range(5):
                    issue()
                    before = set(serials)
                    os.kill(pid, signal.SIGHUP)
                    end = time.monotonic() + 20
                    while serials == before and time.monotonic() < end: serials.add(serial())
                    assert serials != before, "the new certificate is not shown"
                # What cannot be used changes nothing.
                os.rename(f"{folder}/server.crt", f"{folder}/away.crt")
                os.kill(pid, signal.SIGHUP)
                assert serial() in serials
                stop.set()
                for thread in threads: thread.join()
                assert not faults, faults
                assert len(serials) == 6 and min(counts) > 0, (serials, counts)
                print("done")
                """
        let (status, text) = try run(
            "python3",
            ["-c", script, "\(served.port)", authority.scratch.path, "\(served.pid)"]
        )
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        let output = served.stop()
        #expect(output.status == 0)
        #expect(output.error.components(separatedBy: "certificates were read again").count == 6, "\(output.error)")
        #expect(output.error.contains("certificates stay as they were: --tls-cert"), "\(output.error)")
    }

    @Test(
        "HTTP that other machines reach speaks TLS to clients without a certificate, and wants a user but for probes",
        .enabled(if: hasClients, "scripts/setup --clients")
    )
    func httpBeyondThisMachine() throws {
        let (authority, store) = (try TestAuthority(), try store())
        try authority.issue("server", commonName: "localhost")
        let served = try ServedAsof(
            [
                "-d", store.conninfo, "--http", "0.0.0.0:0", "--tls-cert", authority.file("server.crt"), "--tls-key",
                authority.file("server.key"), "--tls-client-ca", authority.file("ca.crt"),
            ],
            in: authority.scratch.path
        )
        let running = served.running
        #expect(Patience.wait { running.outSoFar.contains("HTTP at 0.0.0.0:") && running.outSoFar.hasSuffix("\n") })
        let port = try #require(running.outSoFar.split(whereSeparator: \.isNewline).last?.split(separator: ":").last)
        let script = """
            import base64, ssl, sys, time, urllib.error, urllib.request
            port, folder = int(sys.argv[1]), sys.argv[2]
            context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
            def ask(path, **headers):
                request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=20, context=context) as reply: return reply.status, reply.read().decode()
                except urllib.error.HTTPError as error: return error.code, error.read().decode()
            end = time.monotonic() + 60
            while ask("/readyz")[0] != 200 and time.monotonic() < end: pass
            # As a kubelet and a load balancer ask: by whatever name they reach the machine.
            assert ask("/readyz", Host="10.1.2.3:9567") == (200, "ready\\n")
            assert ask("/healthz", Host="asof.example") == (200, "ok\\n")
            assert ask("/metrics")[0] == 401 and ask("/v1/views")[0] == 401
            ada = "Basic " + base64.b64encode(b"ada:geheim").decode()
            assert "asof_loading 0" in ask("/metrics", Authorization=ada, Host="10.1.2.3:9567")[1]
            try: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20)
            except (urllib.error.URLError, OSError): pass
            else: raise SystemExit("it answers in clear text")
            print("done")
            """
        let (status, text) = try run("python3", ["-c", script, String(port), authority.scratch.path])
        #expect(status == 0 && text.hasSuffix("done\n"), "\(text)")
        let output = served.stop()
        #expect(output.status == 0 && !output.error.contains("clear text"), "\(output.error)")
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var status: Int32
        var error: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    @Test(
        "certificates that cannot be are refused with what to do",
        .enabled(if: hasClients, "scripts/setup --clients"),
        arguments: [
            Refusal(arguments: ["--tls-cert", "a.crt"], status: 2, error: "give both"),
            Refusal(arguments: ["--tls-client-ca", "ca.crt"], status: 2, error: "needs --tls-cert"),
            Refusal(
                arguments: ["--tls-cert", "none", "--tls-key", "a.key"],
                status: 1,
                error: "--tls-cert none is no"
            ),
            Refusal(arguments: ["--tls-cert", "a.crt", "--tls-key", "a.crt"], status: 1, error: "--tls-key a.crt"),
            Refusal(
                arguments: ["--tls-cert", "a.crt", "--tls-key", "b.key"],
                status: 1,
                error: "is not the key of a.crt"
            ),
            Refusal(
                arguments: ["--tls-cert", "a.crt", "--tls-key", "a.key", "--tls-client-ca", "san"],
                status: 1,
                error: "--tls-client-ca san is no"
            ),
            Refusal(
                arguments: ["--tls-cert", "a.crt", "--tls-key", "open.key"],
                status: 1,
                error: "chmod 600 open.key"
            ),
        ]
    )
    func refuses(item: Refusal) throws {
        let authority = try TestAuthority()
        for name in ["a", "b", "open"] { try authority.issue(name, commonName: "localhost") }
        chmod(authority.file("open.key"), 0o604)
        let output = try AsofBinary.run(["serve", "--without-store"] + item.arguments, in: authority.scratch.path)
        #expect(output.status == item.status, "\(output.error)")
        #expect(output.error.contains(item.error), "\(output.error)")
    }
}

extension TestAuthority {
    fileprivate func serve(
        _ store: ServedStore,
        _ certificate: String = "server",
        clients: Bool = false
    ) throws -> ServedAsof {
        let more = clients ? ["--tls-client-ca", file("ca.crt")] : []
        return try ServedAsof(
            [
                "-d", store.conninfo, "--tls-cert", file("\(certificate).crt"), "--tls-key",
                file("\(certificate).key"),
            ]
                + more,
            in: scratch.path
        )
    }
}
