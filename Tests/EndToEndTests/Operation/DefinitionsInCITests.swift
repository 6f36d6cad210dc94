import Foundation
import TestSupport
import Testing

/// Definitions checked, planned and applied by a pipeline.
@Suite struct DefinitionsInCITests {
    /// What is in force in the store of each test, with something of every kind, something retired, and old versions.
    private static let steps = [
        """
        entities: { user: { key: user_id, type: int64, owner: web }, site: { key: site, type: string } }
        views:
          gone: { entities: [user], features: { a: int64 } }
          stats: { entities: [user], ttl: 30d, features: { clicks: int64, ctr: float64, old: string } }
          visits: { entities: [site], events: { id: visit }, features: { visit: string, seconds: float64 } }
          traffic: { entities: [site], windows: { of: visits, features: { n_1h: count over 1h } } }
        services:
          rank: [stats.clicks, stats.ctr]
          left: [gone.a]
          busy: [traffic.n_1h, { request: hour, type: int64 }, { derive: late, from: "hour > 20" }]
        models:
          like: { service: rank, task: binary, label: liked }
        """,
        """
        entities: { user: { key: user_id, type: int64, owner: web }, site: { key: site, type: string } }
        views:
          stats: { entities: [user], ttl: 7d, features: { clicks: int64, ctr: float64 } }
          visits: { entities: [site], events: { id: visit }, features: { visit: string, seconds: float64 } }
          traffic: { entities: [site], windows: { of: visits, features: { n_1h: count over 1h } } }
        services:
          rank: [stats.clicks, stats.ctr]
          busy: [traffic.n_1h, { request: hour, type: int64 }, { derive: late, from: "hour > 20" }]
        models:
          like: { service: rank, task: binary, label: liked }
        """,
    ]
    private static let applied = steps[1]

    /// Edits of what is applied: safe, retiring and refused ones, of each kind of definition.
    private static let edits: [(String, String)] = [
        ("", ""),
        ("ctr: float64 }", "ctr: float64, more: int64 }"),
        ("clicks: int64, ctr", "clicks: string, ctr"),
        ("ttl: 7d", "ttl: 30d"),
        ("ctr: float64 }", "ctr: float64, old: string }"),
        ("ctr: float64 }", "ctr: float64, old: int64 }"),
        ("  stats:", "  gone: { entities: [user], features: { a: int64 } }\n  stats:"),
        ("  stats:", "  gone: { entities: [user], features: { a: string } }\n  stats:"),
        ("[stats.clicks, stats.ctr]", "[stats.ctr]"),
        ("count over 1h", "count over 2h"),
        ("hour > 20", "hour > 21"),
        ("  rank:", "  left: [stats.ctr]\n  rank:"),
        ("label: liked", "label: loved"),
        ("owner: web", "owner: apps"),
        ("key: user_id", "key: uid"),
        ("type: int64, owner", "type: string, owner"),
    ]

    private static func work() throws -> Workplace {
        let work = try Workplace(steps[0])
        _ = try work.scratch.write("features.yaml", applied)
        try work.asof(["apply", "--yes", "--allow-retire"])
        return work
    }

    /// Runs `asof` where there is no store, and none is to be found.
    private static func withoutStore(_ work: Workplace, _ arguments: [String]) throws -> AsofBinary.Output {
        try AsofBinary.run(
            arguments,
            in: work.scratch.path,
            environment: ["ASOF_DATABASE": "host=/nowhere", "PGHOST": "/nowhere"]
        )
    }

    private static func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func `a plan against a dump is the plan against the store, for every kind of change`() throws {
        let work = try Self.work()
        let dump = try work.asof(["definitions", "--json"]).out
        _ = try work.scratch.write("applied.json", dump)
        #expect(try work.asof(["definitions", "--json"]).out == dump)
        for (old, new) in Self.edits {
            let yaml = old.isEmpty ? Self.applied : Self.applied.replacing(old, with: new)
            try #require(old.isEmpty || yaml != Self.applied)
            for project in ["", "project: team_a\n"] {
                _ = try work.scratch.write("features.yaml", project + yaml)
                for format in ["text", "json", "markdown"] {
                    let arguments = ["plan", "--format", format, "--detailed-exitcode"]
                    let here = try work.asof(arguments, expecting: nil)
                    let there = try Self.withoutStore(work, arguments + ["--against", "applied.json"])
                    #expect(here.status == there.status && here.out == there.out, "\(new): \(there.out)\(there.error)")
                    #expect(
                        !here.out.isEmpty && [0, 1, 2].contains(here.status) && here.error.isEmpty,
                        "\(here.error)"
                    )
                    let refused = format == "text" ? here.out.contains("\n! ") || here.out.hasPrefix("! ") : nil
                    if let refused { #expect((here.status == 1) == refused, "\(here.out)") }
                }
            }
        }
    }

    @Test func `what a plan without the store cannot count is told in every format, and what it can is in all of them`()
        throws
    {
        let yaml = """
            entities: { user: { key: user_id, type: int64 } }
            views:
              wide: { entities: [user], features: { n: int32 } }
              off: { entities: [user], online: false, features: { n: int64 } }
              same: { entities: [user], features: { n: int64 } }
            """
        let work = try Workplace(yaml)
        _ = try work.scratch.write("a.csv", "user_id,t,n\n1,2026-01-01,1\n2,2026-01-01,2\n")
        for view in ["wide", "off"] { try work.asof(["ingest", view, "a.csv", "--event-time", "t"]) }
        _ = try work.scratch.write("applied.json", try work.asof(["definitions", "--json"]).out)
        let changed =
            yaml.replacing("int32", with: "int64").replacing("online: false, ", with: "")
            + "\n  new: { entities: [user], ttl: 3d, features: { a: int64, b: string } }\n"
        _ = try work.scratch.write("features.yaml", changed)
        let formats = ["text", "json", "markdown"]
        let here = try formats.map { try work.asof(["plan", "--format", $0]).out }
        #expect(here[0].contains("made of 2 rows of history") && here[0].contains("n int32 -> int64"), "\(here[0])")
        #expect(here[2].contains("2 rows of history") && here[2].contains("`n` int32 → int64 | 2 |"), "\(here[2])")
        #expect(here[0].contains("new: a int64, b string; ttl 3d"), "\(here[0])")
        #expect(here[2].contains("| `new` | a int64, b string; ttl 3d |"), "\(here[2])")
        let there = try formats.map {
            try Self.withoutStore(work, ["plan", "--format", $0, "--against", "applied.json"]).out
        }
        for view in ["wide", "off"] {
            let told = "\(view): its tables are written anew or made of its history; how many rows that are"
            #expect(there[0].contains(told) && there[2].contains(told), "\(there[0])\(there[2])")
            #expect(!here[0].contains(told) && !here[2].contains(told))
        }
        #expect(!there[0].contains("same:") && !there[0].contains("new: its"))
        #expect(try Self.json(there[1])["uncounted"] as? [String] == ["wide", "off"])
        #expect(try Self.json(here[1])["uncounted"] as? [String] == [])
    }

    @Test func `exit codes tell nothing, changes and errors apart`() throws {
        let work = try Self.work()
        let plan = ["plan", "--detailed-exitcode"]
        #expect(try work.asof(plan).out == "no changes\n")
        _ = try work.scratch.write("features.yaml", Self.applied.replacing("ttl: 7d", with: "ttl: 8d"))
        try work.asof(plan, expecting: 2)
        try work.asof(["plan"], expecting: 0)
        _ = try work.scratch.write("features.yaml", Self.applied.replacing("clicks: int64", with: "clicks: string"))
        try work.asof(plan, expecting: 1)
        _ = try work.scratch.write("features.yaml", "views: 1")
        try work.asof(plan, expecting: 1)
        try work.asof(plan + ["--fromat", "json"], expecting: 1)
        try work.asof(["plan", "--format", "xml"], expecting: 2)
        try work.asof(plan + ["--prune", "--against", "applied.json"], expecting: 1)
        try work.asof(["plan", "--against", "applied.json"], expecting: 1)
        _ = try work.scratch.write("applied.json", "{}")
        let empty = try work.asof(["plan", "--against", "applied.json"], expecting: 1)
        #expect(empty.error.contains("applied.json: field 'format'"), "\(empty.error)")
        let dump = try work.asof(["definitions", "--json"]).out
        _ = try work.scratch.write("applied.json", dump.replacing("asof-definitions-1", with: "asof-definitions-9"))
        _ = try work.scratch.write("features.yaml", Self.applied)
        let newer = try work.asof(["plan", "--against", "applied.json"], expecting: 1)
        #expect(newer.error.contains("'asof-definitions-9'"), "\(newer.error)")
    }

    @Test func `what was reviewed is what is applied`() throws {
        let work = try Self.work()
        let apply = ["apply", "--yes", "--plan", "plan.json"]
        #expect(try work.asof(apply, expecting: 1).error.contains("cannot read plan.json"))
        _ = try work.scratch.write("plan.json", "hello")
        #expect(try work.asof(apply, expecting: 1).error.contains("plan.json is no plan: make one with"))
        let changed = Self.applied.replacing("ctr: float64 }", with: "ctr: float64, more: int64 }")
        _ = try work.scratch.write("features.yaml", changed)
        let text = try work.asof(["plan", "--format", "json"]).out
        _ = try work.scratch.write("plan.json", text)
        let plan = try Self.json(text)
        let changes = try #require(plan["changes"] as? [[String: Any]])
        #expect(changes.count == 1 && changes[0]["name"] as? String == "stats.more", "\(text)")
        #expect(plan["refused"] as? Bool == false && plan["definitions_version"] as? Int == 2)

        // Other files, other options.
        _ = try work.scratch.write("features.yaml", changed.replacing("more", with: "most"))
        #expect(
            try work.asof(apply, expecting: 1).error.contains("are not those that plan.json was made of; plan again")
        )
        _ = try work.scratch.write("features.yaml", changed)
        #expect(
            try work.asof(apply + ["--prune"], expecting: 1).error.contains("are not those that plan.json was made")
        )

        // Another store.
        let other = try Self.work()
        _ = try other.scratch.write("features.yaml", changed)
        _ = try other.scratch.write("plan.json", text)
        #expect(try other.asof(apply, expecting: 1).error.contains("plan.json was made for store"))

        // Comments are no definitions.
        _ = try work.scratch.write("features.yaml", "# reviewed\n" + changed)
        #expect(try work.asof(apply).out.contains("applied: definitions version 3"))
        // What was planned once is not applied twice, nor after others.
        _ = try work.scratch.write("features.yaml", changed)
        let again = try work.asof(apply, expecting: 1).error
        #expect(
            again.contains("was made at definitions version 2, and with version 3, which is in force, "),
            "\(again)"
        )
        #expect(try work.asof(["plan", "--detailed-exitcode"]).out == "no changes\n")
    }

    @Test func `services that get another version are named with their fingerprints, and the models that read them`()
        throws
    {
        let work = try Self.work()
        _ = try work.scratch.write("features.yaml", Self.applied.replacing("ttl: 7d", with: "ttl: 30d"))
        let plan = try Self.json(try work.asof(["plan", "--format", "json"]).out)
        let services = try #require(plan["services"] as? [[String: Any]])
        // As it was at first: the version comes back.
        #expect(services.map { $0["name"] as? String } == ["rank"] && services.map { $0["version"] as? Int } == [1])
        #expect(plan["models"] as? [String] == ["like"])
        _ = try work.scratch.write("features.yaml", Self.applied.replacing("label: liked", with: "label: loved"))
        let none = try Self.json(try work.asof(["plan", "--format", "json"]).out)
        #expect((none["services"] as? [Any])?.isEmpty == true && (none["models"] as? [Any])?.isEmpty == true)
    }

    @Test func `Markdown is as a reviewer reads it, and text in it is no markup`() throws {
        let work = try Self.work()
        let yaml = Self.applied.replacing("hour > 20", with: "hour > 21 or hour * 2 > 40")
            .replacing("ctr: float64 }", with: "ctr: float64, more: int64 }")
        _ = try work.scratch.write("features.yaml", yaml)
        let text = try work.asof(["plan", "--format", "markdown"]).out
        #expect(text.hasPrefix("### asof plan: 1 added, 1 changed\n\n|  | what | name | change |\n| --- |"), "\(text)")
        #expect(text.contains("| `+` | feature | `stats.more` | int64 |\n"), "\(text)")
        #expect(text.contains("hour \\* 2 \\> 40"), "\(text)")
        #expect(text.contains("| service | version | fingerprint | rules |\n"), "\(text)")
        #expect(text.contains("<sub>Against definitions version 2 of store "), "\(text)")

        // What does not fit into a comment is counted.
        let many = (0..<900).map { "f\($0): int64" }.joined(separator: ", ")
        _ = try work.scratch.write(
            "features.yaml",
            Self.applied.replacing("ctr: float64 }", with: "ctr: float64, \(many) }")
        )
        let long = try work.asof(["plan", "--format", "markdown"]).out
        #expect(long.utf8.count < 60_000 && long.contains(" more; `asof plan` shows all.\n"))
    }

    @Test func `definitions are validated without a store, for people, programs and pull requests`() throws {
        let work = try Self.work()
        let valid = try Self.withoutStore(work, ["validate"])
        #expect(
            valid.status == 0
                && valid.out == "features.yaml: 2 entities, 3 views, 2 services, 1 model\n",
            "\(valid.out)\(valid.error)"
        )
        #expect(
            try Self.withoutStore(work, ["validate", "--format", "json"]).out
                == #"{"file":"features.yaml","valid":true}"# + "\n"
        )
        let yaml = Self.applied.replacing("hour > 20", with: "hour >").replacing(
            "[stats.clicks, stats.ctr]",
            with: "[stats.clics]"
        )
        _ = try work.scratch.write("features.yaml", yaml)
        let text = try Self.withoutStore(work, ["validate"])
        let lines = text.error.split(separator: "\n")
        #expect(
            text.status == 1 && lines.count == 2 && lines.allSatisfy { $0.hasPrefix("features.yaml:") },
            "\(text.error)"
        )
        let github = try Self.withoutStore(work, ["validate", "--format", "github"])
        #expect(github.status == 1 && github.out.hasPrefix("::error file=features.yaml,line=7,col="), "\(github.out)")
        #expect(github.out.split(separator: "\n").count == 2)
        let json = try Self.withoutStore(work, ["validate", "--format", "json"])
        let issue = try Self.json(String(try #require(json.out.split(separator: "\n").first)))
        #expect(
            json.status == 1 && issue["line"] as? Int == 7 && issue["file"] as? String == "features.yaml",
            "\(json.out)"
        )
        #expect(try Self.withoutStore(work, ["validate", "nothing.yaml"]).error.contains("cannot read nothing.yaml"))
    }

    @Test func `a team's file that names what another team has is validated with what is in force`() throws {
        let work = try Workplace("project: team_a\n" + Workplace.yaml())
        _ = try work.scratch.write("b.yaml", "project: team_b\nservices: { best: [stats.id] }\n")
        _ = try work.scratch.write("applied.json", try work.asof(["definitions", "--json"]).out)
        let alone = try Self.withoutStore(work, ["validate", "b.yaml"])
        #expect(
            alone.status == 1 && alone.error.contains("names of other projects are known with --against"),
            "\(alone.error)"
        )
        let both = try Self.withoutStore(work, ["validate", "b.yaml", "--against", "applied.json"])
        #expect(both.status == 0 && both.out == "b.yaml: 1 service\n", "\(both.error)")
        let table = try work.asof(["definitions"]).out
        #expect(table.hasPrefix("definitions version 1\n") && table.contains("team_a"), "\(table)")
    }

    @Test func `the commands of the workflow for GitHub do what it says`() throws {
        let work = try Workplace()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let workflow = try String(contentsOf: root.appendingPathComponent("packaging/ci/github.yml"), encoding: .utf8)
        let commands = workflow.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.hasPrefix("asof ") }
        #expect(commands.count == 6)
        _ = try work.scratch.write("applied.json", try work.asof(["definitions", "--json"]).out)
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, more: float64"))
        try FileManager.default.createDirectory(atPath: work.scratch.path + "/tests", withIntermediateDirectories: true)
        _ = try work.scratch.write(
            "tests/a.yaml",
            "tests: { a: { when: { get: stats, rows: [{ user_id: 7 }] }, then: [{ stats__more: null }] } }"
        )
        let binary = URL(fileURLWithPath: AsofBinary.path).deletingLastPathComponent().path
        for command in commands {
            // The first three have no secret.
            let isReview = command.contains("--against") || command.hasPrefix("asof test")
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", command]
            process.currentDirectoryURL = URL(fileURLWithPath: work.scratch.path)
            process.environment = [
                "PATH": "\(binary):/usr/bin:/bin", "ASOF_DATABASE": isReview ? "host=/nowhere" : work.conninfo,
                "TMPDIR": "/tmp",
            ]
            process.standardOutput = Pipe()
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(command)")
        }
        let comment = try String(contentsOfFile: work.scratch.path + "/plan.md", encoding: .utf8)
        #expect(comment.contains("| `+` | feature | `stats.more` | float64 |"), "\(comment)")
        #expect(try work.asof(["plan"]).out == "no changes\n")
    }
}
