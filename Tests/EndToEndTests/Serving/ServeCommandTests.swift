import Foundation
import Glibc
import TestSupport
import Testing

/// `asof serve` as a process: its options, its files, its end.
@Suite struct ServeCommandTests {
    @Test func `it says where it listens, writes its number, and ends with 0 and without a trace`() throws {
        let scratch = try Scratch()
        let pidFile = scratch.path + "/pid"
        let served = try ServedAsof(["--without-store", "--pid-file", pidFile])
        #expect(try String(contentsOfFile: pidFile, encoding: .utf8) == "\(served.pid)\n")
        let client = try served.client()
        #expect(try client.run("PING") == .simple("PONG"))
        let info = try #require(try client.run("INFO", "server").text)
        #expect(info.contains("tcp_port:\(served.port)\r\n") && info.contains("process_id:\(served.pid)\r\n"))
        let output = served.stop()
        #expect(output.status == 0)
        #expect(output.out == "asof serves at 127.0.0.1:\(served.port)\n")
        #expect(access(pidFile, F_OK) != 0)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `signals end it with 0 while clients are connected`(number: Int32) throws {
        let served = try ServedAsof(["--without-store"])
        let clients = try (0..<20).map { _ in try served.client() }
        for client in clients { client.send("PING\r\n") }
        for client in clients { #expect(try client.reply() == .simple("PONG")) }
        #expect(served.stop(number).status == 0)
        for client in clients { #expect(try client.untilClosed().isEmpty) }
    }

    @Test func `it starts an event loop for each CPU that it may use, or as many as it is told`() throws {
        let mask = try #require(
            try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n").first {
                $0.hasPrefix("Cpus_allowed_list:")
            }
        )
        let cpu = try #require(mask.split(whereSeparator: { !$0.isNumber }).first)
        let pinned = try ServedAsof(["--without-store"], shell: "exec taskset -c \(cpu) \"$0\" \"$@\"")
        #expect(try Self.eventLoops(pinned) == 1)
        let asked = try ServedAsof(
            ["--without-store", "--threads", "3"],
            shell: "exec taskset -c \(cpu) \"$0\" \"$@\""
        )
        #expect(try Self.eventLoops(asked) == 3)
    }

    /// What INFO says, which is what the kernel says about the process's threads.
    private static func eventLoops(_ served: ServedAsof) throws -> Int? {
        let info = try #require(try served.client().run("INFO", "server").text)
        let tasks = "/proc/\(served.pid)/task"
        let loops = try FileManager.default.contentsOfDirectory(atPath: tasks).filter { task in
            (try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8))?.hasPrefix("NIO-ELT-") == true
        }
        #expect(info.contains("event_loops:\(loops.count)\r\n"), "\(info)")
        return loops.count
    }

    @Test func `it serves a store, whose embedded cluster stays up with it`() throws {
        let store = try CommandLineStore()
        let served = try ServedAsof(["-d", store.conninfo], in: store.folder)
        #expect(try served.client().run("PING") == .simple("PONG"))
        #expect(served.stop().status == 0)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var status: Int32
        var error: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    @Test(
        "options that cannot be are refused with what to do",
        arguments: [
            Refusal(arguments: ["--listen", "0.0.0.0:0"], status: 2, error: "Give --password-file"),
            Refusal(
                arguments: ["--listen", "192.0.2.1:6567"],
                status: 2,
                error: "other machines can reach that address"
            ),
            Refusal(arguments: ["--listen", "[::]:6567"], status: 2, error: "Give --password-file"),
            Refusal(arguments: ["--listen", "example.org:1"], status: 2, error: "Give --password-file"),
            Refusal(arguments: ["--listen", "nowhere"], status: 2, error: "expected HOST:PORT"),
            Refusal(arguments: ["--listen", "127.0.0.1:65536"], status: 2, error: "expected HOST:PORT"),
            Refusal(arguments: ["--log-level", "loud"], status: 2, error: "expected one of"),
            Refusal(arguments: ["--threads", "0"], status: 2, error: "--threads"),
            Refusal(arguments: ["--max-bulk", "513"], status: 2, error: "--max-bulk"),
            Refusal(arguments: ["--memory", "10"], status: 2, error: "did you mean 10MiB or 10GiB?"),
            Refusal(arguments: ["--memory", "1023KiB"], status: 2, error: "at least 1MiB is needed"),
            Refusal(arguments: ["--memory", "plenty"], status: 2, error: "expected an amount such as 512MiB"),
            Refusal(arguments: ["--password-file", "/nonexistent/file"], status: 1, error: "cannot be read"),
            Refusal(arguments: ["--password-file", "/tmp"], status: 1, error: "is no file"),
            Refusal(
                arguments: ["--pid-file", "/nonexistent/pid", "--listen", "127.0.0.1:0"],
                status: 1,
                error: "--pid-file"
            ),
        ]
    )
    func refuses(item: Refusal) throws {
        let output = try AsofBinary.run(["serve", "--without-store"] + item.arguments, in: "/tmp")
        #expect(output.status == item.status)
        #expect(output.error.contains(item.error), "\(output.error)")
        #expect(output.out.isEmpty)
    }

    @Test func `an address in use is an error`() throws {
        let served = try ServedAsof(["--without-store"])
        let output = try AsofBinary.run(
            ["serve", "--without-store", "--listen", "127.0.0.1:\(served.port)"],
            in: "/tmp"
        )
        #expect(output.status == 1)
        #expect(output.error.contains("something listens there already"), "\(output.error)")
    }

    @Test func `a password file must be private and have a password; then clients must know it`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("password", "s3cret\n")
        chmod(file, 0o604)
        let open = try AsofBinary.run(["serve", "--without-store", "--password-file", file], in: "/tmp")
        #expect(open.status == 1 && open.error.contains("chmod 600"), "\(open.error)")
        let empty = try scratch.write("empty", "\n")
        chmod(empty, 0o600)
        let none = try AsofBinary.run(["serve", "--without-store", "--password-file", empty], in: "/tmp")
        #expect(none.status == 1 && none.error.contains("is empty"), "\(none.error)")
        #expect(!open.error.contains("s3cret"))

        chmod(file, 0o600)
        let served = try ServedAsof(["--without-store", "--password-file", file, "--log-level", "trace"])
        let client = try served.client()
        #expect(try client.run("PING") == .error("NOAUTH Authentication required."))
        #expect(try client.run("FS.GET", "a", "b") == .error("NOAUTH Authentication required."))
        #expect(try client.run("AUTH", "wrong").text?.hasPrefix("WRONGPASS") == true)
        #expect(try client.run("AUTH", "other", "s3cret").text?.hasPrefix("WRONGPASS") == true)
        #expect(try client.run("HELLO", "3").text?.hasPrefix("NOAUTH HELLO must be called") == true)
        #expect(try client.run("HELLO", "3", "AUTH", "default", "s3cret")["proto"] == .integer(3))
        #expect(try client.run("PING") == .simple("PONG"))
        #expect(try client.run("RESET") == .simple("RESET"))
        #expect(try client.run("PING") == .error("NOAUTH Authentication required."))
        #expect(try client.run("AUTH", "s3cret") == .simple("OK"))
        #expect(try client.run("PING") == .simple("PONG"))
        let output = served.stop()
        #expect(!(output.out + output.error).contains("s3cret"))
    }

    @Test func `SIGHUP has the password read again; connections go on, and nothing of it ends the process`() throws {
        let scratch = try Scratch()
        let file = try scratch.write("password", "first\n")
        chmod(file, 0o600)
        let served = try ServedAsof(["--without-store", "--password-file", file])
        let old = try served.client()
        #expect(try old.run("AUTH", "first") == .simple("OK"))
        _ = try scratch.write("password", "second\n")
        kill(served.pid, SIGHUP)
        let isChanged = try Patience.wait { try served.client().run("AUTH", "second") == .simple("OK") }
        #expect(isChanged)
        #expect(try served.client().run("AUTH", "first").text?.hasPrefix("WRONGPASS") == true)
        #expect(try old.run("PING") == .simple("PONG"))
        // What cannot be used changes nothing.
        chmod(file, 0o604)
        kill(served.pid, SIGHUP)
        for _ in 0..<20 { kill(served.pid, SIGHUP) }
        #expect(Patience.wait { served.running.errorSoFar.contains("the password stays as it was") })
        #expect(try served.client().run("AUTH", "second") == .simple("OK"))
        let output = served.stop()
        #expect(output.status == 0 && output.error.contains("the password was read again"), "\(output.error)")
        #expect(!output.error.contains("second"))

        let none = try ServedAsof(["--without-store"])
        kill(none.pid, SIGHUP)
        #expect(Patience.wait { none.running.errorSoFar.contains("SIGHUP: there are no files to read again") })
        #expect(try none.client().run("PING") == .simple("PONG"))
        #expect(none.stop().status == 0)
    }

    @Test func `few open files mean fewer clients, which the log says; those beyond are told`() throws {
        let served = try ServedAsof(
            ["--without-store", "--max-clients", "500"],
            shell: "ulimit -n 220; exec \"$0\" \"$@\""
        )
        let info = try #require(try served.client().run("INFO", "clients").text)
        let line = try #require(info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("maxclients:") })
        let clientsMax = try #require(Int(line.dropFirst("maxclients:".count)))
        #expect((1...219).contains(clientsMax))
        let clients = try (0..<clientsMax).map { _ in try served.client() }
        for client in clients { #expect(try client.run("PING") == .simple("PONG")) }
        for _ in 0..<40 {
            #expect(try served.client().untilClosed() == Array("-ERR max number of clients reached\r\n".utf8))
        }
        #expect(try clients[0].run("PING") == .simple("PONG"))
        let output = served.stop()
        #expect(
            output.error.contains("may have 220 files open (ulimit -n): \(clientsMax) clients at a time instead of")
        )

        let none = try AsofBinary.run(
            ["serve", "--without-store", "--listen", "127.0.0.1:0"],
            in: "/tmp",
            shell: "ulimit -n 60; exec \"$0\" \"$@\""
        )
        #expect(none.status == 1 && none.error.contains("leaves no client a place"), "\(none.error)")
    }
}
