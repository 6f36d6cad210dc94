import Columnar
import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Segments
@testable import Store
@testable import TrainingSets

/// The scan, held to the oracle and to the probe.
@Suite struct ScanTests {
    /// A history in the making, whose segments are built at random moments.
    final class Data {
        let history: RandomHistory
        let segments: SegmentFixture
        let sessions: [Session]

        init(
            seed: UInt64,
            builds: Int,
            batches: Int = 4,
            collation: ThrowawayCluster.Collation = .bytewise
        ) throws {
            history = try RandomHistory(seed: seed, batches: batches, collation: collation)
            segments = try SegmentFixture(history.store)
            sessions = [history.store.session, try Session(conninfo: history.store.conninfo)]
            for _ in 0..<builds {
                for view in history.store.registry.views where !history.random.oneIn(3) {
                    try segments.build(
                        view.name,
                        tailRows: history.random.pick([0, 5]),
                        groupRows: history.random.pick([1, 3, 20, 1_000])
                    )
                }
                try history.extend(batches: batches)
            }
        }

        /// A scan with whatever limits; some are less than any tail needs, so that each run of it is given up once it is
        /// merged.
        func request(_ engine: JoinEngine? = .scan) throws -> EngineRequest {
            var limits = ScanLimits(
                memory: history.random.pick([1, TrainingSetLimits.scanMemoryMinBytes, 2 << 30]),
                threads: history.random.int(1...4)
            )
            if history.random.oneIn(2) { limits.tailMemory = history.random.int(1...20_000) }
            if history.random.oneIn(2) { limits.eventRows = history.random.int(1...60) }
            return EngineRequest(
                engine,
                source: ScanInputs(directory: try segments.directory(), format: ParquetSegments()),
                limits: limits
            )
        }
    }

    @Test(arguments: 101...106 as ClosedRange<UInt64>)
    func `a scan is what the oracle says, whatever the segments, tails, blocks and threads`(seed: UInt64) throws {
        let data = try Data(seed: seed, builds: 3)
        let history = data.history
        let spine = history.spine(200)
        for state in history.states.shuffled(using: &history.random).prefix(8) {
            for isKnownAtLabel in [false, true] {
                for service in ["model", "events"] {
                    let scanned = try history.expectOracle(
                        spine,
                        state,
                        isKnownAtLabel: isKnownAtLabel,
                        features: service,
                        sessions: data.sessions,
                        engine: try data.request(),
                        blockRows: history.random.int(20...250)
                    )
                    #expect(scanned.join.plan.engine == .scan)
                    #expect(scanned.join.warnings == [])
                }
            }
        }
    }

    @Test(arguments: [ThrowawayCluster.Collation.libc("C.UTF-8"), .icu("en-US"), .icu("cs-CZ")])
    func `the database's own collation changes nothing`(collation: ThrowawayCluster.Collation) throws {
        let data = try Data(seed: 107, builds: 2, collation: collation)
        try data.history.expectOracle(
            data.history.spine(300),
            try #require(data.history.states.last),
            isKnownAtLabel: false,
            sessions: data.sessions,
            engine: try data.request()
        )
    }

    @Test(arguments: 111...114 as ClosedRange<UInt64>)
    func `each row reads the state at its own position`(seed: UInt64) throws {
        let data = try Data(seed: seed, builds: Int(seed) % 3)
        let spine = data.history.spineWithPositions(300)
        let state = try #require(data.history.states.last)
        for isKnownAtLabel in [false, true] {
            for service in ["model", "events"] {
                try data.history.expectOracle(
                    spine,
                    state,
                    isKnownAtLabel: isKnownAtLabel,
                    features: service,
                    positionColumn: "at_position",
                    sessions: data.sessions,
                    engine: try data.request(),
                    blockRows: data.history.random.int(50...400)
                )
            }
        }
    }

    @Test(arguments: 121...123 as ClosedRange<UInt64>)
    func `without any segment PostgreSQL is read, run by run where memory is small`(seed: UInt64) throws {
        let data = try Data(seed: seed, builds: 0, batches: 12)
        let spine = data.history.spine(200)
        for state in data.history.states.suffix(3) {
            let probe = try data.history.store.export("model", spine: spine, labelTime: "t", state: state)
            var request = try data.request()
            // Less than any tail needs: each run of it is given up once it is merged.
            request.limits.memory = 1
            request.limits.tailMemory = data.history.random.int(1...20_000)
            let scan = try data.history.expectOracle(
                spine,
                state,
                isKnownAtLabel: false,
                sessions: data.sessions,
                engine: request,
                blockRows: 70
            )
            #expect(scan.counts == probe.counts)
            #expect(try #require(scan.join.scanReport).tailRows > 0)
        }
    }

    @Test func `engines give the same bytes and the same figures`() throws {
        let data = try Data(seed: 131, builds: 2)
        let spine = data.history.spine(500)
        let state = try #require(data.history.states.last)
        for service in ["model", "events", "windows", "visits.*,click_windows.*,clicks.*,visit_windows.*"] {
            try expectSame(service, data, spine, state)
        }
    }

    private func expectSame(_ features: String, _ data: Data, _ spine: ColumnBatch, _ state: LedgerState) throws {
        let probe = try data.history.store.export(features, spine: spine, labelTime: "t", state: state)
        for blockRows in [1, 37, 500] {
            let scan = try data.history.store.export(
                features,
                spine: spine,
                labelTime: "t",
                state: state,
                sessions: data.sessions,
                engine: try data.request(),
                blockRows: blockRows
            )
            #expect(scan.digest == probe.digest)
            #expect(scan.counts == probe.counts)
            #expect(scan.join.spineDigest.text == probe.join.spineDigest.text)
            #expect(scan.join.quality == probe.join.quality)
        }
    }

    @Test(arguments: 141...146 as ClosedRange<UInt64>)
    func `a damaged page of one view does not disturb what is read of the others`(seed: UInt64) throws {
        let data = try Data(seed: seed, builds: 2)
        let spine = data.history.spine(300)
        let state = try #require(data.history.states.last)
        for (hasEvents, services) in [(false, ["model"]), (true, ["events", "windows"])] {
            let damaged = try data.history.store.registry.views.first {
                try ($0.eventFeature != nil) == hasEvents && !data.segments.segments($0.name).isEmpty
            }
            guard let damaged else {
                // Of two views of events a seed may have built none.
                #expect(hasEvents)
                continue
            }
            for segment in try data.segments.segments(damaged.name) {
                let url = URL(fileURLWithPath: try data.segments.directory().path(segment))
                var bytes = try Foundation.Data(contentsOf: url)
                // In the first page, which has keys.
                bytes[60] ^= 1
                try bytes.write(to: url)
            }
            for service in services {
                let probe = try data.history.store.export(service, spine: spine, labelTime: "t", state: state)
                var request = try data.request()
                // Where the tail of events does not fit, no file of theirs is read.
                if hasEvents { request.limits = ScanLimits() }
                let scan = try data.history.store.export(
                    service,
                    spine: spine,
                    labelTime: "t",
                    state: state,
                    sessions: data.sessions,
                    engine: request,
                    blockRows: 120
                )
                #expect(scan.digest == probe.digest)
                // Of a few events it may be that none can be in a window of the spine's.
                #expect(hasEvents || !scan.join.warnings.isEmpty)
                #expect(scan.join.warnings.allSatisfy { $0.contains("segments build --again \(damaged.name)") })
            }
        }
    }

    @Test func `what was begun to be read has ended when a join ends without a block`() throws {
        let data = try Data(seed: 151, builds: 1)
        let spine = data.history.spine(1)
        let state = try #require(data.history.states.last)
        let spec = try data.history.store.spec("model", spine: spine, labelTime: "t", state: state)
        let join = try TrainingSetJoin(spec, sessions: data.sessions, engine: try data.request())
        join.prepare()
        try join.finish()
        for session in data.sessions { #expect(try session.query("SELECT 1").int32(0, 0) == 1) }
        #expect(join.rowCount == 0)
    }

    @Test func `row groups that can match nothing are not read, and progress ascends`() throws {
        let data = try Data(seed: 161, builds: 0, batches: 20)
        for view in data.history.store.registry.views { try data.segments.build(view.name, groupRows: 4) }
        let spine = data.history.spine(1)
        let state = try #require(data.history.states.last)
        let spec = try data.history.store.spec("model", spine: spine, labelTime: "t", state: state)
        let join = try TrainingSetJoin(spec, sessions: data.sessions, engine: try data.request())
        var shares: [Double] = []
        join.onProgress = { shares.append($0) }
        _ = try join.join(spine)
        try join.finish()
        let report = try #require(join.scanReport)
        #expect(report.counts.groups > 20)
        #expect(report.counts.groupsRead * 3 < report.counts.groups)
        #expect(report.counts.rowsTaken <= spec.plan.roles.count)
        #expect(report.fileBytes > 0)
        #expect(shares == shares.sorted() && shares.last == 1)
        #expect(shares.count > spec.plan.roles.count)
    }

    @Test(arguments: [(nil, JoinEngine.scan), (64, .probe), (100, .probe), (1_000_000, .scan)] as [(Int?, JoinEngine)])
    func `the planner takes look-ups for few rows and scans for many`(rows: Int?, engine: JoinEngine) throws {
        let data = try Data(seed: 171, builds: 1)
        let spine = data.history.spine(1)
        let state = try #require(data.history.states.last)
        let spec = try data.history.store.spec("model", spine: spine, labelTime: "t", state: state)
        var request = try data.request(nil)
        request.spineRows = rows
        #expect(try TrainingSetJoin(spec, sessions: data.sessions, engine: request).plan.engine == engine)
    }
}
