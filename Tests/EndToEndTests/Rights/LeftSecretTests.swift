import Foundation
import Glibc
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

/// A run that uses every kind of secret, and what it leaves: output, logs, files, what `ps` and PostgreSQL show meanwhile.
@Suite(.enabled(if: SecuredPostgres.isPossible, "apt install openssl")) struct LeftSecretTests {
    /// Looks at the arguments of all processes of this machine for a word, until it is stopped.
    private final class ProcessWatch: Sendable {
        private let found = Mutex<Set<String>>([])
        private let looks = Mutex(0)
        private let isOver = Mutex(false)

        init(for word: String) {
            Thread.detachNewThread { [self] in
                while !isOver.withLock({ $0 }) {
                    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
                    where Int32(name) != nil {
                        guard let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { continue }
                        let line = String(decoding: data, as: UTF8.self)
                        if line.contains(word) { found.withLock { _ = $0.insert(line) } }
                    }
                    looks.withLock { $0 += 1 }
                    Patience.pass(microseconds: 20_000, "so as not to take a processor")
                }
            }
        }

        func stop() -> (found: Set<String>, looks: Int) {
            isOver.withLock { $0 = true }
            return (found.withLock { $0 }, looks.withLock { $0 })
        }
    }

    /// Everything that was printed, by what printed it.
    private struct Printed {
        var texts: [(from: String, text: String)] = []

        mutating func add(_ from: String, _ text: String) { texts.append((from, text)) }
        mutating func add(_ from: [String], _ output: AsofBinary.Output) {
            add(from.joined(separator: " "), output.out + output.error)
        }
    }

    @Test func `no secret is in what is printed, logged, left in files, or shown by ps and PostgreSQL`() throws {
        let mark = "geheim\(UUID().uuidString.prefix(8))"
        let secrets = (
            postgres: "\(mark)-postgres", database: "\(mark)-database", ada: "\(mark)-ada", app: "\(mark)-app",
            next: "\(mark)-next",
            all: "\(mark)-default", wrong: "\(mark)-wrong"
        )
        let watch = ProcessWatch(for: mark)
        let postgres = try SecuredPostgres()
        let admin = try postgres.session()
        try admin.execute("CREATE ROLE serves LOGIN PASSWORD '\(secrets.postgres)'")
        try admin.execute("CREATE ROLE owns LOGIN SUPERUSER PASSWORD '\(secrets.database)'")
        try StoreRole.grant(admin, "serves", "writer")
        let place = try Scratch()
        let given = try Scratch()
        func secret(_ name: String, _ text: String) throws -> String {
            let file = try given.write(name, text + "\n")
            chmod(file, 0o600)
            return file
        }
        let word = try secret("word", secrets.postgres)
        let owner = try postgres.conninfo("owns")
        let database = try secret("database", "\(owner) password=\(secrets.database)")
        let (ada, all) = (try secret("ada", secrets.ada), try secret("all", secrets.all))
        try postgres.authority.issue("server", commonName: "localhost")
        _ = try place.write("rows.csv", "user_id,event_time,n\n1,2026-01-01T00:00:00Z,5\n")
        _ = try place.write("spine.csv", "user_id,at\n1,2026-02-01T00:00:00Z\n")
        let environment = ["ASOF_DATABASE_FILE": database]
        var printed = Printed()
        func run(_ words: [String], status: Int32 = 0, input: String = "", _ more: [String: String]? = nil) throws {
            let output = try AsofBinary.run(words, in: place.path, environment: more ?? environment, input: input)
            #expect(output.status == status, "\(words): \(output.error)")
            printed.add(words, output)
        }
        try run(["user", "add", "ada", "admin", "--password-file", ada])
        try run(["user", "add", "app", "reader", "--password-stdin"], input: secrets.app + "\n")
        try run(["user", "passwd", "app", "--password-stdin", "--overlap", "1d"], input: secrets.next + "\n")
        try run(["user", "add", "bad", "reader", "--password-stdin"], status: 1, input: secrets.wrong + "é\n")
        try run(["uri", "--redact"])
        // What is wrong with a connection is told without it.
        for text in [
            "\(owner) password=\(secrets.wrong)", "password=\(secrets.wrong) host",
            "postgresql://a:\(secrets.wrong)@[x/y",
        ] {
            try run(["views"], status: 1, ["ASOF_DATABASE_FILE": try secret("bad", text)])
        }
        let command = ["--password-command", "cat '\(word)'"]
        let served = try ServedAsof(
            [
                "-d", try postgres.conninfo("serves"), "--log-level", "trace", "--http", "127.0.0.1:0",
                "--password-file", all,
                "--tls-cert", postgres.authority.file("server.crt"), "--tls-key", postgres.authority.file("server.key"),
            ] + command,
            in: place.path
        )
        let plain = try ServedAsof(
            [
                "-d", try postgres.conninfo("serves"), "--log-level", "trace", "--http", "127.0.0.1:0",
                "--password-file", all,
            ] + command,
            in: place.path
        )
        let client = try plain.client()
        for attempt in [
            ["AUTH", "ada", secrets.wrong], ["AUTH", "nobody", secrets.wrong], ["AUTH", secrets.wrong],
            ["HELLO", "3", "AUTH", "app", secrets.wrong],
            ["AUTH", "default", secrets.all], ["AUTH", "app", secrets.app], ["AUTH", "app", secrets.next],
            ["CONFIG", "SET", "slowlog-log-slower-than", "0"],
            ["HELLO", "3", "AUTH", "ada", secrets.ada],
        ] {
            guard client.send(RespClient.request(attempt)) else { throw Trouble("the connection was lost") }
            printed.add("AUTH", "\(try client.reply())")
        }
        #expect(try client.run("ACL", "WHOAMI").text == "ada")
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "marks", "2", "*", "n", "5").integer != nil)
        for request in [
            "CLIENT LIST", "CLIENT INFO", "SLOWLOG GET -1", "INFO", "ACL LIST", "COMMAND DOCS AUTH", "CONFIG GET *",
        ] {
            printed.add(request, "\(try client.line(request))")
        }
        let http = try plain.httpPort()
        let basic = Data("app:\(secrets.next)".utf8).base64EncodedString()
        for (path, header) in [
            ("/metrics", "Basic \(basic)"), ("/v1/views", "Basic \(basic)"), ("/views", "Basic \(basic)"),
            ("/v1/views", "Bearer \(secrets.all)"),
            ("/v1/views", "Bearer \(secrets.wrong)"), ("/v1/views", "Digest \(secrets.wrong)"), ("/readyz", ""),
        ] {
            let answer = try HTTPProbe.ask(
                http,
                "GET",
                path,
                headers: header.isEmpty ? [] : [("Authorization", header)]
            )
            printed.add(path, answer.body + "\(answer.headers)")
        }
        // Of other sessions PostgreSQL shows names and statements.
        let shown = try admin.query(
            "SELECT string_agg(concat_ws(' ', application_name, query), E'\\n') FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        printed.add("pg_stat_activity", shown.text(0, 0) ?? "")
        try run(["ingest", "marks", "rows.csv"])
        try run(["export", "--spine", "spine.csv", "--label-time", "at", "--features", "marks.n", "--out", "set.csv"])
        for words in [
            ["verify", "set.csv"], ["user", "list", "--json"], ["audit", "--json"], ["audit"], ["status"], ["doctor"],
            ["log"], ["check"],
        ] {
            try run(words)
        }
        try run(["user", "remove", "app"])
        printed.add(["serve"], plain.stop())
        printed.add(["serve --tls-cert"], served.stop())
        printed.add("PostgreSQL's log", try String(contentsOfFile: postgres.cluster.log, encoding: .utf8))
        let files = FileManager.default.enumerator(atPath: place.path)?.allObjects as? [String] ?? []
        #expect(files.contains("set.csv"))
        for file in files {
            printed.add(
                "file \(file)",
                String(decoding: FileManager.default.contents(atPath: place.path + "/" + file) ?? Data(), as: UTF8.self)
            )
        }
        let processes = watch.stop()
        #expect(processes.looks > 10 && processes.found == [], "\(processes)")
        let key = try String(contentsOfFile: postgres.authority.file("server.key"), encoding: .utf8).split(
            separator: "\n"
        )[1]
        #expect(printed.texts.count > 30)
        for (from, text) in printed.texts {
            for word in [mark, basic, "SCRAM-SHA-256$", String(key)] {
                // Whose statement fails is PostgreSQL's to log; ours have none.
                #expect(!text.contains(word), "\(from) shows \(word)")
            }
        }
        // In the database there are verifiers, and no passwords.
        let kept = try admin.query("SELECT string_agg(u::text, ' ') FROM asof.users u").text(0, 0) ?? ""
        #expect(kept.contains("SCRAM-SHA-256$4096:") && !kept.contains(mark))
    }
}
