import Features
import Materializing
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// Batch views brought up to date by calls.
@Suite struct MaterializeWorkflowTests {
    /// `a_totals` reads `clicks`, which stands behind it by name.
    private static func yaml(clicks: String = "SELECT user_id, event_time, n FROM public.raw") -> String {
        func view(_ name: String, _ sql: String) -> String {
            """
              \(name):
                entities: [user]
                features: { n: int64 }
                source: { sql: "SELECT * FROM (\(sql)) x WHERE event_time >= :from AND event_time < :to" }

            """
        }
        return "entities:\n  user: { key: user_id, type: int64 }\nviews:\n" + view("clicks", clicks)
            + view("a_totals", "SELECT user_id, _event_time AS event_time, n * 2 AS n FROM history.clicks")
            + view("other", "SELECT user_id, event_time, n FROM public.raw")
    }

    private static func hour(_ hour: Int) -> Timestamp {
        Timestamp(microseconds: 1_735_689_600_000_000 + Int64(hour) * 3_600_000_000)
    }

    private static func options(isDryRun: Bool = false) -> MaterializationOptions {
        var options = MaterializationOptions()
        (options.from, options.to, options.chunk) = (hour(0), hour(6), Interval(text: "2h"))
        options.isDryRun = isDryRun
        return options
    }

    private let store: TestStore

    init() throws {
        let empty = try TestStore("entities:\n  user: { key: user_id, type: int64 }")
        try Session(conninfo: empty.conninfo).execute(
            """
            CREATE TABLE public.raw (user_id bigint, event_time timestamptz, n bigint);
            INSERT INTO public.raw SELECT 1, '\(Self.hour(0).text)'::timestamptz + interval '1 h' * h, h
                FROM generate_series(0, 5) h
            """
        )
        try empty.apply(Self.yaml())
        store = empty
    }

    private func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: true, control: control)
    }

    private func rows(_ view: String) throws -> Int64? {
        try store.session.query("SELECT count(*) FROM history.\(view)").int64(0, 0)
    }

    @Test func `all views are run after those that they read, each with its result and its chunks`() throws {
        var (chunks, began, done): ([String: Int], [String], [String]) = ([:], [], [])
        let outcomes = try open().materialize(MaterializeRequest(views: nil, options: Self.options())) {
            switch $0 {
            case .began(let view): began.append(view.name)
            case .chunk(_, let window, let before, let part):
                #expect(window.lowerBound == Self.hour(2 * before.chunks) && part == Double(before.chunks) / 3)
            case .chunkDone(let view, _): chunks[view.name, default: 0] += 1
            case .done(let outcome): done.append(outcome.view.name)
            default: Issue.record("\($0)")
            }
        }
        #expect(began == ["clicks", "a_totals", "other"] && done == began)
        #expect(chunks == ["clicks": 3, "a_totals": 3, "other": 3])
        #expect(outcomes.done.map(\.summary.stored) == [6, 6, 6] && outcomes.failed.isEmpty)
        #expect(outcomes.done[0].window == Self.hour(0)..<Self.hour(6))
        #expect(try store.violations() == [])
    }

    @Test func `a dry run counts, and takes no lock`() throws {
        let lock = try MaterializationLock(try store.view("clicks"), conninfo: store.conninfo, waits: false)
        let request = MaterializeRequest(views: ["clicks"], options: Self.options(isDryRun: true))
        #expect(try open().materialize(request).done.map(\.summary.rows) == [6])
        #expect(try rows("clicks") == 0)
        lock.release()
    }

    @Test func `a view that fails takes those with it that read it, and no other`() throws {
        try store.apply(Self.yaml(clicks: "SELECT user_id, event_time, n / (n - 3) AS n FROM public.raw"))
        var (failed, leftOut): ([String], [String]) = ([], [])
        let outcomes = try open().materialize(MaterializeRequest(views: nil, options: Self.options())) {
            switch $0 {
            case .failed(let view, let error):
                failed.append(view.name)
                #expect("\(error)".contains("division by zero"))
                #expect("\(error)".contains("2 rows of the chunks before are stored (position "), "\(error)")
            case .leftOut(let view, let cause): leftOut.append("\(view.name) reads \(cause)")
            default: break
            }
        }
        #expect(failed == ["clicks"] && leftOut == ["a_totals reads clicks"])
        #expect(outcomes.failed == ["clicks", "a_totals"] && outcomes.done.map(\.view.name) == ["other"])
        // One that is named stops the call.
        var error = ""
        do {
            _ = try open().materialize(MaterializeRequest(views: ["clicks", "other"], options: Self.options())) {
                if case .began(let view) = $0 { #expect(view.name == "clicks") }
            }
        } catch let thrown { error = "\(thrown)" }
        #expect(error.contains("division by zero"))
    }

    @Test func `of views that are named, all must be known before one is run`() throws {
        #expect(throws: StoreError.self) {
            _ = try open().materialize(MaterializeRequest(views: ["clicks", "click"], options: Self.options()))
        }
        #expect(try rows("clicks") == 0)
    }

    @Test(arguments: [true, false])
    func `a cancelled run ends behind the chunk it is at, also among all views`(all: Bool) throws {
        let control = RunControl()
        let request = MaterializeRequest(views: all ? nil : ["clicks"], options: Self.options())
        let error = #expect(throws: StoppedShort.self) {
            _ = try open(control).materialize(request) {
                if case .failed = $0 { Issue.record("the end is no failure of a view") }
                if case .chunkDone = $0 { control.cancel() }
            }
        }
        #expect(error?.cause as? WorkflowError == .cancelled)
        #expect(error?.stored?.contains("2 rows of the chunks before are stored (position ") == true)
        #expect(try rows("clicks") == 2)
        #expect(try rows("other") == 0)
        #expect(try open().materialize(MaterializeRequest(views: ["clicks"], options: Self.options())).done.count == 1)
        #expect(try rows("clicks") == 6)
    }

    @Test func `a deadline ends the SQL of a chunk, and the wait for another run`() throws {
        let lock = try MaterializationLock(try store.view("clicks"), conninfo: store.conninfo, waits: false)
        var holders = 0
        #expect(throws: WorkflowError.deadlinePassed) {
            _ = try open(RunControl(deadline: .now + .milliseconds(700))).materialize(
                MaterializeRequest(views: ["clicks"], options: Self.options(), waits: true)
            ) { if case .waiting("clicks", _) = $0 { holders += 1 } }
        }
        #expect(holders == 1)
        lock.release()
        try store.apply(Self.yaml(clicks: "SELECT user_id, event_time, n FROM public.raw, pg_sleep(60)"))
        let start = ContinuousClock.now
        #expect(throws: WorkflowError.deadlinePassed) {
            _ = try open(RunControl(deadline: .now + .milliseconds(700))).materialize(
                MaterializeRequest(views: ["clicks"], options: Self.options())
            )
        }
        #expect(start.duration(to: .now) < .seconds(30))
    }
}
