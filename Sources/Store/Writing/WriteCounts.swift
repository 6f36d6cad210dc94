/// What a write did to one view.
package struct WriteCounts: Sendable, Hashable {
    /// Rows stored in history.
    package var stored = 0
    /// Rows that a later row of the same batch, key and event time replaced.
    package var duplicates = 0
    /// Entities whose newest row of the batch was older than their online row.
    package var late = 0

    package init(stored: Int = 0, duplicates: Int = 0, late: Int = 0) {
        self.stored = stored
        self.duplicates = duplicates
        self.late = late
    }

    package mutating func add(_ other: WriteCounts) {
        stored += other.stored
        duplicates += other.duplicates
        late += other.late
    }
}
