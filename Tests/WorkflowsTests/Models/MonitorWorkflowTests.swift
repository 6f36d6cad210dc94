import Drift
import Features
import Models
import Postgres
import Store
import TestSupport
import Testing
import Training

@testable import Workflows

@Suite struct MonitorWorkflowTests {
    @Test func `traffic is compared with what a version was trained on, column by column`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        let quiet = try fixture.open().monitor(MonitorRequest(model: "buys"))
        #expect(quiet.rows == 0 && !quiet.isAlarm && quiet.quality == nil && quiet.version.version == 1)
        let rows = (0..<2_000).map { row in
            let user = ModelStore.users.lowerBound + row % ModelStore.users.count
            return (n: Int64(user), x: ModelStore.x(user))
        }
        try fixture.count(rows)
        let same = try fixture.open().monitor(MonitorRequest(model: "buys"))
        #expect(same.rows == 2_000 && same.findings?.map(\.name) == ["stats__n", "stats__x", "score"])
        #expect(same.alarms.map(\.column).contains("stats__n") == false)
        try fixture.count(rows.map { (n: $0.n * 100, x: $0.x) })
        let shifted = try fixture.open().monitor(MonitorRequest(model: "buys@1"))
        #expect(shifted.rows == 4_000 && shifted.isAlarm && shifted.alarms.contains { $0.column == "stats__n" })
        #expect(!shifted.alarms.contains { $0.column == "stats__x" })
        #expect(shifted.to.microseconds - shifted.from.microseconds == 86_400_000_000)
        // A version without its training rows says so.
        try fixture.store.session.execute("UPDATE asof.model_versions SET reference = NULL")
        let blind = try fixture.open().monitor(MonitorRequest(model: "buys"))
        #expect(blind.findings == nil && !blind.isAlarm)
    }

    @Test func `labels of a view or a file judge what was logged; those that are due and missing are counted`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        let time = try fixture.now() - 2 * ModelStore.hour
        let users = Array(ModelStore.users)
        try fixture.log(users, at: time)
        // Of every fourth user no label ever comes; the others bought from 20 on.
        let labelled = users.filter { $0 % 4 != 0 }
        var file = "user_id,at,bought\n"
        var rows: [HistoryRow] = []
        for user in labelled {
            let bought = user >= 20 ? 1 : 0
            file += "\(user),\(Timestamp(microseconds: time + 1).text),\(bought)\n"
            rows.append(HistoryRow([.int64(Int64(user))], at: time + 1, [.int64(Int64(bought))]))
        }
        try fixture.store.ingest("bought", rows)
        var request = MonitorRequest(model: "buys")
        request.labels = .view("bought", feature: "bought")
        let byView = try #require(try fixture.open().monitor(request).quality)
        try #require(byView.count == 1)
        #expect(byView[0].version == 1 && byView[0].predictions == users.count && byView[0].due == users.count)
        #expect(byView[0].missing == users.count - labelled.count)
        guard case .binary(let metrics)? = byView[0].metrics else {
            Issue.record("\(byView)")
            return
        }
        #expect(metrics.auc == 1)
        request.labels = .file(try fixture.scratch.write("known.csv", file), labelTime: "at", unit: nil)
        let byFile = try #require(try fixture.open().monitor(request).quality)
        #expect(byFile.map(\.metrics) == byView.map(\.metrics) && byFile.map(\.missing) == byView.map(\.missing))
    }

    @Test func `a window or labels that are none, a model that is none and a run that is over are errors`() throws {
        let fixture = try ModelStore()
        try fixture.train()
        var request = MonitorRequest(model: "buys")
        request.window = Interval(microseconds: 1)
        let window = #expect(throws: WorkflowError.self) { try fixture.open().monitor(request) }
        #expect("\(try #require(window))".hasPrefix("--window "))
        request = MonitorRequest(model: "buys")
        request.days = 0
        let days = #expect(throws: WorkflowError.self) { try fixture.open().monitor(request) }
        #expect("\(try #require(days))".hasPrefix("--days 0"))
        request = MonitorRequest(model: "buys")
        request.labels = .view("bought", feature: "bot")
        #expect(throws: StoreError.self) { try fixture.open().monitor(request) }
        request.labels = .file(try fixture.scratch.write("no.csv", "who,at,bought\n"), labelTime: "at", unit: nil)
        let keys = #expect(throws: WorkflowError.self) { try fixture.open().monitor(request) }
        #expect("\(try #require(keys))".contains("has none of the model's keys (user_id)"))
        #expect(throws: ModelsError.self) { try fixture.open().monitor(MonitorRequest(model: "buy")) }
        let control = RunControl()
        let store = try fixture.open(control)
        control.cancel()
        #expect(throws: WorkflowError.cancelled) { try store.monitor(MonitorRequest(model: "buys")) }
    }
}
