import Features
import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Two teams with a folder each and one store.
@Suite struct ProjectCommandTests {
    /// Files of both teams, in folders of one scratch folder.
    private static func teams() throws -> Workplace {
        let work = try Workplace("views: { plain: { entities: [], features: { x: int64 } } }\n")
        try write(
            work,
            [
                "a/features.yaml": "project: team_a\ninclude: [views/*.yaml, services.yaml]\n",
                "a/views/user.yaml": """
                entities: { user: { key: user_id, type: int64, description: Registered } }
                views:
                  stats: { entities: [user], features: { clicks: int64, ctr: float64 } }
                """,
                "a/views/site.yaml": "views: { site: { entities: [], features: { load: float64 } } }\n",
                "a/services.yaml": "services: { rank: [stats.*, site.load] }\n",
                "b/features.yaml": """
                project: team_b
                views:
                  mine: { entities: [user], features: { y: int64 } }
                services:
                  best: [mine.y, stats.clicks]
                """,
            ]
        )
        return work
    }

    private static func write(_ work: Workplace, _ files: [String: String]) throws {
        for (path, text) in files {
            let url = URL(fileURLWithPath: work.scratch.path + "/" + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
    }

    private static func edit(_ work: Workplace, _ path: String, _ old: String, _ new: String) throws {
        let file = work.scratch.path + "/" + path
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try #require(text.contains(old))
        try Data(text.replacing(old, with: new).utf8).write(to: URL(fileURLWithPath: file))
    }

    @Test func `two teams share a store: each sees, changes and retires its own`() throws {
        let work = try Self.teams()
        let (a, b) = (["apply", "a/features.yaml", "--yes"], ["apply", "b/features.yaml", "--yes"])
        // team_b comes too early: what it uses is not there.
        let early = try work.asof(b, expecting: 1)
        #expect(
            early.error.contains("b/features.yaml:3:22: view 'mine' names an unknown entity 'user'"),
            "\(early.error)"
        )
        let first = try work.asof(a).out
        #expect(first.hasPrefix("project team_a:\n+ entity"), "\(first)")
        #expect(!first.contains("plain") && first.contains("+ service  rank"), "\(first)")
        try work.asof(b)
        try work.asof(
            ["ingest", "stats", "-", "--format", "csv"],
            input: "user_id,event_time,clicks,ctr\n7,2024-01-01,3,0.5\n"
        )
        try work.asof(["ingest", "mine", "-", "--format", "csv"], input: "user_id,event_time,y\n7,2024-01-01,1\n")
        #expect(try work.asof(["get", "best", "7"]).out.contains("stats__clicks"))
        for plan in [["plan", "a/features.yaml"], ["plan", "b/features.yaml"], ["plan"]] {
            #expect(try work.asof(plan).out.hasSuffix("no changes\n"))
        }

        // What is whose.
        let views = try work.asof(["views"]).out
        #expect(views.contains("project") && views.contains("team_a") && views.contains("team_b"), "\(views)")
        #expect(try work.asof(["describe", "mine"]).out.contains("project    team_b\n"))
        #expect(try work.asof(["describe", "rank"]).out.contains("project      team_a\n"))
        #expect(try work.asof(["describe", "plain"]).out.contains("project    none\n"))
        let objects = try work.asof(["views", "--json"]).out.split(separator: "\n").map(String.init)
        #expect(
            objects.contains { $0.contains(#""view":"stats""#) && $0.contains(#""project":"team_a""#) },
            "\(objects)"
        )

        // team_b changes what is team_a's.
        try Self.edit(
            work,
            "b/features.yaml",
            "views:\n",
            "views:\n  stats: { entities: [user], features: { clicks: int64 } }\n"
        )
        for command in [["plan", "b/features.yaml"], b] {
            let refused = try work.asof(command, expecting: 1)
            #expect(refused.out.contains("! view     stats  belongs to the project 'team_a'"), "\(refused.out)")
            #expect(refused.out.contains("take it out at b/features.yaml:3:3 and use it as it is"), "\(refused.out)")
        }
        try Self.edit(work, "b/features.yaml", "  stats: { entities: [user], features: { clicks: int64 } }\n", "")

        // team_a retires what team_b uses.
        try Self.edit(work, "a/views/user.yaml", "clicks: int64, ", "")
        let used = try work.asof(a + ["--allow-retire"], expecting: 1)
        #expect(
            used.out.contains("! feature  stats.clicks  in use: service 'best' of the project 'team_b'"),
            "\(used.out)"
        )

        // team_b retires its own; team_a's is untouched, and then team_a may.
        try Self.edit(work, "b/features.yaml", "[mine.y, stats.clicks]", "[mine.y]")
        try work.asof(b)
        #expect(try work.asof(a, expecting: 1).error.contains("say --allow-retire"))
        try work.asof(a + ["--allow-retire"])
        try Self.edit(
            work,
            "b/features.yaml",
            "  mine: { entities: [user], features: { y: int64 } }\n",
            "  other: { entities: [user], features: { z: int64 } }\n"
        )
        try Self.edit(work, "b/features.yaml", "[mine.y]", "[stats.ctr]")
        let retired = try work.asof(b + ["--allow-retire"]).out
        #expect(retired.contains("- view     mine") && !retired.contains("stats.ctr  "), "\(retired)")
        #expect(try work.asof(["get", "rank", "7"]).out.contains("0.5"))
        try work.asof(["check"])
    }

    @Test func `what was applied before there were projects is adopted by its team`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("team.yaml", "project: team_a\n" + Workplace.yaml())
        let refused = try work.asof(["apply", "team.yaml", "--yes"], expecting: 1)
        #expect(refused.out.contains("! view     stats  was applied without a project; say --adopt"), "\(refused.out)")
        #expect(
            try work.asof(["plan", "team.yaml", "--adopt"]).out.contains(
                "~ view     stats  no project -> the project 'team_a'"
            )
        )
        #expect(
            try work.asof(["plan", "features.yaml", "--adopt"], expecting: 2).error.contains(
                "features.yaml names no project"
            )
        )
        #expect(try work.asof(["describe", "stats"]).out.contains("project") == false)
        try work.asof(["apply", "team.yaml", "--yes", "--adopt"])
        #expect(try work.asof(["describe", "stats"]).out.contains("project    team_a"))
        #expect(try work.asof(["plan", "team.yaml"]).out == "project team_a:\nno changes\n")
        // The file of before is told that they are not its own any more.
        #expect(
            try work.asof(["apply", "--yes"], expecting: 1).out.contains(
                "! view     stats  belongs to the project 'team_a'"
            ) == true
        )
    }

    @Test func `another project's apply in between makes the plan anew, and it lands`() throws {
        let work = try Self.teams()
        try work.asof(["apply", "a/features.yaml", "--yes"])
        // The plan is shown, and then apply waits for the lock that another apply holds.
        let other = try Session(conninfo: work.conninfo)
        try other.begin(.write)
        try other.lock(AdvisoryLock.definitions)
        let running = try work.start(["apply", "b/features.yaml", "--yes"])
        // An apply that came later would plan once, and from the other's definitions.
        try #require(try Self.isWaiting(work))
        try other.execute(
            """
            INSERT INTO asof.definitions (version, project, document) SELECT version + 1, 'team_c', document
            FROM asof.definitions ORDER BY version DESC LIMIT 1
            """
        )
        try other.commit()
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 0 && output.out.contains("The plan is now:"), "\(output.out)\(output.error)")
        #expect(output.out.contains("applied: definitions version 4"), "\(output.out)")
        #expect(try work.asof(["plan", "a/features.yaml"]).out.contains("no changes"))
    }

    @Test(arguments: [true, false])
    func `on a terminal the same plan is asked for once, another one again`(isSame: Bool) throws {
        let work = try Self.teams()
        for team in ["a", "b"] { try work.asof(["apply", "\(team)/features.yaml", "--yes"]) }
        try Self.edit(work, "b/features.yaml", "y: int64", "y: int64, more: int64")
        let other = try Session(conninfo: work.conninfo)
        try other.begin(.write)
        try other.lock(AdvisoryLock.definitions)
        // Both answers are there from the start, and what is said goes to a file: nothing depends on when `script` passes on the
        // end of its input, or takes the last of what a program said.
        let running = try AsofBinary.start(
            [],
            in: work.scratch.path,
            environment: ["ASOF_DATABASE": work.conninfo],
            input: "y\nn\n",
            shell: #"script -qec "'$0' apply b/features.yaml >said 2>&1" /dev/null"#
        )
        // An apply that came later would plan once, and from the other's definitions.
        try #require(try Self.isWaiting(work))
        let document =
            isSame ? "document" : #"replace(document::text, '"missing": "error"', '"missing": "null"')::jsonb"#
        try other.execute(
            """
            INSERT INTO asof.definitions (version, project, document) SELECT version + 1, 'team_b', \(document)
            FROM asof.definitions ORDER BY version DESC LIMIT 1
            """
        )
        try other.commit()
        running.waitUntilExit()
        let status = running.output().status
        let said = try String(contentsOfFile: work.scratch.path + "/said", encoding: .utf8)
        #expect(status == (isSame ? 0 : 1), "\(said)")
        #expect(said.components(separatedBy: "[y/N]").count == (isSame ? 2 : 3), "\(said)")
        #expect(said.contains(isSame ? "applied: definitions version 5" : "~ view     mine"), "\(said)")
        #expect(try work.ask("SELECT max(version) FROM asof.definitions") == (isSame ? "5" : "4"))
    }

    /// Whether an apply waits for the lock of the definitions.
    private static func isWaiting(_ work: Workplace) throws -> Bool {
        try work.session.isSomebodyBlocked(by: "advisory")
    }

    @Test func `a team that leaves retires all it has with a file of its project alone`() throws {
        let work = try Self.teams()
        for team in ["a", "b"] { try work.asof(["apply", "\(team)/features.yaml", "--yes"]) }
        _ = try work.scratch.write("leave.yaml", "project: team_a\n")
        let used = try work.asof(["plan", "leave.yaml"], expecting: 1).out
        #expect(used.contains("! view     stats  in use") && used.contains("! entity   user   in use"), "\(used)")
        _ = try work.scratch.write("leave.yaml", "project: team_b\n")
        #expect(try work.asof(["apply", "leave.yaml", "--yes"], expecting: 1).error.contains("say --allow-retire"))
        try work.asof(["apply", "leave.yaml", "--yes", "--allow-retire", "--prune"])
        #expect(try work.ask("SELECT string_agg(name, ' ' ORDER BY name) FROM asof.views") == "plain site stats")
        let later = "project: team_c\nviews: { mine: { entities: [user], features: { y: string } } }\n"
        _ = try work.scratch.write("later.yaml", later)
        #expect(try work.asof(["apply", "later.yaml", "--yes"]).out.contains("+ view     mine"))
        #expect(try work.asof(["describe", "mine"]).out.contains("project    team_c\n"))
    }

    @Test func `files are found on disk: links are followed, and what cannot be read is named`() throws {
        let work = try Self.teams()
        let path = work.scratch.path
        try Self.write(work, ["shared/site.yaml": "views: { site: { entities: [], features: { load: float64 } } }\n"])
        try FileManager.default.removeItem(atPath: path + "/a/views/site.yaml")
        try FileManager.default.createSymbolicLink(
            atPath: path + "/a/views/site.yaml",
            withDestinationPath: "../../shared/site.yaml"
        )
        // The same file by two names is read once.
        try Self.edit(work, "a/features.yaml", "services.yaml", "services.yaml, ../shared/*.yaml")
        try work.asof(["apply", "a/features.yaml", "--yes"])
        try FileManager.default.removeItem(atPath: path + "/shared/site.yaml")
        let gone = try work.asof(["plan", "a/features.yaml"], expecting: 1)
        #expect(
            gone.error.contains("a/features.yaml:2:11: 'a/views/site.yaml' is no file, or a link to nothing"),
            "\(gone.error)"
        )
        #expect(gone.error.contains("the path '../shared/*.yaml' matches no file in a/"), "\(gone.error)")
        #expect(mkfifo(path + "/shared/pipe.yaml", 0o600) == 0)
        let pipe = try work.asof(["plan", "a/features.yaml"], expecting: 1)
        #expect(pipe.error.contains("'a/../shared/pipe.yaml' is no regular file"), "\(pipe.error)")
        try FileManager.default.removeItem(atPath: path + "/shared/pipe.yaml")
        try Self.write(work, ["shared/site.yaml": "\nviews: { site: { entities: [], features: { load: flot } } }\n"])
        let wrong = try work.asof(["plan", "a/features.yaml"], expecting: 1)
        #expect(
            wrong.error.contains(
                "a/views/site.yaml:2:50: the feature 'load' of view 'site' has the unknown type 'flot'"
            ),
            "\(wrong.error)"
        )
    }
}
