package import PointInTime
package import Segments
import Store

/// Where a scan finds files of sorted history.
package struct ScanInputs: Sendable {
    /// `nil` = there are none; PostgreSQL has everything.
    package var directory: SegmentDirectory?
    package var format: (any SegmentFormat)?

    package init() {}

    package init(directory: SegmentDirectory?, format: any SegmentFormat) {
        self.directory = directory
        self.format = format
    }
}

/// What a scan may use.
package struct ScanLimits: Sendable, Hashable {
    /// Bytes of memory, of the whole process.
    package var memory: Int
    /// Threads at work at once.
    package var threads: Int
    /// Rows of the spine that are joined at a time; `nil` = as many as fit into the memory.
    package var blockRows: Int?
    /// Bytes of that for rows that come from PostgreSQL; `nil` = a fair share.
    package var tailMemory: Int?
    /// Rows of a view of events that a thread has in memory at a time; `nil` = as many as fit.
    package var eventRows: Int?

    package init(
        memory: Int = TrainingSetLimits.scanMemoryBytes,
        threads: Int = AvailableCPUs.count,
        blockRows: Int? = nil,
        tailMemory: Int? = nil,
        eventRows: Int? = nil
    ) {
        self.memory = memory
        self.threads = threads
        self.blockRows = blockRows
        self.tailMemory = tailMemory
        self.eventRows = eventRows
    }
}
