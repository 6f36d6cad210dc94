import Columnar
import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Segments
@testable import Store

@Suite struct SegmentTests {
    static let month = RemovalFixture.month
    static let january = RemovalFixture.january2024

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `files have history's rows in the order of SQL, whatever was overtaken`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 12)
        let fixture = try SegmentFixture(history.store)
        for view in history.store.registry.views {
            let summary = try fixture.build(view.name)
            let rows = try fixture.session.query("SELECT count(*) FROM \(view.historyTable)").int64(0, 0)
            #expect(summary.rows == rows, "seed \(seed)")
            #expect(try fixture.segments(view.name).map(\.rows).reduce(0, +) == rows, "seed \(seed)")
            try fixture.expectRight(view.name, "seed \(seed), \(view.name)")
        }
        try history.extend(batches: 6)
        for view in history.store.registry.views {
            // Files of an older state go on being right for it.
            try fixture.expectRight(view.name, "seed \(seed), \(view.name), before")
            let summary = try fixture.build(view.name, memoryBytes: 1 << 20)
            #expect(summary.behind == 0)
            #expect(try fixture.segments(view.name).allSatisfy { $0.state.position == summary.state?.position })
            try fixture.expectRight(view.name, "seed \(seed), \(view.name), after")
            #expect(try fixture.build(view.name).written == 0)
        }
    }

    @Test func `a row group ends between ties, which positions decide, however small groups are`() throws {
        let store = try TestStore(
            "entities: { u: { key: u, type: int64 } }\nviews: { v: { entities: [u], online: false, features: { n: int64 } } }"
        )
        let view = try store.view("v")
        // Forty batches take their numbers one way and commit the other; all have the same key and time.
        try KnownPartitions.prepare(view, [Self.january], store.session)
        var open: [WriteTransaction] = []
        for n in 0..<40 {
            let transaction = try WriteTransaction(session: try Session(conninfo: store.conninfo), views: [view])
            let rows = (0..<3).map { HistoryRow([.int64($0)], at: Self.january, [.int64(Int64(n))]) }
            _ = try transaction.write(TestStore.viewRows(rows, view), to: view)
            open.append(transaction)
        }
        for transaction in open.reversed() { _ = try transaction.commit() }
        let state = try store.head()
        let session = store.session
        let copied = try session.transaction(.read) { () throws(StoreError) in
            let positions = try BatchPositions(view, upTo: state, session)
            var rows = SegmentRows(view, positions, isOvertaken: true)
            let copy = try CopyOut(
                session,
                query: SegmentRows.query(view, PartitionRange(from: nil, to: nil)),
                types: SegmentRows.layout(view).types
            )
            var groups: [[Column]] = []
            while let block = try copy.next(rowsMax: 7) {
                try rows.append(block)
                if let group = rows.takeGroup(isLast: false) { groups.append(group) }
            }
            if let group = rows.takeGroup(isLast: true) { groups.append(group) }
            return groups
        }
        #expect(copied.count == 3)
        for group in copied {
            #expect(Set(group[0].int64Values).count == 1)
            #expect(group[2].int64Values == group[2].int64Values.sorted())
            #expect(group[4 + 1].int64Values == (0..<40).reversed())
        }
    }

    @Test(arguments: [5] as [UInt64])
    func `builds beside writers that overtake one another have what their state has`(seed: UInt64) throws {
        let store = try TestStore(
            "entities: { u: { key: u, type: int64 } }\nviews: { v: { entities: [u], online: false, features: { n: int64 } } }"
        )
        let fixture = try SegmentFixture(store)
        let view = try store.view("v")
        let times = (0..<3).map { Self.january + $0 * Self.month }
        try KnownPartitions.prepare(view, times, store.session)
        let conninfo = store.conninfo
        let writers = (0..<3).map { writer in
            BackgroundWork { () throws(StoreError) in
                var random = SeededRandom(seed: seed + UInt64(writer))
                let session = try Session(conninfo: conninfo)
                for _ in 0..<60 {
                    let transaction = try WriteTransaction(session: session, views: [view])
                    let rows = (0..<random.int(1...5)).map { _ in
                        HistoryRow([.int64(Int64(random.int(0...3)))], at: random.pick(times), [.int64(Int64(writer))])
                    }
                    _ = try transaction.write(TestStore.viewRows(rows, view), to: view)
                    Patience.pass(microseconds: random.int(0...5_000), "transactions overlap at random")
                    _ = try transaction.commit()
                }
            }
        }
        for round in 0..<8 {
            try fixture.build("v")
            // Files stay right for the state that they name, whatever is committed meanwhile.
            try fixture.expectRight("v", "seed \(seed), round \(round)")
        }
        for writer in writers { try writer.wait() }
        try fixture.build("v")
        try fixture.expectRight("v", "seed \(seed)")
        #expect(
            try fixture.segments("v").map(\.rows).reduce(0, +)
                == Int64(try store.session.query("SELECT count(*) FROM history.v").int64(0, 0) ?? -1)
        )
    }

    @Test func `only partitions with new rows are written, and a few new rows stay in PostgreSQL`() throws {
        let fixture = try SegmentFixture(try RemovalFixture().store)
        func ingest(_ count: Int, at time: Int64) throws {
            let rows = (0..<count).map { HistoryRow([.int64(Int64($0))], at: time + Int64($0), [.int64(1), .null]) }
            try fixture.store.ingest("stats", rows)
        }
        try ingest(1_000, at: Self.january + 100)
        let first = try fixture.build("stats")
        #expect((first.written, first.unchanged, first.behind) == (3, 0, 0))
        let files = try fixture.segments("stats").map(\.file)
        try ingest(3, at: Self.january + 500_000)
        let few = try fixture.build("stats", tailRows: 100)
        #expect((few.written, few.unchanged, few.behind, few.tailRows) == (0, 2, 1, 3))
        #expect(try fixture.segments("stats").map(\.file) == files)
        let head = try fixture.store.head()
        #expect(try fixture.segments("stats").map { $0.state.position < head.position } == [true, false, false])
        try fixture.expectRight("stats")
        // Five per cent of the file.
        try ingest(60, at: Self.january + 600_000)
        let many = try fixture.build("stats", tailRows: 100)
        #expect((many.written, many.unchanged, many.behind, many.rows) == (1, 2, 0, 1_069))
        let now = try fixture.segments("stats").map(\.file)
        #expect(zip(files, now).map { $0 == $1 } == [false, true, true])
        #expect(try fixture.directory().files() == now.sorted())
        try fixture.expectRight("stats")
        #expect(try fixture.build("stats", again: true).written == 3)
        try fixture.expectRight("stats")
    }

    @Test func `files that nobody marks are of no use after a forget, until a build writes those that had the entity`()
        throws
    {
        let removal = try RemovalFixture()
        let fixture = try SegmentFixture(removal.store)
        try fixture.build("stats")
        try fixture.build("items")
        let files = try fixture.segments("stats").map(\.file)
        // User 3 has history in January only.
        _ = try removal.forgetting("user", "3").run()
        let found = try fixture.find("stats")
        #expect(found.parts.count == 3 && found.parts.allSatisfy { $0.segment == nil })
        #expect(found.warnings.count == 3)
        #expect(found.warnings.allSatisfy { $0.contains("rows were forgotten since") })
        #expect(found.warnings.allSatisfy { $0.hasSuffix("`asof segments build stats` repairs it") })
        #expect(try fixture.warnings("items") == [])
        let summary = try fixture.build("stats")
        #expect((summary.written, summary.unchanged) == (1, 2))
        #expect(zip(files, try fixture.segments("stats").map(\.file)).map { $0 == $1 } == [false, true, true])
        try fixture.expectRight("stats")
    }

    @Test func `dropped partitions lose their files; those of others go on`() throws {
        let removal = try RemovalFixture()
        let fixture = try SegmentFixture(removal.store)
        try fixture.build("stats")
        let view = try fixture.store.view("stats")
        let bound = Timestamp(microseconds: RemovalFixture.february2024)
        _ = try HistoryDrop(fixture.session, view).run(before: bound)
        let found = try fixture.find("stats")
        #expect(found.parts.count == 2 && found.parts.allSatisfy { $0.segment != nil } && found.warnings.isEmpty)
        #expect(try fixture.directory().files().count == 3)
        let summary = try fixture.build("stats")
        #expect((summary.written, summary.unchanged) == (0, 2))
        #expect(try fixture.directory().files().count == 2)
        // The same month again is another partition.
        try fixture.store.ingest("stats", [HistoryRow([.int64(1)], at: Self.january, [.int64(1), .null])])
        #expect(try fixture.build("stats").written == 1)
        try fixture.expectRight("stats")
        // A retired view's files are nobody's.
        try removal.store.apply("entities: { user: { key: user_id, type: int64 } }\nviews: {}")
        let build = SegmentBuild(
            sessions: [fixture.session],
            directory: try fixture.directory(),
            format: ParquetSegments(),
            options: SegmentBuildOptions()
        )
        #expect(try build.sweep() == 3)
        #expect(try fixture.directory().files() == [])
    }

    @Test func `features come and go`() throws {
        let yaml = RemovalFixture.yaml
        let fixture = try SegmentFixture(try RemovalFixture().store)
        try fixture.build("stats")
        let more = yaml.replacingOccurrences(of: "x: float64", with: "x: float64, later: string")
        try fixture.store.apply(more)
        // A younger feature is null in the file.
        var found = try fixture.find("stats")
        #expect(found.warnings == [] && found.parts.allSatisfy { $0.columns == ["n", "x", nil] })
        #expect(try fixture.build("stats").written == 0)
        try fixture.expectRight("stats")
        try fixture.store.ingest(
            "stats",
            [HistoryRow([.int64(1)], at: Self.january + 9, [.null, .null, .string("s")])]
        )
        #expect(try fixture.build("stats").written == 1)
        try fixture.expectRight("stats")
        // Written while a feature is hidden, a file cannot tell what it has once it returns.
        try fixture.store.apply(yaml.replacingOccurrences(of: ", x: float64", with: ""))
        try fixture.build("stats", again: true)
        try fixture.expectRight("stats")
        try fixture.store.apply(more)
        found = try fixture.find("stats")
        #expect(found.parts.allSatisfy { $0.segment == nil })
        #expect(found.warnings.allSatisfy { $0.contains("was written while feature 'x' was retired") })
        let summary = try fixture.build("stats")
        #expect(summary.written == 3 && summary.repairs.count == 3)
        try fixture.expectRight("stats")
    }

    @Test func `features named as the directory's own columns get another folder`() throws {
        let yaml = "entities: { u: { key: u, type: int64 } }\nviews: { v: { entities: [u], features: { n: int64%@ } } }"
        let fixture = try SegmentFixture(try TestStore(String(format: yaml, "")))
        try fixture.store.ingest("v", [HistoryRow([.int64(1)], at: Self.january, [.int64(1)])])
        try fixture.build("v")
        #expect(try fixture.segments("v")[0].file.hasPrefix("view=v/part="))
        try fixture.store.apply(String(format: yaml, ", Part: int64"))
        #expect(try fixture.build("v").written == 1)
        #expect(try fixture.segments("v")[0].file.hasPrefix("view=v/part__="))
        #expect(try fixture.directory().files().count == 1)
        try fixture.expectRight("v")
    }
}
