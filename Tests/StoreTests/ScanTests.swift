import Columnar
import Features
import Foundation
import PointInTime
import TestSupport
import Testing

@testable import Store

/// The scan, held to the oracle and to the probe.
@Suite struct ScanTests {
    /// A history in the making, whose segments are built at random moments.
    final class Data {
        let history: RandomHistory
        let segments: SegmentFixture
        let sessions: [Session]

        init(seed: UInt64, builds: Int, batches: Int = 4) throws {
            history = try RandomHistory(seed: seed, batches: batches)
            segments = try SegmentFixture(history.store)
            sessions = [history.store.session, try Session(conninfo: history.store.conninfo)]
            for _ in 0..<builds {
                for view in history.store.registry.views where !history.random.oneIn(3) {
                    try segments.build(
                        view.name,
                        tailRows: history.random.pick([0, 5]),
                        memoryBytes: history.random.pick([1, 1 << 30])
                    )
                }
                try history.extend(batches: batches)
            }
        }

        /// A scan with whatever limits.
        func request(_ engine: JoinEngine? = .scan, memory: Int? = nil) throws -> EngineRequest {
            EngineRequest(
                engine,
                source: ScanSource(directory: try segments.directory(), format: ParquetSegments()),
                limits: ScanLimits(memory: memory ?? Limits.scanMemoryMin, threads: history.random.int(1...4))
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
                let scanned = try history.expectOracle(
                    spine,
                    state,
                    isKnownAtLabel: isKnownAtLabel,
                    sessions: data.sessions,
                    engine: try data.request(),
                    blockRows: history.random.int(20...250)
                )
                #expect(scanned.join.plan.engine == .scan)
                #expect(scanned.join.warnings == [])
            }
        }
    }

    @Test(arguments: 111...114 as ClosedRange<UInt64>)
    func `each row reads the state at its own position`(seed: UInt64) throws {
        let data = try Data(seed: seed, builds: Int(seed) % 3)
        let spine = data.history.spineWithPositions(300)
        let state = try #require(data.history.states.last)
        for isKnownAtLabel in [false, true] {
            try data.history.expectOracle(
                spine,
                state,
                isKnownAtLabel: isKnownAtLabel,
                positionColumn: "at_position",
                sessions: data.sessions,
                engine: try data.request(),
                blockRows: data.history.random.int(50...400)
            )
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
            _ = probe
            #expect(try #require(scan.join.scanReport).tailRows > 0)
        }
    }

    @Test func `engines give the same bytes and the same figures`() throws {
        let data = try Data(seed: 131, builds: 2)
        let spine = data.history.spine(500)
        let state = try #require(data.history.states.last)
        let probe = try data.history.store.export("model", spine: spine, labelTime: "t", state: state)
        for blockRows in [1, 37, 500] {
            let scan = try data.history.store.export(
                "model",
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
}
