import Columnar
import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Segments
@testable import Serving
@testable import Store
@testable import TrainingSets

/// A store whose features got other names and types while it was used, beside one that had them from the start, and one that
/// never changed.
@Suite struct WideningTwinTests {
    private static func tables(_ store: TestStore) throws -> [String] {
        try ["stats", "clicks"].map { name in
            let view = try store.view(name)
            let history = "user_id, _event_time, _deleted, \(view.featureList())"
            let rows = try store.session.query(
                """
                SELECT (SELECT string_agg(h::text, '|' ORDER BY h::text) FROM (SELECT \(history) FROM \(view.historyTable)) h)
                    || ' # ' ||
                    (SELECT string_agg(o::text, '|' ORDER BY o::text) FROM (SELECT \(history) FROM \(view.onlineTable)) o)
                """
            )
            return rows.text(0, 0) ?? "nothing"
        }
    }

    private static func expectSame(
        _ store: TestStore,
        _ service: String,
        as other: TestStore,
        _ otherService: String,
        _ segments: SegmentFixture?,
        _ comment: Comment
    ) throws {
        let spine = ChangingWorld.spine()
        let twin = try other.export(otherService, spine: spine, labelTime: "t")
        let probe = try store.export(service, spine: spine, labelTime: "t")
        #expect(probe.digest == twin.digest, "probe: \(comment)")
        guard let segments else { return }
        let scan = try store.export(
            service,
            spine: spine,
            labelTime: "t",
            engine: try segments.scan()
        )
        #expect(scan.join.plan.engine == .scan)
        #expect(scan.join.warnings == [], comment)
        #expect(scan.digest == twin.digest, "scan: \(comment)")
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
    func `a world that changes is in the end the one that was so from the start`(seed: UInt64) throws {
        print("WideningTwinTests seed \(seed)")
        var random = SeededRandom(seed: seed)
        var world = ChangingWorld()
        let (first, last) = (world, world.finished)
        let store = try TestStore(world.yaml)
        let twin = try TestStore(last.yaml)
        let unchanged = try TestStore(first.yaml)
        let segments = try SegmentFixture(store)
        let fixture = try ServingFixture(store.conninfo)
        var round = 0
        func write() throws {
            for _ in 0..<random.int(2...4) {
                let raws = (0..<random.int(1...25)).map { _ in world.raw(&random) }
                for view in ["stats", "clicks"] {
                    let own = raws.filter { $0.view == view }
                    guard !own.isEmpty else { continue }
                    try store.ingest(view, own.map(world.row))
                    try twin.ingest(view, own.map(last.row))
                    try unchanged.ingest(view, own.map(first.row))
                }
            }
        }
        func build() throws {
            for view in ["stats", "clicks"] where random.oneIn(2) { try segments.build(view) }
        }
        try write()
        while !world.isFinished {
            round += 1
            try build()
            world.change(&random)
            try store.applyFile(world.yaml)
            if random.oneIn(2) { try write() }
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session, "seed \(seed), round \(round)")
            // What was made before answers as if nothing had changed.
            try Self.expectSame(store, "model@1", as: unchanged, "model", segments, "seed \(seed), round \(round)")
        }
        try write()
        #expect(try Self.tables(store) == Self.tables(twin), "seed \(seed)")
        try Self.expectSame(store, "model", as: twin, "model", segments, "seed \(seed)")
        try Self.expectSame(store, "model@1", as: unchanged, "model", segments, "seed \(seed)")
        for view in ["stats", "clicks"] { try segments.build(view) }
        try Self.expectSame(store, "model", as: twin, "model", segments, "built anew, seed \(seed)")
        #expect(try store.violations().isEmpty)
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session, "seed \(seed)")
        // The file as it is, and without what it says of the past, changes nothing any more.
        let version = store.registry.version
        try store.applyFile(world.yaml)
        try store.applyFile(world.yaml.replacing(/, was: [a-z]+/, with: ""))
        #expect(store.registry.version == version, "seed \(seed)")
    }
}
