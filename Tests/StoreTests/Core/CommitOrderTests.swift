import Features
import Glibc
import PointInTime
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// Of rows with equal key and event time the one that committed later wins, whatever the order in which the
/// transactions began: batch numbers are taken at the beginning, positions at the end.
@Suite struct CommitOrderTests {
    static func yaml(isOnline: Bool) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], online: \(isOnline), features: { n: int64 } }
          other: { entities: [user], online: \(isOnline), features: { n: int64 } }
        """
    }

    static let spine = ColumnBatch(
        names: ["user_id", "t"],
        columns: [Column(type: .int64, values: .int64([1])), Column(type: .timestamp, values: .int64([2_000_000]))],
        rowCount: 1
    )

    /// A transaction that has its batch number and has written nothing yet.
    private func open(_ store: TestStore, views: [String] = ["stats"]) throws -> WriteTransaction {
        let views = try views.map { try store.view($0) }
        for view in views { try KnownPartitions.prepare(view, [1_000_000], store.session) }
        return try WriteTransaction(session: try Session(conninfo: store.conninfo), views: views)
    }

    private func write(
        _ n: Int64,
        _ transaction: WriteTransaction,
        _ store: TestStore,
        to name: String = "stats"
    ) throws {
        let view = try store.view(name)
        let row = HistoryRow([.int64(1)], at: 1_000_000, [.int64(n)])
        _ = try transaction.write(TestStore.viewRows([row], view), to: view)
    }

    private func exported(_ store: TestStore, _ state: LedgerState) throws -> (value: Value, position: Value) {
        let batch = try store.export(
            "stats.n",
            spine: Self.spine,
            labelTime: "t",
            state: state,
            options: JoinOptions(witness: true)
        ).batch
        return (try #require(batch["stats__n"]).value(0), try #require(batch["stats__position"]).value(0))
    }

    private func looked(_ store: TestStore, _ state: LedgerState?) throws -> EntityRow {
        try EntityLookup(store.session).read(ViewRole(store.view("stats")), keys: [.int64(1)], .latest, state: state)
    }

    /// What three transactions, begun in the order 0, 1, 2, leave when they commit in another.
    @Test(
        arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]],
        [true, false]
    )
    func `the later commit wins, at every position`(order: [Int], isOnline: Bool) throws {
        let store = try TestStore(Self.yaml(isOnline: isOnline))
        let transactions = try (0..<3).map { _ in try open(store) }
        #expect(transactions[0].batch < transactions[1].batch && transactions[1].batch < transactions[2].batch)
        let before = try store.head()
        // Where there is no online row to wait for, all have written before the first one commits.
        if !isOnline { for index in 0..<3 { try write(Int64(index), transactions[index], store) } }
        var states: [(state: LedgerState, n: Int64)] = []
        for index in order {
            if isOnline { try write(Int64(index), transactions[index], store) }
            states.append((try transactions[index].commit(), Int64(index)))
        }
        #expect(try exported(store, before).value == .null)
        for (state, n) in states {
            let got = try exported(store, state)
            #expect(got.value == .int64(n), "position \(state.position)")
            #expect(got.position == .int64(state.position))
            let looked = try looked(store, state)
            #expect(looked.values == [.int64(n)])
            #expect(looked.position == state.position)
        }
        let latest = try looked(store, nil)
        #expect(latest.values == [.int64(Int64(order[2]))])
        #expect(latest.position == states[2].state.position)
        #expect(try store.violations() == [])
    }

    @Test func `a batch that is open when the position is pinned is not seen after its commit`() throws {
        let store = try TestStore(Self.yaml(isOnline: false))
        let first = try open(store)
        let second = try open(store)
        try write(1, first, store)
        try write(2, second, store)
        let state = try second.commit()
        let pinned = try Ledger(store.session).pin(state)
        let probe = Probe(session: store.session, state: pinned, options: JoinOptions(witness: true))
        let role = ViewRole(try store.view("stats"))
        func value() throws -> Value {
            try probe.join(role, keys: [Self.spine.columns[0]], labelTimes: Self.spine.columns[1]).features[0].value(0)
        }
        #expect(try value() == .int64(2))
        let later = try first.commit()
        #expect(try value() == .int64(2))
        #expect(try exported(store, later).value == .int64(1))
        #expect(try exported(store, state).value == .int64(2))
    }

    @Test(arguments: [false, true])
    func `commits between two blocks of an export change neither`(isOvertaken: Bool) throws {
        let store = try TestStore(Self.yaml(isOnline: true))
        // With an overtaken batch before it, ties are looked up; without, the batch number decides them.
        let overtaken = try open(store)
        let overtaking = try open(store)
        if isOvertaken {
            try write(3, overtaking, store)
            _ = try overtaking.commit()
        } else {
            overtaking.rollBack()
        }
        try write(4, overtaken, store)
        _ = try overtaken.commit()

        let early = try open(store)
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.int64(5)])])
        let pinned = try store.head()
        let plan = try FeaturePlan(
            try FeatureSelection(text: "stats.n").columns(in: store.registry.definitions)
        ) { name throws(StoreError) in try store.registry.view(named: name) }
        let spec = try TrainingSetSpec(
            plan: plan,
            labelTime: "t",
            spine: [ColumnSchema(name: "user_id", type: .int64), ColumnSchema(name: "t", type: .timestamp)],
            state: pinned,
            options: JoinOptions()
        )
        let join = try TrainingSetJoin(spec, sessions: [store.session, try Session(conninfo: store.conninfo)])
        var values = [try join.join(Self.spine).columns[2].value(0)]
        try write(6, early, store)
        _ = try early.commit()
        values.append(try join.join(Self.spine).columns[2].value(0))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.int64(7)])])
        values.append(try join.join(Self.spine).columns[2].value(0))
        try join.finish()
        #expect(values == [.int64(5), .int64(5), .int64(5)])
        #expect(try exported(store, try store.head()).value == .int64(7))
        #expect(try store.violations() == [])
    }

    /// The index on keys, time and batch gives ties in the right order by chance; a sort does not.
    @Test(arguments: [false, true])
    func `ties are decided whatever plan PostgreSQL chooses`(isOvertaken: Bool) throws {
        let store = try TestStore(Self.yaml(isOnline: true))
        let first = try open(store)
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.int64(1)])])
        if isOvertaken {
            try write(2, first, store)
            _ = try first.commit()
        } else {
            first.rollBack()
        }
        for n in 3..<8 as Range<Int64> {
            try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.int64(n)])])
        }
        let head = try store.head()
        let options = JoinOptions()
        let role = ViewRole(try store.view("stats"))
        for setting in ["indexscan = off; SET enable_bitmapscan = off", "sort = off", "seqscan = off"] {
            let session = try Session(conninfo: store.conninfo)
            try session.execute("SET enable_\(setting)")
            let probe = Probe(session: session, state: try Ledger(session).pin(head), options: options)
            let joined = try probe.join(role, keys: [Self.spine.columns[0]], labelTimes: Self.spine.columns[1])
            #expect(joined.features[0].value(0) == .int64(7), "enable_\(setting)")
        }
    }

    @Test func `a batch that was rolled back leaves no gap and is never seen`() throws {
        let store = try TestStore(Self.yaml(isOnline: true))
        let before = try store.head()
        let abandoned = try open(store)
        let kept = try open(store)
        try write(1, abandoned, store)
        abandoned.rollBack()
        try write(2, kept, store)
        let state = try kept.commit()
        #expect(state.position == before.position + 1)
        #expect(try exported(store, state).value == .int64(2))
        #expect(try store.violations() == [])
    }

    @Test func `a transaction over several views is one position`() throws {
        let store = try TestStore(Self.yaml(isOnline: true))
        let first = try open(store, views: ["other", "stats"])
        let second = try open(store)
        try write(2, second, store)
        let before = try second.commit()
        try write(1, first, store, to: "stats")
        try write(1, first, store, to: "other")
        let state = try first.commit()
        #expect(state.position == before.position + 1)
        #expect(try exported(store, state).value == .int64(1))
        #expect(try exported(store, before).value == .int64(2))
        #expect(try store.violations() == [])
    }

    /// Two writers that meet in the online row: the one that waits commits later and wins.
    @Test func `writers of one entity wait for one another`() throws {
        let store = try TestStore(Self.yaml(isOnline: true))
        let first = try open(store)
        let second = try open(store)
        try write(2, second, store)
        let (conninfo, view) = (store.conninfo, try store.view("stats"))
        // Safe: only the thread uses the transaction until it has ended.
        nonisolated(unsafe) let waiting = first
        // A thread of its own, and no suspension: other tests may hold every thread of the cooperative pool.
        let work = BackgroundWork { () throws(StoreError) in
            let row = HistoryRow([.int64(1)], at: 1_000_000, [.int64(1)])
            _ = try waiting.write(TestStore.viewRows([row], view), to: view)
            return try waiting.commit()
        }
        let watcher = try Session(conninfo: conninfo)
        #expect(try watcher.isSomebodyBlocked())
        let before = try second.commit()
        let state = try work.wait()
        #expect(state.position == before.position + 1)
        #expect(try looked(store, nil).values == [.int64(1)])
        #expect(try exported(store, before).value == .int64(2))
        #expect(try store.violations() == [])
    }
}
