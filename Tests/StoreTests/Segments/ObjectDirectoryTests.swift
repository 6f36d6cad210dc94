import Columnar
import Features
import Foundation
import Operations
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Segments
@testable import Store

/// Object storage in memory.
private final class MemoryObjects: SegmentObjects {
    private let objects = Mutex<[String: [UInt8]]>([:])

    var names: [String] { objects.withLock { $0.keys.sorted() } }

    func store(_ name: String, _ text: String) { objects.withLock { $0[name] = Array(text.utf8) } }
    func read(_ name: String) -> [UInt8]? { objects.withLock { $0[name] } }
    func list(_ name: String) -> [String] {
        names.filter { $0.hasPrefix(name + "/") }.map { String($0.dropFirst(name.count + 1)) }
    }
    func put(_ path: String, as name: String) throws(StoreError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { throw .file("\(path): cannot be read") }
        objects.withLock { $0[name] = Array(data) }
        return "etag-\(data.count)"
    }
    func remove(_ name: String) throws(StoreError) {
        if refusesToRemove.load(ordering: .relaxed) { throw .file("\(name): access denied") }
        objects.withLock { $0[name] = nil }
    }
    let refusesToRemove = Atomic(false)
    func digest(_ name: String) throws(StoreError) -> [UInt8] { throw .file(name) }
}

/// Segments whose files are objects in memory.
private struct MemorySegments: SegmentFormat {
    let objects: MemoryObjects
    let scratch: Scratch

    func create(
        path: String,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [FeatureDefinition],
        featureIDs: [Int32]
    ) throws(HistoryRunError) -> any SegmentOutput {
        try ParquetSegments().create(path: path, keys: keys, event: event, features: features, featureIDs: featureIDs)
    }

    func open(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [String?]
    ) throws(HistoryRunError) -> any HistoryRun {
        let copy = scratch.path + "/" + UUID().uuidString
        guard let bytes = objects.read(path), FileManager.default.createFile(atPath: copy, contents: Data(bytes)) else {
            throw HistoryRunError(run: path, reason: "the object is missing")
        }
        return try ParquetSegments().open(path: copy, written: written, keys: keys, event: event, features: features)
    }
}

/// What a directory in object storage does without files: markers, turns of builds, sweeping.
@Suite struct ObjectDirectoryTests {
    private static let root = "s3://bucket/segments"

    @Test func `two hosts that make a directory at once make one`() throws {
        let store = try TestStore("")
        let objects = MemoryObjects()
        let makers = (0..<4).map { _ in
            BackgroundWork { [conninfo = store.conninfo] () throws(StoreError) in
                try SegmentDirectory.make(Self.root, objects: objects, try Session(conninfo: conninfo)).id
            }
        }
        let ids = try Set(makers.map { try $0.wait() })
        #expect(ids.count == 1)
        #expect(objects.names == [Self.root + "/.asof-segments"])
        let again = try SegmentDirectory.open(Self.root, storeID: try store.session.storeID(), objects: objects)
        #expect(again?.id == ids.first)
    }

    @Test func `a directory of another store, a damaged marker and a place that is taken are refused`() throws {
        let store = try TestStore("")
        let objects = MemoryObjects()
        func refusal() -> String {
            let error = #expect(throws: StoreError.self) {
                try SegmentDirectory.make(Self.root, objects: objects, store.session)
            }
            return error.map { "\($0)" } ?? ""
        }
        objects.store(Self.root + "/photo.jpg", "x")
        #expect(refusal().contains("is not empty and holds no segments"))
        objects.store(Self.root + "/.asof-segments", "nonsense")
        #expect(refusal().contains("this is no marker of segments"))
        objects.store(
            Self.root + "/.asof-segments",
            "directory \(UUID().uuidString)\nstore 00000000-0000-0000-0000-000000000000\n"
        )
        #expect(refusal().contains("these are segments of store 00000000"))
        // A sibling whose name begins the same is another place.
        try objects.remove(Self.root + "/.asof-segments")
        try objects.remove(Self.root + "/photo.jpg")
        objects.store(Self.root + "-old/photo.jpg", "x")
        _ = try SegmentDirectory.make(Self.root, objects: objects, store.session)
    }

    @Test func `builds of all hosts take turns, and a directory that was exchanged meanwhile is not swept`() throws {
        let store = try TestStore("")
        let objects = MemoryObjects()
        let directory = try SegmentDirectory.make(Self.root, objects: objects, store.session)
        let hasWaited = Mutex(false)
        let first = try directory.lock(conninfo: store.conninfo)
        let interruption = Interruption()
        let error = #expect(throws: StoreError.self) {
            _ = try directory.lock(conninfo: store.conninfo, interruption: interruption) {
                hasWaited.withLock { $0 = true }
                interruption.interrupt()
            }
        }
        #expect(error != nil)
        #expect(hasWaited.withLock { $0 })
        _ = consume first
        let second = try directory.lock(conninfo: store.conninfo)
        _ = consume second
        objects.store(
            Self.root + "/.asof-segments",
            "directory \(UUID().uuidString)\nstore \(try store.session.storeID())\n"
        )
        let exchanged = #expect(throws: StoreError.self) { _ = try directory.lock(conninfo: store.conninfo) }
        #expect(exchanged.map { "\($0)" }?.contains("is another directory than a moment ago") == true)
    }

    @Test func `only objects of ours are files, and what is not listed goes`() throws {
        let store = try TestStore("")
        let objects = MemoryObjects()
        let directory = try SegmentDirectory.make(Self.root, objects: objects, store.session)
        for name in ["view=a/part=1/1-a.parquet", "view__=b/part__=2/1-b.parquet", "view=a/part=1/", "notes.txt"] {
            objects.store(Self.root + "/" + name, "x")
        }
        #expect(try directory.files() == ["view=a/part=1/1-a.parquet", "view__=b/part__=2/1-b.parquet"])
        #expect(try directory.sweep(listed: ["view=a/part=1/1-a.parquet"]) == 1)
        #expect(try directory.files() == ["view=a/part=1/1-a.parquet"])
        #expect(objects.names.contains(Self.root + "/notes.txt"))
    }

    /// History of three months, and its segments as objects.
    private struct Built {
        let fixture: RemovalFixture
        let objects = MemoryObjects()
        let directory: SegmentDirectory
        private let format: MemorySegments

        init() throws {
            fixture = try RemovalFixture()
            directory = try SegmentDirectory.make(
                ObjectDirectoryTests.root,
                objects: objects,
                fixture.store.session
            )
            format = MemorySegments(objects: objects, scratch: try Scratch())
            try build()
        }

        func build() throws {
            var options = SegmentBuildOptions()
            options.tailRowsMax = 0
            let build = SegmentBuild(
                sessions: [fixture.store.session],
                directory: directory,
                format: format,
                options: options
            )
            _ = try build.sweep()
            #expect(try build.run(fixture.store.view("stats")).repairs == [])
        }

        /// The objects of a month, from 0.
        func files(month: Int) throws -> Set<String> {
            let folder = "part=\(try listed()[month].partition)/"
            return try Set(directory.files().filter { $0.contains(folder) })
        }

        func listed() throws -> [Segment] {
            try SegmentManifest(fixture.store.session, directory: directory.id).list()
        }

        func drop(_ views: [StoredView]?) throws -> SegmentRemoval.Outcome {
            try SegmentRemoval(fixture.store.session, directory: directory).run(views)
        }

        func age() throws {
            try fixture.store.session.execute(
                "UPDATE asof.replaced_segments SET replaced_at = now() - interval '25 hours'"
            )
        }
    }

    @Test func `objects without forgotten rows stay for their readers, also where others of the view were forgotten`()
        throws
    {
        let built = try Built()
        let before = try (0..<3).map { try built.files(month: $0) }
        // User 3 has rows in January only; February gets so many that its file is written anew.
        _ = try built.fixture.forgetting("user", "3").run()
        try built.fixture.store.ingest(
            "stats",
            (10..<40).map { HistoryRow([.int64($0)], at: RemovalFixture.february2024, [.int64($0), .null]) }
        )
        for _ in 0..<2 {
            try built.build()
            #expect(try built.files(month: 0).isDisjoint(with: before[0]))
            #expect(try built.files(month: 1).isSuperset(of: before[1]) && built.files(month: 1).count == 2)
            #expect(try built.files(month: 2) == before[2])
        }
        // What is forgotten later goes from what stays, too.
        _ = try built.fixture.forgetting("user", "1").run()
        try built.build()
        #expect(try built.files(month: 1).isDisjoint(with: before[1]))
    }

    @Test func `objects that are dropped stay for their readers for a day`() throws {
        let built = try Built()
        let before = try built.directory.files()
        var outcome = try built.drop([built.fixture.store.view("stats")])
        #expect(outcome.removed == 0 && outcome.kept == 3 && outcome.failures.isEmpty)
        #expect(try built.directory.files() == before && built.listed().isEmpty)
        outcome = try built.drop(nil)
        #expect(outcome.removed == 0 && outcome.kept == 3)
        try built.age()
        outcome = try built.drop(nil)
        #expect(outcome.removed == 3 && outcome.kept == 0)
        #expect(try built.directory.files() == [])
    }

    @Test func `objects that cannot be removed are told, and removed later`() throws {
        let built = try Built()
        _ = try built.fixture.forgetting("user", "1").run()
        built.objects.refusesToRemove.store(true, ordering: .relaxed)
        var outcome = try built.drop([built.fixture.store.view("stats")])
        #expect(outcome.removed == 0 && outcome.kept == 0 && outcome.failures.count == 3)
        #expect("\(outcome.failures[0])".contains("access denied"))
        outcome = try built.drop(nil)
        #expect(outcome.removed == 0 && outcome.failures.count == 3)
        built.objects.refusesToRemove.store(false, ordering: .relaxed)
        #expect(try built.drop(nil).removed == 3)
        #expect(try built.directory.files() == [])
    }
}
