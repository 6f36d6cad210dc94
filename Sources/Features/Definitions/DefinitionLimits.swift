/// The sizes that definitions may have, and why.
package enum DefinitionLimits {
    /// A features.yaml of a thousand views has some 300 KiB; beyond 1 MiB it is another file.
    package static let fileBytesMax = 1 << 20

    /// So many faults are reported at once; more would scroll the first one away.
    package static let issuesMax = 50

    /// Values of a file after its aliases are expanded: more than a file without aliases can spell.
    package static let nodesMax = 1 << 20

    /// Files that one features.yaml includes, all levels together: a file each for a thousand views.
    package static let includedFilesMax = 1_000

    /// The bytes of a features.yaml and its included files together: ``viewsMax`` views take some 3 MiB.
    package static let totalBytesMax = 4 << 20

    /// Their values together, aliases expanded: each may be anything up to ``nodesMax`` while the sum stays in memory.
    package static let totalNodesMax = 2 << 20

    /// Levels of files that include others; people need two or three.
    package static let includeDepthMax = 8

    /// Names in folders that are compared with the patterns of all includes: a pattern that lists a home folder ends here.
    package static let includeNamesMax = 100_000

    /// PostgreSQL plans and dumps fewer tables than this with ease.
    package static let viewsMax = 10_000
    package static let servicesMax = 10_000

    /// Columns of one service, and of one `--features`: what one reply or one exported row carries.
    package static let serviceColumnsMax = 20_000

    /// Key columns of one view: PostgreSQL's B-tree takes 32 columns, one of them the event time.
    package static let keysMax = 16

    /// One key value of type `string`, in bytes; checked per value at ingest. A B-tree entry holds 2,704 bytes.
    package static let keyBytesMax = 2_000

    /// Values that `in` of one feature lists: what somebody reads over; more of them are a table of their own.
    package static let allowedValuesMax = 10_000

    /// PostgreSQL's limit for one table.
    package static let tableColumnsMax = 1_600

    /// Columns of a history table that are ours: `_event_time`, `_known_at`, `_batch`, `_deleted`.
    package static let historyColumns = 4

    /// A row that is not TOASTed has to fit a page of 8,192 bytes, of which 8,160 are the row's. The rest is kept for
    /// padding: the table's column order is the order in which features were added, not that of the file.
    package static let rowBytesMax = 8_000

    /// What one variable-width value takes in its row at most when the row is full: PostgreSQL moves values out of the
    /// row only if they are longer than an aligned TOAST pointer.
    package static let variableWidthBytesMax = 24
}
