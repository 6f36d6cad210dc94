/// How many of the records that a stream read last were set aside.
struct RejectWindow {
    /// Of each batch, the oldest first; together little more than ``WorkflowLimits/streamRejectWindowRecords``.
    private var batches: [(records: Int, rejects: Int)] = []
    private var records = 0
    private(set) var rejects = 0

    mutating func add(records: Int, rejects: Int) {
        guard records > 0 else { return }
        batches.append((records, rejects))
        self.records += records
        self.rejects += rejects
        while let first = batches.first, self.records - first.records >= WorkflowLimits.streamRejectWindowRecords {
            self.records -= first.records
            self.rejects -= first.rejects
            batches.removeFirst()
        }
    }

    /// More than one in a hundred; of fewer than ``WorkflowLimits/streamRejectWindowRecords`` as many as of so many.
    var isExceeded: Bool { rejects * 100 > max(records, WorkflowLimits.streamRejectWindowRecords) }
}
