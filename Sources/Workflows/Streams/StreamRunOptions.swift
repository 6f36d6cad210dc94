/// When a run of a stream ends by itself.
package enum StreamEnd: Sendable, Hashable {
    case never
    /// Once it has what the topic had when it began.
    case once
    /// Once nothing is left to read.
    case caughtUp
}

package struct StreamRunOptions: Sendable {
    package var end: StreamEnd
    package var lingerMs = WorkflowLimits.streamLingerMs
    /// For tests: of one commit.
    package var batchRecordsMax = WorkflowLimits.streamBatchRecordsMax
    package var reconnectMsMax = WorkflowLimits.streamReconnectMsMax

    package init(end: StreamEnd = .never) { self.end = end }
}

/// What a run of a stream has done.
package struct StreamSummary: Sendable, Hashable {
    /// Records that were read and stored, set aside or replaced.
    package var records = 0
    package var rows = 0
    package var rejects = 0
    /// Rows that a later one of the same key and time replaced within a batch.
    package var duplicates = 0
    package var batches = 0
    /// Batches that another process had stored before.
    package var lostBatches = 0
    /// Of the newest commit of rows.
    package var position: Int64?

    package init() {}
}

/// What a run tells while it goes on.
package enum StreamEvent: Sendable, Hashable {
    /// Where each partition goes on.
    case began(stream: String, [Int32: Int64])
    case stored(stream: String, StreamSummary)
    /// Another process was faster; this one goes on where that one ended.
    case lost(stream: String, String)
    /// It waits for PostgreSQL.
    case waiting(stream: String, String)
    case warning(stream: String, String)
    /// It has ended, and why.
    case failed(stream: String, String)
}

/// How the run of one stream ended.
package struct StreamOutcome: Sendable {
    package var stream: String
    package var summary: StreamSummary
    /// `nil` = it ended by itself, or was told to.
    package var failure: (any Error)?
}
