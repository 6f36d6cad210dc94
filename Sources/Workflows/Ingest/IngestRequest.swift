package import Columnar
package import Features
package import Store

/// A file whose rows are to be stored.
package struct IngestRequest: Sendable {
    package enum Content: Sendable {
        case table(TableRules)
        /// Points that name their views: any, or this one alone. `precision` is the unit of their times; tags and fields that
        /// their views do not have are left out where `ignoresExtra`.
        case lineProtocol(view: String?, precision: TimeUnit, ignoresExtra: Bool = false)
    }

    /// `-` is standard input.
    package var file: String
    package var content: Content
    /// What the source is called instead of the file's name.
    package var source: String?
    /// What becomes of features that the file or an object does not have; `nil` = as the view says.
    package var missing: MissingPolicy?
    /// Accepts integer times in the first 100 days of 1970.
    package var allowsEarly1970 = false
    /// Where rows are set aside that cannot be read or stored, see ``RejectsFile``; `nil` = the first one ends the ingest.
    package var rejects: String?
    /// ``IngestionOptions/meaning`` and ``IngestionOptions/skipsBadRows`` follow from the request.
    package var options = IngestionOptions()

    package init(file: String, content: Content) {
        self.file = file
        self.content = content
    }

    /// The file as messages name it.
    package var shown: String { file == "-" ? "standard input" : file }
}

/// Which columns of a table are which parts of a view's rows, and how they are read.
package struct TableRules: Sendable {
    package var view: String
    /// `nil` = what the file's extension says.
    package var format: FileFormat?
    /// Columns of another name than their key or feature.
    package var mapped: [(column: String, target: String)] = []
    /// `nil` = the only column that could be.
    package var eventTime: String?
    package var knownAt: String?
    package var deleted: String?
    /// Leaves out columns that the view does not have.
    package var ignoresExtra = false
    /// More spellings of null in CSV.
    package var nullTexts: [String] = []
    /// As ``InputOptions/delimiter`` and ``InputOptions/escape``.
    package var delimiter: UInt8?
    package var escape: UInt8?
    /// Of integer times; `nil` refuses them.
    package var timeUnit: TimeUnit?

    package init(view: String) { self.view = view }
}

/// How far a file was read.
package struct IngestProgress: Sendable, Hashable {
    package let rows: Int
    /// Of the file as it is stored.
    package let bytes: Int
    /// `nil` for pipes.
    package let totalBytes: Int?
}
