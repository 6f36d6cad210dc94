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
@testable import TrainingSets

/// Files stay of use after a forget on their host: its rows are passed over until a build writes them anew.
@Suite struct ForgottenRowsTests {
    private let removal: RemovalFixture
    private let segments: SegmentFixture
    private static let views = ["stats", "pairs", "items"]

    init() throws {
        removal = try RemovalFixture()
        segments = try SegmentFixture(removal.store)
        for view in Self.views { try segments.build(view, groupRows: 2_048) }
    }

    private func spine(users: ClosedRange<Int64>, items: [String]) -> ColumnBatch {
        let times = [0, RemovalFixture.january2024 + 5, RemovalFixture.february2024 + 9, Int64(1_735_689_600_000_000)]
        let rows = users.flatMap { user in items.flatMap { item in times.map { (user, item, $0) } } }
        return ColumnBatch(
            names: ["user_id", "item", "t"],
            columns: [
                Column(type: .int64, values: .int64(rows.map(\.0))),
                Column(type: .string, values: .text(TextValues(rows.map(\.1)))),
                Column(type: .timestamp, values: .int64(rows.map(\.2))),
            ],
            rowCount: rows.count
        )
    }

    /// What the scan of the files gives is what look-ups give; nothing is read from PostgreSQL for want of a file.
    private func expectSame(_ comment: Comment, spine: ColumnBatch, readsFiles: Bool = true) throws {
        let options = JoinOptions(witness: true)
        let state = try removal.store.head()
        let features = "stats.*,pairs.*,items.*"
        let probe = try removal.store.export(features, spine: spine, labelTime: "t", state: state, options: options)
        let scan = try removal.store.export(
            features,
            spine: spine,
            labelTime: "t",
            state: state,
            options: options,
            engine: try segments.scan()
        )
        #expect(scan.digest == probe.digest, comment)
        #expect(scan.counts == probe.counts, comment)
        guard readsFiles else { return }
        for view in Self.views {
            #expect(try segments.warnings(view) == [], comment)
            #expect(try segments.faults(view) == [], comment)
        }
    }

    private var plainSpine: ColumnBatch { spine(users: 1...4, items: ["a", "é", "none"]) }

    @Test func `a forgotten user is passed over in the same files, and the next build takes it from the disk`() throws {
        let files = try segments.segments("stats").map(\.file)
        try segments.forget("user", "3")
        #expect(try segments.segments("stats").map(\.file) == files)
        // User 3 has history in January only.
        #expect(try segments.segments("stats").map { $0.rows - $0.remainingRows } == [2, 0, 0])
        try expectSame("forgotten", spine: plainSpine)
        let summary = try segments.build("stats")
        #expect((summary.written, summary.unchanged) == (1, 2))
        #expect(zip(files, try segments.segments("stats").map(\.file)).map { $0 == $1 } == [false, true, true])
        #expect(try segments.segments("stats").allSatisfy { $0.removed.isEmpty })
        try segments.expectRight("stats")
        try expectSame("built", spine: plainSpine)
    }

    @Test func `an entity that is not a view's first key is passed over wherever it stands`() throws {
        try segments.forget("item", "a")
        #expect(try segments.segments("pairs").contains { $0.removed.count > 1 })
        try expectSame("an item", spine: plainSpine)
        try segments.forget("user", "2")
        try expectSame("and a user", spine: plainSpine)
        // Rows that come again are later ones.
        try removal.store.ingest(
            "stats",
            [HistoryRow([.int64(2)], at: RemovalFixture.january2024 + 5, [.int64(77), .null])]
        )
        try expectSame("the user again", spine: plainSpine)
        try segments.forget("user", "2")
        try expectSame("forgotten again", spine: plainSpine)
    }

    @Test func `all rows of a file may go`() throws {
        for user in ["1", "2", "3"] { try segments.forget("user", user) }
        #expect(try segments.segments("stats").allSatisfy { $0.remainingRows == 0 })
        try expectSame("nobody is left", spine: plainSpine)
        // Partitions without rows have no file.
        try segments.build("stats")
        #expect(try segments.directory().files().allSatisfy { !$0.hasPrefix("view=stats/") })
    }

    @Test func `a forget elsewhere makes files unreadable, also where one here follows`() throws {
        _ = try removal.forgetting("user", "3").run()
        #expect(try segments.warnings("stats").count == 3)
        try segments.forget("user", "2")
        #expect(try segments.warnings("stats").count == 3)
        try expectSame("both", spine: plainSpine, readsFiles: false)
        try segments.build("stats")
        try segments.forget("user", "1")
        #expect(try segments.warnings("stats") == [])
        try expectSame("all", spine: plainSpine, readsFiles: false)
    }

    @Test func `a file that a build replaces meanwhile is read only if the build saw the forget`() throws {
        try removal.store.ingest(
            "stats",
            [HistoryRow([.int64(2)], at: RemovalFixture.january2024 + 9, [.int64(1), .null])]
        )
        try segments.forget("user", "2", between: { try segments.build("stats") })
        #expect(try segments.warnings("stats").count == 1)
        try expectSame("replaced", spine: plainSpine, readsFiles: false)
        try segments.build("stats")
        try expectSame("built", spine: plainSpine)
    }

    @Test func `a damaged file is no obstacle to a forget, and gets no marks`() throws {
        let segment = try segments.segments("stats")[0]
        try Data([1]).write(to: URL(fileURLWithPath: try segments.directory().path(segment)))
        try segments.forget("user", "2")
        #expect(try segments.segments("stats").map(\.forgotten.count) == [0, 1, 1])
        try expectSame("damaged", spine: plainSpine, readsFiles: false)
    }

    @Test func `a forget that is given up leaves no marks`() throws {
        let before = try segments.segments("stats")
        let error = #expect(throws: StoreError.self) {
            let forgetting = try removal.forgetting("user", "2")
            let rows = try ForgottenRows(
                of: [try removal.store.view("stats")],
                column: "user_id",
                key: .int64(2),
                in: try segments.directory(),
                format: ParquetSegments(),
                segments.session
            )
            _ = try forgetting.run { batch throws(StoreError) in
                try rows.mark(batch)
                throw .conflict("enough")
            }
        }
        #expect("\(error!)".contains("enough"))
        #expect(try segments.segments("stats") == before)
        try expectSame("nothing was forgotten", spine: plainSpine)
    }

    @Test func `two forgets at once mark the rows of both`() throws {
        let conninfo = removal.store.conninfo
        let definitions = removal.store.registry.definitions
        let directory = try segments.directory()
        let work = ["1", "2", "3"].map { key in
            BackgroundWork { () throws(StoreError) in
                let session = try Session(conninfo: conninfo)
                let forgetting = try Forgetting(session, entity: "user", key: key, definitions)
                let rows = try ForgottenRows(
                    of: try forgetting.views().map(\.view),
                    column: "user_id",
                    key: forgetting.key,
                    in: directory,
                    format: ParquetSegments(),
                    session
                )
                _ = try forgetting.run(marking: { batch throws(StoreError) in try rows.mark(batch) })
            }
        }
        for part in work { try part.wait() }
        #expect(try segments.segments("stats").allSatisfy { $0.remainingRows == 0 && $0.forgotten.count == 3 })
        try expectSame("all at once", spine: plainSpine)
    }

    @Test func `whatever is forgotten, written and built, in any order, files give what look-ups give`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let items = (0..<12).map { "item \($0)" }
        let spine = self.spine(users: 0...30, items: Array(items.prefix(5)))
        for round in 0..<25 {
            let rows = (0..<random.int(0...300)).map { _ in
                (
                    user: Int64(random.int(0...30)), item: random.pick(items),
                    time: RemovalFixture.january2024 + Int64(random.int(0...4)) * RemovalFixture.month / 2
                        + Int64(random.int(0...3))
                )
            }
            if !rows.isEmpty {
                try removal.store.ingest(
                    "stats",
                    rows.map { HistoryRow([.int64($0.user)], at: $0.time, [.int64(Int64(round)), .float64(0.5)]) }
                )
                try removal.store.ingest(
                    "pairs",
                    rows.map { HistoryRow([.int64($0.user), .string($0.item)], at: $0.time, [.int64(Int64(round))]) }
                )
                try removal.store.ingest(
                    "items",
                    rows.map { HistoryRow([.string($0.item)], at: $0.time, [.int64(Int64(round))]) }
                )
            }
            if random.oneIn(3) { try segments.build(random.pick(Self.views), groupRows: 2_048) }
            for _ in 0..<random.int(0...2) {
                if random.oneIn(3) {
                    try segments.forget("item", random.pick(items))
                } else {
                    try segments.forget("user", "\(random.int(0...30))")
                }
            }
            try expectSame("seed \(seed), round \(round)", spine: spine)
        }
        for view in Self.views {
            try segments.build(view)
            try segments.expectRight(view, "seed \(seed)")
        }
    }
}
