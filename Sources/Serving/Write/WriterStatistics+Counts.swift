import Metrics
import Store

extension WriterStatistics {
    mutating func add(_ counts: WriteCounts) {
        rows += UInt64(counts.stored)
        lateRows += UInt64(counts.late)
        duplicateRows += UInt64(counts.duplicates)
    }
}
