import Columnar
import Features
import Foundation
import PointInTime
import Synchronization
import TestSupport
import Testing

@testable import Segments
@testable import Store

/// Files that are missing, damaged or another's.
@Suite struct SegmentFaultTests {
    /// A fixture whose view `stats` has three files.
    private func built() throws -> SegmentFixture {
        let fixture = try SegmentFixture(try RemovalFixture().store)
        try fixture.build("stats")
        return fixture
    }

    enum Damage: CaseIterable {
        case missing, empty, truncated, longer, otherFooter, otherFile
    }

    @Test(arguments: Damage.allCases)
    func `a damaged file is told, not read, and repaired by a build`(damage: Damage) throws {
        let fixture = try built()
        let segment = try fixture.segments("stats")[1]
        let path = try fixture.directory().path(segment)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        switch damage {
        case .missing: try FileManager.default.removeItem(atPath: path)
        case .empty: bytes = Data()
        case .truncated: bytes.removeLast(bytes.count / 2)
        case .longer: bytes.append(0)
        case .otherFooter: bytes[bytes.count - 20] ^= 4
        case .otherFile:
            let other = try fixture.directory().path(try fixture.segments("stats")[2])
            bytes = try Data(contentsOf: URL(fileURLWithPath: other))
        }
        if damage != .missing { try bytes.write(to: URL(fileURLWithPath: path)) }
        let warnings = try fixture.warnings("stats")
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains(path) == true)
        #expect(warnings.first?.contains("`asof segments build stats` repairs it") == true)
        #expect(try fixture.faults("stats").count == 1)
        let summary = try fixture.build("stats")
        #expect((summary.written, summary.unchanged, summary.repairs.count) == (1, 2, 1))
        try fixture.expectRight("stats")
    }

    @Test func `check finds a flipped bit that nobody reads`() throws {
        let fixture = try built()
        let path = try fixture.directory().path(try fixture.segments("stats")[0])
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[200] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(try fixture.faults("stats") == ["its SHA-256 is another"])
    }

    @Test func `check finds a file that lacks rows of history`() throws {
        let fixture = try built()
        try fixture.session.execute(
            "DELETE FROM history.stats WHERE user_id = 1 AND _event_time = '2024-01-01T00:00:00Z'"
        )
        #expect(try fixture.faults("stats").count == 1)
    }

    @Test func `files of another timeline are not read`() throws {
        let fixture = try built()
        try fixture.session.execute("UPDATE asof.batches SET uid = gen_random_uuid()")
        #expect(try fixture.find("stats").warnings.allSatisfy { $0.contains("another timeline") })
        #expect(try fixture.find("stats").parts.allSatisfy { $0.segment == nil })
        #expect(try fixture.build("stats").written == 3)
        try fixture.expectRight("stats")
    }

    @Test func `directories of one store do not disturb each other`() throws {
        let fixture = try built()
        try fixture.build("stats", in: "other")
        try fixture.build("items", in: "other")
        try fixture.store.ingest(
            "stats",
            [HistoryRow([.int64(7)], at: RemovalFixture.february2024, [.null, .null])]
        )
        try fixture.build("stats", in: "other")
        try fixture.expectRight("stats")
        try fixture.expectRight("stats", in: "other")
        #expect(try fixture.segments("items").isEmpty)
        let directory = try fixture.directory("other")
        let lock = try directory.lock(conninfo: "")
        #expect(
            try SegmentRemoval(fixture.session, directory: directory).run([try fixture.store.view("stats")]).removed
                == 3
        )
        #expect(try SegmentRemoval(fixture.session, directory: directory).run(nil).removed == 3)
        _ = consume lock
        #expect(try directory.files() == [])
        try fixture.expectRight("stats")
        #expect(try fixture.directory().files().count == 3)
    }

    @Test func `two builds at once in one directory leave it right`() throws {
        let fixture = try built()
        for round in 0..<4 {
            let time = RemovalFixture.january2024 + Int64(round)
            try fixture.store.ingest("stats", [HistoryRow([.int64(9)], at: time, [.int64(Int64(round)), .null])])
            let conninfo = fixture.store.conninfo
            let path = try fixture.directory().root
            let storeID = try fixture.session.storeID()
            let view = try fixture.store.view("stats")
            let builds = (0..<2).map { _ in
                BackgroundWork { () throws(StoreError) in
                    let directory = try SegmentDirectory.make(path, storeID: storeID)
                    let lock = try directory.lock(conninfo: "")
                    let build = SegmentBuild(
                        sessions: [try Session(conninfo: conninfo)],
                        directory: directory,
                        format: ParquetSegments(),
                        options: SegmentBuildOptions()
                    )
                    _ = try build.sweep()
                    let written = try build.run(view).written
                    _ = consume lock
                    return written
                }
            }
            let written = try builds.map { try $0.wait() }
            // The file is small, so that one row is more than five per cent of it.
            #expect(written.sorted() == [0, 1], "round \(round)")
            try fixture.expectRight("stats", "round \(round)")
        }
    }

    @Test func `what a killed run left is swept, and nothing else`() throws {
        let fixture = try built()
        let directory = try fixture.directory()
        let files = try directory.files()
        for stray in [".building/1-2", "view=stats/part=1/9-9.parquet", "view=gone/part=7/1-1.parquet"] {
            let url = URL(fileURLWithPath: directory.root + "/" + stray)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data([1]).write(to: url)
        }
        let kept = ["notes.txt", "view=stats/README", "elsewhere/part=1/a.parquet"]
        for name in kept {
            let url = URL(fileURLWithPath: directory.root + "/" + name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data([1]).write(to: url)
        }
        let check = SegmentCheck(fixture.session, directory: directory, format: ParquetSegments())
        #expect(try check.strays() == ["view=gone/part=7/1-1.parquet", "view=stats/part=1/9-9.parquet"])
        try fixture.build("stats")
        #expect(try directory.files() == files)
        for name in kept { #expect(FileManager.default.fileExists(atPath: directory.root + "/" + name)) }
        #expect(!FileManager.default.fileExists(atPath: directory.root + "/view=gone"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.root + "/.building") == [])
    }

    @Test func `a directory of another store or of other files is refused`() throws {
        let fixture = try built()
        let root = try fixture.directory().root
        #expect(throws: StoreError.self) {
            try SegmentDirectory.make(root, storeID: "00000000-0000-0000-0000-000000000000")
        }
        let other = fixture.scratch.path + "/mine"
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: other + "/thesis.txt"))
        #expect(throws: StoreError.self) { try SegmentDirectory.make(other, storeID: try fixture.session.storeID()) }
        #expect(try SegmentDirectory.open(other, storeID: "x") == nil)
        try "nonsense".write(toFile: other + "/.asof-segments", atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) { try SegmentDirectory.open(other, storeID: "x") }
    }
}
