/// What definitions, and the values that they describe, may be at most, with its reason. See `Limits` of Store for what of it users read.
package enum DefinitionLimits {
    // MARK: features.yaml

    /// One file: one of a thousand views has some 300 KiB; beyond this it is another kind of file.
    package static let fileBytesMax = 1 << 20
    /// Values of one file after its aliases are expanded: more than a file without aliases can spell.
    package static let nodesMax = 1 << 20
    /// Files that one features.yaml includes, all levels together: a file each for a thousand views.
    package static let includedFilesMax = 1_000
    /// Levels of files that include others; people need two or three.
    package static let includeDepthMax = 8
    /// A features.yaml and its included files together: as many views as there may be take some 3 MiB.
    package static let totalBytesMax = 4 << 20
    /// Values of a features.yaml and its included files together, aliases expanded: each may have as many as it likes while
    /// the sum stays in memory.
    package static let totalNodesMax = 2 << 20
    /// Names in folders that are compared with the patterns of all includes: a pattern that lists a home folder ends here.
    package static let includeNamesMax = 100_000
    /// Faults that are reported at once; more would scroll the first one away.
    package static let issuesMax = 50

    // MARK: Definitions

    /// Characters of a name: of entities, keys, views, features, services and aliases.
    package static let nameLengthMax = 48
    /// Views: PostgreSQL plans and dumps fewer tables than this with ease.
    package static let viewsMax = 10_000
    /// Services.
    package static let servicesMax = 10_000
    /// Models: a server keeps versions of each in memory.
    package static let modelsMax = 1_000
    /// Streams: each is a consumer with its own connections.
    package static let streamsMax = 1_000
    /// Members and elements of a path into a record.
    package static let streamPathStepsMax = 32
    /// Columns of one service, and of one `--features`: what one reply or one exported row carries.
    package static let serviceColumnsMax = 20_000
    /// Key columns of one view: PostgreSQL's B-tree takes 32 columns, one of them the event time.
    package static let keysMax = 16
    /// Columns of one view's table, with the keys and 4 of ours: PostgreSQL's limit.
    package static let tableColumnsMax = 1_600
    /// One row without its long values, which PostgreSQL keeps apart: it has to fit a page.
    ///
    /// Of a page's 8,192 bytes 8,160 are the row's. The rest is kept for padding: the table's column order is the order in
    /// which features were added, not that of the file.
    package static let rowBytesMax = 8_000
    /// Numbers of a `vector(n)`: a row of 4-byte floats beyond it would not be worth keeping in PostgreSQL.
    package static let vectorDimensionsMax = 16_000
    /// Values that `in` of one feature lists: what somebody reads over; more of them are a table of their own.
    package static let allowedValuesMax = 10_000
    /// Rows below which a batch says nothing about `max_null`.
    package static let judgedRowsMin = 100

    // MARK: Values

    /// One value of type `string` or `bytes`.
    package static let valueBytesMax = 1 << 20
    /// One key of type `string`. Checked per value at ingest; a B-tree entry holds 2,704 bytes.
    package static let keyBytesMax = 2_000
    /// What identifies an event of an event view, as a string: with a key of the longest it fits a B-tree entry.
    package static let eventBytesMax = 500
    /// Integer times from 1970 on and before this are refused, without `--allow-1970`: they are times in a wrong unit.
    ///
    /// 100 days: so are times of the years 2001 to 2243 in seconds read as ms, and those in any unit read as a finer one.
    package static let earlyUntilUs: Int64 = 100 * 86_400_000_000

    // MARK: Inside

    /// Columns of a history table that are ours: `_event_time`, `_known_at`, `_batch`, `_deleted`. An
    /// event view has one more, `_event`.
    package static let historyColumns = 4
    /// What one variable-width value takes in its row at most when the row is full: PostgreSQL moves values out of the
    /// row only if they are longer than an aligned TOAST pointer.
    package static let variableWidthBytesMax = 24
}
