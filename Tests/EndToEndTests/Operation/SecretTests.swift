import Foundation
import TestSupport
import Testing

/// Where connection strings and passwords come from, and where they must not go.
@Suite struct SecretTests {
    @Test func `a file names the database, and others must not be able to read it`() throws {
        let store = try CommandLineStore()
        let file = try store.scratch.write("database", store.conninfo + "\n")
        chmod(file, 0o600)
        func views() throws -> AsofBinary.Output {
            try AsofBinary.run(["views"], in: "/tmp", environment: ["ASOF_DATABASE_FILE": file])
        }
        #expect(try views().out.contains("stats"))
        chmod(file, 0o604)
        let open = try views()
        #expect(
            open.status == 1 && open.error.contains("ASOF_DATABASE_FILE") && open.error.contains("chmod 600"),
            "\(open.error)"
        )
    }

    @Test(arguments: [
        (
            "postgresql://ada:geheim@db.internal:5433/features?sslmode=verify-full",
            "user=ada password=*** host=db.internal port=5433 dbname=features sslmode=verify-full"
        ),
        ("host=/tmp dbname='my db' password=geheim", "dbname='my db' host=/tmp password=***"),
        ("postgresql://db/features?password=geheim", "host=db dbname=features password=***"),
    ])
    func `a connection string is shown without its password`(conninfo: String, expected: String) throws {
        let output = try AsofBinary.run(["uri", "--redact", "-d", conninfo], in: "/tmp")
        #expect(output.status == 0, "\(output.error)")
        let words = { (text: String) in Set(text.trimmingCharacters(in: .newlines).split(separator: " ")) }
        #expect(words(output.out) == words(expected), "\(output.out)")
    }

    @Test func `what is no connection string is not repeated`() throws {
        let output = try AsofBinary.run(["uri", "--redact", "-d", "password=geheim host"], in: "/tmp")
        #expect(output.status == 1 && !(output.out + output.error).contains("geheim"), "\(output.error)")
    }

    struct Command: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var error: String?
    }

    @Test func `the command has our folder and environment, and blocks and ignores no signal`() throws {
        let store = try ServedStore()
        let command =
            "grep -E '^Sig(Blk|Ign)' /proc/self/status >signals.txt; pwd >folder.txt; echo $OURS >ours.txt; echo x"
        let server = try ServedAsof(
            ["-d", store.conninfo, "--password-command", command],
            in: store.scratch.path,
            environment: ["OURS": "a b"],
            shell: "trap '' USR1 HUP PIPE; exec \"$0\" \"$@\""
        )
        server.stop()
        func read(_ name: String) throws -> String {
            try String(contentsOfFile: store.scratch.path + "/" + name, encoding: .utf8)
        }
        let masks = try read("signals.txt").split(separator: "\n").map { $0.split(separator: "\t").last ?? "" }
        // But for the two that are the C library's own.
        let ours = masks.map { (Int($0, radix: 16) ?? -1) & ~0x1_8000_0000 }
        #expect(ours == [0, 0], "\(masks)")
        #expect(try read("folder.txt") == store.scratch.path + "\n" && read("ours.txt") == "a b\n")
    }

    @Test func `a command that takes too long ends with all that it started`() throws {
        let store = try CommandLineStore()
        let output = try store.run(["views", "--password-command", "sleep 61 & echo $! >pid.txt; sleep 62"])
        #expect(output.status == 1 && output.error.contains("did not end within 10 s"), "\(output.error)")
        let pid = try #require(Int32(try store.read("pid.txt").filter(\.isNumber)))
        #expect(Patience.wait { kill(pid, 0) != 0 })
    }

    @Test(arguments: [
        Command(testDescription: "echo geheim"),
        Command(testDescription: "echo geheim; exit 3", error: "ended with status 3"),
        Command(testDescription: "true", error: "printed no password"),
        Command(testDescription: "printf 'geheim\\nmore\\n'", error: "printed no password"),
        Command(testDescription: "exec sleep 60", error: "did not end within 10 s"),
    ])
    func `a command prints PostgreSQL's password`(command: Command) throws {
        let store = try CommandLineStore()
        for way in 0..<2 {
            let arguments = way == 0 ? ["--password-command", command.testDescription] : []
            let environment = way == 1 ? ["ASOF_PASSWORD_COMMAND": command.testDescription] : [:]
            let output = try store.run(["views"] + arguments, environment: environment)
            #expect(output.status == (command.error == nil ? 0 : 1), "\(output.error)")
            if let error = command.error {
                #expect(output.error.contains("--password-command \(error)"), "\(output.error)")
            }
            #expect(!(output.out + output.error).contains("geheim"))
        }
    }
}
