package import Columnar
package import Features
import Store
import TrainingSets

/// A training set that is wanted.
package struct ExportRequest: Sendable {
    package var spine: SpineSource
    /// The spine's column of label times.
    package var labelTime: String
    /// The spine's column of each row's own ledger position; `nil` = all rows read ``state``.
    package var positionColumn: String?
    /// Columns of the spine to leave out.
    package var dropped: [String] = []
    /// As ``Registry/plan(naming:_:)`` takes them.
    package var features: String
    package var state: LedgerStateChoice = .newest
    /// Whether a row counts only if it was known by the label time.
    package var knownAtLabel = false
    /// Whether each view's matched event time and position are wanted, too.
    package var witness = false
    /// Whether rows are read as a server reads them, see ``TrainingSetSpec/isServed``.
    package var isServed = false
    /// Of ``isServed``: the spine's column of each row's AT, null = none.
    package var atColumn: String?
    package var target: ExportTarget
    package var lookup = LookupOptions()

    package init(spine: SpineSource, labelTime: String, features: String, target: ExportTarget) {
        self.spine = spine
        self.labelTime = labelTime
        self.features = features
        self.target = target
    }
}

/// Where a spine comes from.
package enum SpineSource: Sendable {
    /// A path, `-` for standard input; a `nil` format is what the path's extension says.
    case file(String, format: FileFormat?, InputOptions)
    /// A SELECT, run read-only as the connected role.
    case query(String)

    /// As the manifest keeps it: the path or the query.
    var text: String {
        switch self {
        case .file(let path, _, _): path
        case .query(let sql): sql
        }
    }
}

/// A state of the store, as it is asked for.
package enum LedgerStateChoice: Sendable, Hashable {
    case newest
    /// The state that a ledger position names.
    case position(Int64)
    /// The state as it was committed by a time.
    case committed(by: Timestamp)

    func state(_ ledger: Ledger) throws(StoreError) -> LedgerState {
        switch self {
        case .newest: try ledger.head()
        case .position(let position): try ledger.state(at: position)
        case .committed(let time): try ledger.state(committedBy: time)
        }
    }
}
