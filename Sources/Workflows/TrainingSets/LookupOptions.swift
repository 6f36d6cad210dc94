import Columnar
import Store
package import TrainingSets

/// How an export or a verification looks features up, and what it may use.
package struct LookupOptions: Sendable {
    /// `nil` = whichever the counts speak for; all give the same.
    package var engine: JoinEngine?
    /// Bytes that a scan may take, at least ``TrainingSetLimits/scanMemoryMinBytes``.
    package var memory: Int
    /// Threads at work at once, from 1.
    package var threads: Int
    package var segments: SegmentLocation

    package init(
        engine: JoinEngine? = nil,
        memory: Int = TrainingSetLimits.scanMemoryBytes,
        threads: Int = AvailableCPUs.count,
        segments: SegmentLocation = SegmentLocation()
    ) {
        self.engine = engine
        self.memory = memory
        self.threads = threads
        self.segments = segments
    }

    /// - Parameters:
    ///   - spineRows: rows of the spine, as far as they are known.
    ///   - warning: gets why segments are not read that are there.
    /// - Throws: as ``SegmentLocation/find(_:warning:)``; look-ups alone ask for no segments.
    func request(_ store: OpenStore, spineRows: Int?, warning: (String) -> Void) throws -> EngineRequest {
        let directory = engine == .probe ? nil : try segments.find(store, warning: warning)
        return EngineRequest(
            engine,
            source: ScanInputs(directory: directory, format: ParquetSegments()),
            limits: ScanLimits(memory: memory, threads: threads),
            spineRows: spineRows
        )
    }
}
