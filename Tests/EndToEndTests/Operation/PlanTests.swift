import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// What a plan says before somebody agrees to it, and for how long that is agreed.
@Suite struct PlanTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { clicks: int64, ctr: float64 } }
          gone: { entities: [user], features: { a: int64 } }
        services:
          rank: [stats.clicks, stats.ctr]
          old: [gone.a]
          kept: [stats.clicks]
        models:
          like: { service: rank, task: binary, label: liked }
        """

    private static let pruned = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { clicks: int64 } }
        services:
          rank: [stats.clicks]
          kept: [stats.clicks]
        models:
          like: { service: rank, task: binary, label: liked }
        """

    @Test func `what answers no more is listed before the question`() throws {
        let work = try Workplace(Self.yaml)
        try work.session.execute(
            """
            INSERT INTO asof.model_versions (model, version, service, service_version, fingerprint, rules, algorithm, artifact,
                artifact_bytes, signature, base, manifest, metrics, state, batch)
            SELECT 'like', n, 'rank', 1, '', '', 'linear', '', 0, '{"task": "binary", "inputs": [], "classes": []}', '{}', '{}', '{}',
                CASE n WHEN 1 THEN 'retired' ELSE 'ready' END,
                (SELECT batch FROM asof.batches ORDER BY position LIMIT 1) FROM generate_series(1, 2) n;
            UPDATE asof.batches SET view = -1, kind = 'model' WHERE position = 1
            """
        )
        _ = try work.scratch.write("features.yaml", Self.pruned)
        let plan = try work.asof(["plan", "--prune"]).out
        let lines = plan.split(separator: "\n").map(String.init)
        #expect(lines.contains("  service  rank@1") && lines.contains("  service  old@1"), "\(plan)")
        #expect(lines.contains("  service  old") && !plan.contains("kept@1"), "\(plan)")
        #expect(lines.contains("  model  like@2") && !plan.contains("like@1"), "\(plan)")
        let asked = try work.asof(["apply", "--prune", "--allow-retire"], expecting: 1, input: "n\n")
        #expect(asked.out.contains("  service  rank@1\n") && asked.out.contains("  model  like@2\n"), "\(asked.out)")
        let json = try work.asof(["plan", "--prune", "--format", "json"]).out
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let stopped = object["stopped"] as? [String: [String]]
        #expect(stopped == ["services": ["old", "old@1", "rank@1"], "models": ["like@2"]])
        let markdown = try work.asof(["plan", "--prune", "--format", "markdown"]).out
        #expect(markdown.contains("| `x` | service `rank@1` |") && markdown.contains("| `x` | model `like@2` |"))
        // Hidden and not deleted: versions go on.
        let retired = try work.asof(["plan"]).out
        #expect(retired.contains("  service  old  (its versions go on)") && !retired.contains("rank@1"), "\(retired)")
    }

    /// Two teams: `b` reads what `a` has.
    private static func teams() throws -> Workplace {
        let work = try Workplace("views: { plain: { entities: [], features: { x: int64 } } }\n")
        _ = try work.scratch.write(
            "a.yaml",
            """
            project: team_a
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], ttl: 30d, features: { clicks: int64, ctr: float32 } } }
            """
        )
        _ = try work.scratch.write(
            "b.yaml",
            """
            project: team_b
            views: { mine: { entities: [user], features: { y: int64 } } }
            services: { best: [mine.y, stats.ctr] }
            """
        )
        for file in ["a.yaml", "b.yaml"] { try work.asof(["apply", file, "--yes"]) }
        return work
    }

    private static func edit(_ work: Workplace, _ file: String, _ old: String, _ new: String) throws {
        let path = work.scratch.path + "/" + file
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try #require(text.contains(old))
        _ = try work.scratch.write(file, text.replacing(old, with: new))
    }

    @Test func `a plan that was agreed to holds while nothing that it reads or changes is another`() throws {
        let work = try Self.teams()
        try Self.edit(work, "b.yaml", "y: int64", "y: int64, z: int64")
        _ = try work.scratch.write("plan.json", try work.asof(["plan", "b.yaml", "--format", "json"]).out)
        // Another team goes on with what is its own alone.
        try Self.edit(work, "a.yaml", "clicks: int64", "clicks: int64, more: int64")
        try work.asof(["apply", "a.yaml", "--yes"])
        let applied = try work.asof(["apply", "b.yaml", "--plan", "plan.json", "--yes"])
        #expect(applied.out.contains("+ feature  mine.z") && applied.out.contains("applied: "), "\(applied.out)")
        // Done once, it is another plan.
        let again = try work.asof(["apply", "b.yaml", "--plan", "plan.json", "--yes"], expecting: 1)
        #expect(again.error.contains("the plan is another; plan again"), "\(again.error)")
    }

    @Test(
        arguments: [
            ("ctr: float32", "ctr: float64", "a type that its service reads"),
            ("ttl: 30d", "ttl: 7d", "a rule of a view that its new service reads"),
        ]
    )
    func `what another team changes of what it reads makes it another plan`(old: String, new: String, _: String) throws
    {
        let work = try Self.teams()
        try Self.edit(work, "b.yaml", "[mine.y, stats.ctr]", "[mine.y, stats.ctr], second: [stats.ctr]")
        _ = try work.scratch.write("plan.json", try work.asof(["plan", "b.yaml", "--format", "json"]).out)
        try Self.edit(work, "a.yaml", old, new)
        try work.asof(["apply", "a.yaml", "--yes"])
        let refused = try work.asof(["apply", "b.yaml", "--plan", "plan.json", "--yes"], expecting: 1)
        #expect(
            refused.error.contains("nothing was applied: plan.json was made at definitions version"),
            "\(refused.error)"
        )
        #expect(refused.error.contains("the plan is another; plan again"), "\(refused.error)")
        #expect(try work.asof(["describe", "best"]).out.contains("second") == false)
    }

    @Test func `what the own project has applied since makes it another plan`() throws {
        let work = try Self.teams()
        try Self.edit(work, "b.yaml", "y: int64", "y: int64, z: int64")
        _ = try work.scratch.write("plan.json", try work.asof(["plan", "b.yaml", "--format", "json"]).out)
        try Self.edit(work, "b.yaml", "z: int64", "w: int64")
        try work.asof(["apply", "b.yaml", "--yes"])
        try Self.edit(work, "b.yaml", "w: int64", "z: int64")
        let refused = try work.asof(
            ["apply", "b.yaml", "--plan", "plan.json", "--yes", "--allow-retire"],
            expecting: 1
        )
        #expect(refused.error.contains("the plan is another; plan again"), "\(refused.error)")
        #expect(try work.asof(["describe", "mine"]).out.contains("w"))
    }

    @Test func `a file that still has a feature's old name is told the new one`() throws {
        let work = try Self.teams()
        try Self.edit(work, "a.yaml", "ctr: float32", "rate: { type: float32, was: ctr }")
        try work.asof(["apply", "a.yaml", "--yes"])
        for command in [["plan", "b.yaml"], ["apply", "b.yaml", "--yes"]] {
            let refused = try work.asof(command, expecting: 1)
            #expect(
                refused.error.contains("names an unknown feature 'ctr' of the view 'stats'; it is called 'rate' now"),
                "\(refused.error)"
            )
        }
        _ = try work.scratch.write("applied.json", try work.asof(["definitions", "--json"]).out)
        let validated = try AsofBinary.run(["validate", "b.yaml", "--against", "applied.json"], in: work.scratch.path)
        #expect(validated.status == 1 && validated.error.contains("it is called 'rate' now"), "\(validated.error)")
    }

    @Test func `a window that still has a feature's old name is told the new one`() throws {
        let work = try Workplace("views: { plain: { entities: [], features: { x: int64 } } }\n")
        let events = """
            project: team_a
            entities: { user: { key: user_id, type: int64 } }
            views: { visits: { entities: [user], events: { id: visit }, features: { visit: string, paid: float64 } } }
            """
        _ = try work.scratch.write("a.yaml", events)
        _ = try work.scratch.write(
            "b.yaml",
            """
            project: team_b
            views: { lately: { entities: [user], windows: { of: visits, features: { paid_1h: sum(paid) over 1h } } } }
            """
        )
        for file in ["a.yaml", "b.yaml"] { try work.asof(["apply", file, "--yes"]) }
        try Self.edit(work, "a.yaml", "paid: float64", "spent: { type: float64, was: paid }")
        try work.asof(["apply", "a.yaml", "--yes"])
        let refused = try work.asof(["plan", "b.yaml"], expecting: 1)
        #expect(refused.error.contains("; 'paid' is called 'spent' now"), "\(refused.error)")
    }

    @Test(arguments: ["", "# nothing yet\n", "views: {}\n"])
    func `definitions of nothing are no valid ones`(text: String) throws {
        let scratch = try Scratch()
        _ = try scratch.write("features.yaml", text)
        let refused = try AsofBinary.run(["validate"], in: scratch.path)
        #expect(refused.status == 1 && refused.error.contains("features.yaml defines nothing"), "\(refused)")
        _ = try scratch.write("features.yaml", "project: team_a\n" + text)
        #expect(try AsofBinary.run(["validate"], in: scratch.path).status == 0)
    }
}
