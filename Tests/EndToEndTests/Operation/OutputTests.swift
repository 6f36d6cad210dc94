import EmbeddedPostgres
import Foundation
import TestSupport
import Testing

/// How results look: help, tables, JSON, nothing with --quiet, and where they cannot be written.
@Suite(.serialized) struct OutputTests {
    static let store = Result {
        let store = try CommandLineStore()
        try store.write(
            "rows.csv",
            "user_id,event_time,clicks,ctr,name\n1,2026-01-01T00:00:00Z,1234567,0.5,\"two\nlines\t\"\n"
        )
        try store.succeed(["ingest", "stats", "rows.csv"])
        try store.write("spine.csv", "user_id,at\n1,2026-01-02T00:00:00Z\n")
        return store
    }

    private static let commands = [
        "init", "migrate", "plan", "apply", "views", "describe", "ingest", "get", "log", "export", "verify", "check",
    ]

    @Test func `help has six groups of at most 30 commands, and a group tells its rarer ones`() throws {
        let scratch = try Scratch()
        let help = try AsofBinary.run(["--help"], in: scratch.path)
        #expect(help.status == 0)
        let groups = ["Define", "Write", "Read", "Train", "Serve", "Operate"]
        var shown: Set<String> = []
        var group: String?
        for line in help.out.split(separator: "\n", omittingEmptySubsequences: false) {
            if let name = groups.first(where: { line == "\($0.uppercased()) SUBCOMMANDS:" }) { group = name }
            if line.isEmpty { group = nil }
            guard group != nil, line.hasPrefix("  "), !line.hasPrefix("   "),
                let name = line.split(separator: " ").first
            else { continue }
            #expect(shown.insert(String(name)).inserted, "\(name) stands in two groups")
        }
        #expect(
            shown.count <= 30 && shown.isSuperset(of: ["init", "ingest", "get", "train", "serve", "status"]),
            "\(help.out)"
        )
        var all: Set<String> = []
        for group in groups {
            let text = try AsofBinary.run(["help", group.lowercased()], in: scratch.path)
            #expect(text.status == 0)
            let names = text.out.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first }
            for name in names { #expect(all.insert(String(name)).inserted, "\(name) stands in two groups") }
        }
        #expect(all.isSuperset(of: shown) && all.isSuperset(of: ["migrate", "uri", "grant-sql", "replay"]), "\(all)")
        for command in all {
            #expect(try AsofBinary.run([command, "--help"], in: scratch.path).status == 0, "\(command)")
        }
        #expect(try AsofBinary.run(["help", "plan"], in: scratch.path).out.contains("USAGE: asof plan"))
    }

    @Test(arguments: commands) func `each command explains itself`(_ command: String) throws {
        let store = try Self.store.get()
        let output = try AsofBinary.run([command, "--help"], in: store.folder)
        #expect(output.status == 0)
        #expect(output.out.hasPrefix("OVERVIEW: "))
        #expect(output.out.contains("USAGE: asof \(command)"))
        #expect(output.out.contains("--database"))
        #expect(output.out.split(separator: "\n").allSatisfy { $0.count <= 120 || $0.hasPrefix("USAGE: ") })
    }

    @Test func `without a command the help is shown; --version is one line`() throws {
        let store = try Self.store.get()
        let bare = try AsofBinary.run([], in: store.folder)
        #expect(bare.status == 0)
        for command in Self.commands where command != "migrate" { #expect(bare.out.contains("\n  \(command) ")) }
        #expect(!bare.out.contains("_supervise"))
        let version = try AsofBinary.run(["--version"], in: store.folder)
        #expect(version.status == 0)
        #expect(version.out.split(separator: ".").count == 3)
    }

    @Test func `tables are for people: a first sentence, grouped numbers, one line a row`() throws {
        let store = try Self.store.get()
        let views = try store.succeed(["views"])
        #expect(views.contains("2026-01-01T00:00:00Z  What a user did lately.\n"))
        #expect(views.split(separator: "\n").allSatisfy { $0.count < 140 })
        let described = try store.succeed(["describe", "stats"])
        #expect(described.contains("for each\n           user who was there."))
        #expect(described.split(separator: "\n").allSatisfy { $0.count <= 100 })
        let got = try store.succeed(["get", "stats", "1"])
        #expect(got.contains(#"two\nlines\t"#))
        #expect(got.split(separator: "\n").count == 5)
    }

    @Test func `--json prints one valid object a line`() throws {
        let store = try Self.store.get()
        let export = [
            "export", "--spine", "spine.csv", "--label-time", "at", "--features", "ranking", "--out", "set.csv",
        ]
        let commands: [([String], Int)] = [
            (["views"], 5), (["log"], 2), (["get", "stats", "1", "2"], 2),
            (["ingest", "stats", "rows.csv", "rows.csv"], 2), (export, 1),
        ]
        for (command, count) in commands {
            let objects = try JSONObjects.parse(try store.succeed(command + ["--json"]))
            #expect(objects.count == count, "\(command)")
        }
        let got = try JSONObjects.parse(try store.succeed(["get", "stats", "1", "--json"]))
        let values = try #require(got[0]["values"] as? [String: Any])
        #expect(values["stats__name"] as? String == "two\nlines\t")
        #expect(values["stats__clicks"] as? Int == 1_234_567)
    }

    @Test func `--quiet prints nothing when all is well`() throws {
        let store = try Self.store.get()
        try store.write("more.csv", "user_id,event_time,clicks,ctr,name\n2,2026-01-01T00:00:00Z,1,0.5,b\n")
        #expect(try store.succeed(["ingest", "stats", "more.csv", "--quiet"]).isEmpty)
        let export = [
            "export", "--spine", "spine.csv", "--label-time", "at", "--features", "ranking", "--out", "quiet.csv",
        ]
        #expect(try store.succeed(export + ["--quiet"]).isEmpty)
        #expect(try store.succeed(["verify", "quiet.csv.manifest.json", "--quiet"]).isEmpty)
    }

    @Test func `results that cannot be written are an error; a reader that leaves is not talked about`() throws {
        let store = try Self.store.get()
        func shell(_ command: String) throws -> String {
            let script =
                "cd '\(store.folder)'; \(command.replacingOccurrences(of: "asof", with: "'\(AsofBinary.path)'")) 2>&1; echo $?"
            return try Subprocess.run(
                ["/bin/bash", "-c", "exec 3>&1; \(script)", store.conninfo],
                seconds: 60,
                checked: false
            ).output
        }
        let full = try shell("{ asof get stats 1 -d \"$0\" >/dev/full; }")
        #expect(full.contains("standard output cannot be written: No space left on device\n1"))
        // The reader has gone before anything is written.
        let closed = try shell(
            "{ mkfifo pipe; true <pipe & exec 4>pipe; wait $!; asof log -d \"$0\" >&4; true; }"
        )
        #expect(closed == "0\n" || closed == "0")
    }

    @Test func `on a terminal progress is one line that is rewritten, and gone at the end`() throws {
        let store = try Self.store.get()
        // Several batches, so that there is time for more than one look.
        let rows = (1...6_000).map { "\($0),2026-01-01T00:00:00Z,1\n" }.joined()
        try store.write("long.csv", "user_id,event_time,n\n" + rows)
        let command = [
            "'\(AsofBinary.path)'", "ingest", "daily", "long.csv", "--batch-rows", "100", "-d", "\\\"$ASOF_TEST\\\"",
        ]
        let script = "cd '\(store.folder)'; script -qec \"\(command.joined(separator: " "))\" /dev/null"
        let result = try Subprocess.run(
            ["/bin/sh", "-c", "export ASOF_TEST=\"$0\"; \(script)", store.conninfo],
            seconds: 60,
            checked: false
        )
        #expect(result.output.contains("\r\u{1B}[2Klong.csv: "))
        #expect(result.output.contains(" rows/s, 0 MiB"))
        #expect(result.output.contains("\r\u{1B}[2Klong.csv: 6,000 rows into view daily"))
        let plain = try store.run(["ingest", "daily", "long.csv", "--again", "--batch-rows", "100"])
        #expect(plain.status == 0)
        #expect(plain.error.isEmpty)
    }
}
