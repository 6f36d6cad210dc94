import Features
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// Definitions planned, applied and shown by calls.
@Suite struct ApplyWorkflowTests {
    private static func yaml(_ features: String, more: String = "") -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { \(features) } }
        \(more)
        """
    }

    private static func input(_ yaml: String, adopts: Bool = false) throws -> DefinitionsInput {
        try DefinitionsInput(Array(yaml.utf8), file: "features.yaml", from: MemoryFiles([:]), adopts: adopts)
    }

    private let store: TestStore
    private let open: OpenStore

    init() throws {
        store = try TestStore(Self.yaml("n: int64"))
        open = try OpenStore(store.conninfo, forWriting: true)
    }

    private func version() throws -> Int64 { try Registry.load(store.session).version }

    @Test func `a plan says what apply does, and apply does it`() throws {
        let input = try Self.input(Self.yaml("n: int64, x: float64"))
        let plan = try open.plan(input)
        #expect(plan.changes.map(\.line) == ["+ feature  stats.x  float64"])
        #expect(plan.refusal == nil && !plan.hasProjects && !plan.isEmpty)
        #expect(try version() == 1)
        let outcome = try #require(try open.apply(input))
        #expect(outcome.plan.changes == plan.changes && outcome.version == 2 && outcome.position == 2)
        let again = try #require(
            try open.apply(input) { _ in
                Issue.record("nothing is to be confirmed")
                return false
            }
        )
        #expect(again.plan.isEmpty && again.version == 2 && again.position == 0)
    }

    @Test func `what a killed apply left is removed by the next one, also where nothing changes`() throws {
        _ = try open.apply(
            try Self.input(
                Self.yaml("n: int64", more: "  off: { entities: [user], online: false, features: { n: int64 } }")
            )
        )
        _ = try OnlineTableBuild("off", store.session)
        #expect(try OnlineTableBuild.left(store.session).count == 1)
        let same = try Self.input(
            Self.yaml("n: int64", more: "  off: { entities: [user], online: false, features: { n: int64 } }")
        )
        #expect(try open.apply(same)?.plan.isEmpty == true)
        #expect(try OnlineTableBuild.left(store.session) == [])
    }

    @Test func `files that are included come from the reader that was given`() throws {
        let files = MemoryFiles(["more.yaml": "views:\n  other: { entities: [user], features: { z: int64 } }"])
        let text = "include: [more.yaml]\n" + Self.yaml("n: int64")
        let input = try DefinitionsInput(Array(text.utf8), file: "features.yaml", from: files)
        _ = try open.apply(input)
        #expect(try open.definitions().views.map(\.definition.name) == ["other", "stats"])
        #expect(throws: WorkflowError.refused("x.yaml is not valid UTF-8")) {
            _ = try DefinitionsInput([0xFF], file: "x.yaml", from: files)
        }
    }

    @Test func `what is not confirmed is not applied`() throws {
        let input = try Self.input(Self.yaml("n: int64, x: float64"))
        #expect(try open.apply(input) { _ in false } == nil)
        #expect(throws: WorkflowError.refused("no")) {
            _ = try open.apply(input) { _ in throw WorkflowError.refused("no") }
        }
        #expect(try version() == 1)
    }

    @Test func `changes that are refused, retire unasked or define nothing are refused before anybody is asked`() throws
    {
        func refusal(_ yaml: String, _ options: ApplyOptions = ApplyOptions(), adopts: Bool = false) throws -> String {
            let input = try Self.input(yaml, adopts: adopts)
            do {
                _ = try open.apply(input, options: options) { _ in
                    Issue.record("asked")
                    return true
                }
            } catch { return "\(error)" }
            return "nothing was refused"
        }
        let another = try refusal(Self.yaml("n: string"), ApplyOptions(prunes: false, allowsRetiring: true))
        #expect(another == "nothing was applied: the changes marked ! are refused")
        let retiring = Self.yaml("m: int64")
        #expect(try refusal(retiring).hasPrefix("nothing was applied: 1 change marked - would hide"))
        #expect(try refusal("views: {}").hasPrefix("features.yaml defines nothing"))
        #expect(try refusal(Self.yaml("n: int64"), adopts: true).hasPrefix("features.yaml names no project"))
        #expect(try version() == 1)
        _ = try open.apply(try Self.input(retiring), options: ApplyOptions(allowsRetiring: true))
        #expect(try version() == 2)
    }

    @Test func `pruning is planned and done only where it is asked for`() throws {
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_704_067_200_000_000, [.int64(1)])])
        let input = try Self.input("project: mine\n" + Self.yaml("m: int64"), adopts: true)
        let options = ApplyOptions(prunes: true, allowsRetiring: true)
        #expect(try open.plan(input, options: ApplyOptions(allowsRetiring: true)).pruned.isEmpty)
        let plan = try open.plan(input, options: options)
        #expect(plan.pruned.map(\.name) == ["stats.n"] && plan.project == "mine" && plan.hasProjects)
        let outcome = try #require(try open.apply(input, options: options))
        #expect(outcome.plan.pruned.map(\.name) == ["stats.n"])
        let left = try store.session.query("SELECT count(*) FROM asof.features WHERE name = 'n'")
        #expect(left.int64(0, 0) == 0)
    }

    @Test func `where somebody applies meanwhile another plan is made, and confirmed again if it is another`() throws {
        let input = try Self.input(Self.yaml("n: int64, x: float64"))
        var (versions, asked): ([Int64], Int) = ([], 0)
        let outcome = try open.apply(
            input,
            options: ApplyOptions(allowsRetiring: true),
            confirm: { _ in
                asked += 1
                // The first plan still holds after the one, not after the other.
                if asked == 1 { try store.apply(Self.yaml("n: int64", more: "services: { s: [stats.n] }")) }
                return true
            },
            progress: { if case .stale(let version) = $0 { versions.append(version) } }
        )
        #expect(versions == [2] && asked == 2 && outcome?.version == 3)
        var rounds = 0
        let endless = try Self.input(Self.yaml("n: int64"))
        #expect(throws: WorkflowError.self) {
            _ = try open.apply(
                endless,
                options: ApplyOptions(allowsRetiring: true),
                progress: {
                    guard case .planned = $0 else { return }
                    rounds += 1
                    try? store.apply(Self.yaml("n: int64, x: float64, y\(rounds): int64"))
                }
            )
        }
        #expect(rounds == WorkflowLimits.plansMax)
    }

    @Test func `a large view gets its online table beside it, which the plan tells; writers go on`() throws {
        func yaml(_ online: Bool) -> String {
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { big: { entities: [user], online: \(online), features: { n: int64 } }, small: { entities: [user], online: \(online), features: { n: int64 } } }
            """
        }
        _ = try open.apply(try Self.input(yaml(false)), options: ApplyOptions(allowsRetiring: true))
        let rows = (0..<20_100).map { HistoryRow([.int64(Int64($0 % 15_000))], at: Int64($0), [.int64(Int64($0))]) }
        try store.apply(yaml(false))
        try store.ingest("big", rows)
        try store.ingest("small", Array(rows.prefix(3)))
        let plan = try open.plan(try Self.input(yaml(true)))
        #expect(plan.fills.map(\.view) == ["big", "small"] && plan.fills.map(\.rows) == [20_100, 3])
        #expect(try PlanDocument(plan).json().contains("\"rows\" : 20100"))
        var filled: [String] = []
        let writer = try Session(conninfo: store.conninfo)
        let view = try store.view("big")
        // A writer in the middle of a batch holds nothing up before the definitions change.
        let transaction = try WriteTransaction(session: writer, views: [view])
        _ = try transaction.write(
            TestStore.viewRows([HistoryRow([.int64(1)], at: 99_999, [.int64(-1)])], view),
            to: view
        )
        _ = try open.apply(
            try Self.input(yaml(true)),
            progress: { progress in
                guard case .filling(let fills) = progress else { return }
                filled = fills.map(\.view)
                _ = try? transaction.commit()
            }
        )
        #expect(filled == ["big"])
        try store.apply(yaml(true))
        #expect(try store.violations() == [])
        #expect(try open.plan(try Self.input(yaml(true))).fills.isEmpty)
    }

    @Test func `where the plan is the same again it is not confirmed again`() throws {
        var asked = 0
        let outcome = try open.apply(try Self.input(Self.yaml("n: int64, x: float64"))) { _ in
            asked += 1
            try store.session.execute(
                """
                INSERT INTO asof.definitions (version, project, document) SELECT version + 1, project, document
                FROM asof.definitions ORDER BY version DESC LIMIT 1
                """
            )
            return true
        }
        #expect(asked == 1 && outcome?.version == 3)
    }

    @Test func `a run that is cancelled, or whose deadline passes while it waits, applies nothing`() throws {
        let input = try Self.input(Self.yaml("n: int64, x: float64"))
        let control = RunControl()
        let cancelled = try OpenStore(store.conninfo, forWriting: true, control: control)
        let told = #expect(throws: StoppedShort.self) {
            _ = try cancelled.apply(input) { _ in
                control.cancel()
                return true
            }
        }
        #expect(told?.cause as? WorkflowError == .cancelled && told?.stored == "nothing was applied")
        try store.session.begin(.write)
        try store.session.lock(AdvisoryLock.definitions)
        let late = try OpenStore(
            store.conninfo,
            forWriting: true,
            control: RunControl(deadline: .now + .milliseconds(500))
        )
        let refused = #expect(throws: StoppedShort.self) { _ = try late.apply(input) }
        #expect(refused?.cause as? WorkflowError == .deadlinePassed)
        store.session.connection.rollBack()
        #expect(try version() == 1)
    }

    @Test func `views, services and versions of them are described as data`() throws {
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_704_067_200_000_000, [.int64(1)])])
        _ = try open.apply(try Self.input(Self.yaml("n: int64, x: float64", more: "services: { s: [stats.n] }")))
        _ = try open.apply(try Self.input(Self.yaml("n: int64, x: float64", more: "services: { s: [stats.*] }")))
        let listing = try open.definitions()
        #expect(listing.views.map(\.rows) == [1] && listing.services.map(\.version) == [2] && !listing.hasProjects)
        #expect(listing.views[0].newest == Timestamp(microseconds: 1_704_067_200_000_000))
        guard case .view(let view, nil, _) = try open.describe("stats") else { throw WorkflowError.usage("no view") }
        #expect(view.features.map(\.name) == ["n", "x"])
        for (name, version, columns) in [("s", 2, 2), ("s@1", 1, 1)] {
            guard case .service(let service, nil) = try open.describe(name) else { throw WorkflowError.usage(name) }
            #expect(service.version == version && service.definition.columns.count == columns)
        }
        #expect(throws: WorkflowError.refused("no view or service 'stat'; did you mean 'stats'?")) {
            _ = try open.describe("stat")
        }
    }
}
