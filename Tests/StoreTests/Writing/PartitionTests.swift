import Features
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite struct PartitionTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          a: { entities: [user], partition: day, features: { id: int64 } }
        """

    private static func row(day: Int, key: Int = 1) -> HistoryRow {
        HistoryRow([.int64(Int64(key))], at: 1_700_000_000_000_000 + Int64(day) * 86_400_000_000, [.int64(Int64(day))])
    }

    @Test func `new partitions wait neither for readers nor for writers that hold transactions open`() throws {
        let store = try TestStore(Self.yaml)
        let view = try store.view("a")
        try store.ingest("a", [Self.row(day: 0), Self.row(day: 1)])
        let reader = try Session(conninfo: store.conninfo)
        var snapshot = Connection.TransactionOptions.read
        snapshot.isolation = .repeatableRead
        try reader.begin(snapshot)
        try reader.execute("DECLARE rows CURSOR FOR SELECT id FROM history.a; FETCH 1 FROM rows")
        let writer = try Session(conninfo: store.conninfo)
        let open = try WriteTransaction(session: writer, views: [view])
        _ = try open.write(TestStore.viewRows([Self.row(day: 1, key: 2)], view), to: view)
        let start = ContinuousClock.now
        let summary = try store.ingest("a", (2..<42).map { Self.row(day: $0) })
        // Whoever waits for a lock waits for 30 s.
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(summary.newPartitions == 40)
        _ = try open.commit()
        #expect(try reader.execute("FETCH ALL FROM rows")[0].count == 1)
        #expect(try reader.execute("SELECT count(*) FROM history.a")[0].text(0, 0) == "2")
        try reader.commit()
        #expect(try reader.execute("SELECT count(*) FROM history.a")[0].text(0, 0) == "43")
        #expect(try store.violations() == [])
    }

    @Test func `ingests that need the same new partitions at once make each of them once`() throws {
        let store = try TestStore(Self.yaml)
        let (view, conninfo) = (try store.view("a"), store.conninfo)
        let failures = SideBySide.run(8) { writer in
            let rows = TestStore.viewRows((0..<20).map { Self.row(day: $0, key: writer) }, view)
            let ingestion = try TestStore.ingestion(view, like: rows, try Session(conninfo: conninfo))
            try ingestion.append(rows)
            _ = try ingestion.finish()
        }
        #expect(failures.isEmpty, "\(failures)")
        let counts = try store.session.execute(
            """
            SELECT count(*) FROM asof.partitions;
            SELECT count(*) FROM pg_inherits WHERE inhparent = 'history.a'::regclass;
            SELECT count(*) FROM history.a
            """
        )
        #expect(counts.map { $0.text(0, 0) } == ["20", "20", "160"])
        #expect(try store.violations() == [])
    }

    @Test func `definitions change while ingests open partitions, and both come through`() throws {
        let store = try TestStore(Self.yaml)
        let conninfo = store.conninfo
        let failures = SideBySide.run(5) { writer in
            let session = try Session(conninfo: conninfo)
            if writer == 0 {
                for version in 0..<4 {
                    let yaml = Self.yaml.replacing("id: int64", with: "id: int64, x\(version): float64")
                    _ = try Registry.apply(try Definitions.parse(yaml: yaml, file: "features.yaml"), session)
                }
                return
            }
            for day in 0..<15 {
                // A view that changed between the look and the write is a clear conflict; the command is run again.
                for attempt in 0..<20 {
                    let view = try Registry.load(session).view(named: "a")
                    var row = Self.row(day: day, key: writer)
                    row.features += Array(repeating: .null, count: view.definition.features.count - 1)
                    let rows = TestStore.viewRows([row], view)
                    let ingestion = try TestStore.ingestion(view, like: rows, session)
                    do {
                        try ingestion.append(rows)
                        _ = try ingestion.finish()
                        break
                    } catch StoreError.conflict(let reason) where attempt < 19 && reason.contains("changed meanwhile") {
                        continue
                    }
                }
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(try store.session.execute("SELECT count(*) FROM history.a")[0].text(0, 0) == "60")
        #expect(try store.violations() == [])
    }

    @Test(arguments: [Partitioning.none, .year, .month, .day])
    func `times come to the partition that holds them, in any order and number`(partitioning: Partitioning) {
        let definition = ViewDefinition(
            name: "a",
            entities: [],
            keys: [],
            features: [FeatureDefinition(name: "x", type: .int64)],
            partition: partitioning
        )
        let catalog = KnownPartitions(view: StoredView(id: 1, shape: 1, definition: definition))
        var random = SeededRandom(seed: 11)
        let (earliest, latest) = (Timestamp.earliest.microseconds, Timestamp.latest.microseconds)
        // 200,000 times in up to as many partitions: searched one after the other, they would be looked at 10^10 times.
        var times = (0..<200_000).map { _ in Int64.random(in: earliest...latest, using: &random) }
        times += [earliest, latest, 0, -1, 86_400_000_000 - 1, 86_400_000_000]
        let (indices, ranges) = catalog.partition(times)
        #expect(zip(times, indices).allSatisfy { ranges[Int($1)].contains($0) })
        #expect(Set(ranges) == Set(times.map { PartitionRange(containing: $0, by: partitioning) }))
        #expect(Set(ranges).count == ranges.count)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { ($0.to ?? .min) <= ($1.from ?? .max) })
        #expect(catalog.partition([]).ranges.isEmpty)
    }
}
