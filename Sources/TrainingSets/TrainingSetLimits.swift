/// Every bound of joins and exports, with its reason. See ``Limits`` for what of it users read.
package enum TrainingSetLimits {
    // MARK: Memory

    /// Memory of a scan, where `--memory` says nothing else.
    package static let scanMemoryBytes = 2 << 30
    /// The least that `--memory` may say: a scan's base and the smallest block need it.
    package static let scanMemoryMinBytes = 256 << 20

    // MARK: Blocks

    /// Spine rows of one statement of `--engine probe`: its arrays stay small, its transaction short.
    package static let probeRowsMax = 8_192
    /// Spine rows of a scan's block at least, since all of history passes by for each block, though values are so long that
    /// fewer would fit into the memory.
    static let scanBlockRowsMin = 1_024
    /// Spine rows of a scan's block at most: larger ones gain nothing.
    static let scanBlockRowsMax = 8_388_608

    // MARK: Inside

    /// Rows of a view of events that a thread of a scan has in memory at a time, at least and at most, unless one key has more:
    /// fewer would read row groups several times over, more gain nothing.
    static let scanEventsMin = 65_536
    static let scanEventsMax = 2_097_152
    /// Spine rows that look-ups get at a time: they come from a file in batches of about as many.
    static let probeBatchRows = 65_536
    /// Of a scan's memory, what the process takes beside the rows at work: libraries, file buffers, the writer's open row
    /// group.
    static let scanBaseBytes = 224 << 20
    /// Spine rows of the first block where values may be of any length and none has been seen.
    static let scanFirstBlockRows = 1_048_576

    static func check() {
        precondition(scanBaseBytes < scanMemoryMinBytes && scanMemoryMinBytes <= scanMemoryBytes)
        precondition(scanBlockRowsMin <= scanFirstBlockRows && scanFirstBlockRows <= scanBlockRowsMax)
        precondition(probeRowsMax <= probeBatchRows && scanEventsMin <= scanEventsMax)
    }
}
