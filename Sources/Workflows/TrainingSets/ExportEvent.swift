package import TrainingSets

/// What an export tells while it is under way.
package enum ExportEvent {
    /// Segments that are there and are not read, with the reason; the result's warnings have it not.
    case warning(String)
    /// How the set is made; comes once, before the first block of the spine is joined.
    case planned(ExportPlan)
    case progress(ExportProgress)
}

/// How an export is made.
package struct ExportPlan: Sendable {
    /// The engine, and what spoke for it.
    package let join: JoinPlan
    /// Rows of the spine, as far as they are known.
    package let spineRows: Int?
    /// Rows of the spine that are joined at a time.
    package let blockRows: Int
}

/// How far an export is.
package struct ExportProgress: Sendable, Hashable {
    /// How messages call the spine: its file, `standard input`, or `--spine-sql`.
    package let spine: String
    /// Rows that are in the set.
    package let rows: Int
    /// The part of the work that is done, from 0 to 1; 0 where nothing tells.
    package let done: Double
}
