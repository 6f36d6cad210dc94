package import Features

/// The formats that tables are read from and written to.
package enum FileFormat: String, CaseIterable, Sendable {
    case csv
    case jsonLines = "jsonl"
    case parquet
    /// Arrow IPC, the file format; the stream format is read, too.
    case arrow

    /// For messages.
    package static let spellings = "csv|jsonl|parquet|arrow"

    /// - Returns: `nil` where `name` is none of ``spellings`` (or `ndjson`, `feather`, `arrows`, `ipc`), in any
    ///   case.
    package init?(name: String) {
        switch name.lowercased() {
        case "csv": self = .csv
        case "jsonl", "ndjson": self = .jsonLines
        case "parquet": self = .parquet
        case "arrow", "arrows", "feather", "ipc": self = .arrow
        default: return nil
        }
    }

    /// The format that the extension of a file to read says, before one that says how it is compressed.
    /// - Parameter option: what the error says to use: an option and its values.
    /// - Throws: ``ColumnarError/unknownFormat(file:option:)``, also for `-`.
    package init(inputPath path: String, option: String = "--format \(spellings)") throws(ColumnarError) {
        if PartFolder.isFolder(path) {
            try self.init(of: try PartFolder(path), option: option)
            return
        }
        if ObjectName.isOne(path) { _ = try ObjectName(path) }
        let stem = path.dropLast(Compression(path: path)?.fileExtension.count ?? 0)
        guard let format = CSVDialect.isTabbed(path: path) ? .csv : Self.extensionFormat(stem) else {
            if let reason = InputHead.refusal(ofFile: path) { throw .malformed(.init(file: path), reason: reason) }
            throw .unknownFormat(file: InputFile.shownName(path), option: option)
        }
        self = format
    }

    /// The format that the extension of a file to write says.
    /// - Throws: ``ColumnarError/unknownFormat(file:option:)``, also for `-`; ``ColumnarError/cannotWrite(file:reason:)`` for
    ///   names that ask for compression.
    package init(outputPath path: String) throws(ColumnarError) {
        if ObjectName.isOne(path) { _ = try ObjectName(path) }
        if let compression = Compression(path: path) {
            throw .cannotWrite(
                file: path,
                reason: "\(compression.rawValue) is read, not written; use .parquet, which is compressed inside"
            )
        }
        guard let format = Self.extensionFormat(path[...]) else {
            throw .unknownFormat(file: InputFile.shownName(path), option: "--format \(Self.spellings)")
        }
        self = format
    }

    private static func extensionFormat(_ path: Substring) -> FileFormat? {
        let parts = (path.split(separator: "/").last ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last else { return nil }
        return FileFormat(name: String(last))
    }
}

/// How a table is read.
package struct InputOptions: Sendable {
    /// What an unquoted CSV field may say, besides nothing, to be null.
    package var nullTexts: [String] = []
    /// The unit of times given as integers; `nil` refuses them.
    package var timeUnit: TimeUnit?
    /// Whether integer times may lie in the first days of 1970, see ``DefinitionLimits/earlyUntilUs``.
    package var allowsEarly1970 = false
    /// Whether a JSON object may have keys that were not requested.
    package var isExtraIgnored = false
    /// What stands between fields of CSV; `nil` = what a first line `sep=;` says, a tab in `.tsv` files, else a comma.
    package var delimiter: UInt8?
    /// As ``CSVDialect/escape``.
    package var escape: UInt8?
    /// The columns of CSV that nobody will ask for: their names may be empty, or stand twice.
    package var leftOut = LeftOutColumns.none
    /// Whether rows that cannot be read are set aside (``TableReader/batchRejects``) instead of ending the reading.
    package var skipsBadRows = false
    /// The most rows of one batch.
    package var batchRows = 65_536
    /// A batch also ends after about so many bytes of input, so that wide rows keep memory bounded.
    package var batchBytes = 32 << 20
    /// The bytes read at a time; tests set it to one.
    package var chunkBytes = 256 << 10
    /// The most bytes of one CSV record or JSON line.
    package var recordBytesMax = ColumnarLimits.recordBytesMax

    /// How integer times are read.
    var times: TimeReading { TimeReading(unit: timeUnit, allowsEarly1970: allowsEarly1970) }

    package init(nullTexts: [String] = [], timeUnit: TimeUnit? = nil, isExtraIgnored: Bool = false) {
        self.nullTexts = nullTexts
        self.timeUnit = timeUnit
        self.isExtraIgnored = isExtraIgnored
    }
}

/// Columns of a file that nobody will ask for.
package enum LeftOutColumns: Sendable {
    case none
    /// Those of these names; the empty one = those without a name.
    case named(Set<String>)
    /// All but those that are asked for.
    case others

    func has(_ name: String) -> Bool {
        switch self {
        case .none: false
        case .named(let names): names.contains(name)
        case .others: true
        }
    }
}

/// A column that the caller wants, and as what.
package struct ColumnRequest: Sendable {
    package var sourceName: String
    package var type: FeatureType
    /// Where the column passes through as it came, its type, of which ``type`` is the carrier; else `nil`.
    package var passed: PassedType?
    /// JSON Lines only: whether an object without the key has a null there; otherwise it is an error.
    package var absentIsNull: Bool
    /// Which way times that are finer than µs are moved.
    package var rounding: TimeReading.Rounding
    /// Whether its values are kept out of messages.
    package var isPII: Bool
    /// Of texts: whether they may have U+0000, which never comes to PostgreSQL.
    package var keepsNul: Bool

    package init(
        sourceName: String,
        type: FeatureType,
        passed: PassedType? = nil,
        absentIsNull: Bool = false,
        rounding: TimeReading.Rounding = .down,
        isPII: Bool = false,
        keepsNul: Bool = false
    ) {
        precondition(passed == nil || passed?.carrier == type, "another carrier than the passed type's")
        self.sourceName = sourceName
        self.type = type
        self.passed = passed
        self.absentIsNull = absentIsNull
        self.rounding = rounding
        self.isPII = isPII
        self.keepsNul = keepsNul && type == .string && passed == nil
    }
}

/// A column that a file has.
package struct SourceColumn: Equatable, Sendable {
    package var name: String
    /// The type where the file says it (Parquet, Arrow IPC), and it has one here.
    package var type: FeatureType?

    package init(name: String, type: FeatureType? = nil) {
        self.name = name
        self.type = type
    }
}
