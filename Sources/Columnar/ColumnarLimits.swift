/// Every bound of reading and writing files, with its reason. See `Limits` of Store for what of it users read.
enum ColumnarLimits {
    // MARK: Input files

    /// One CSV record or JSON line: a longer one is a quote that was not closed.
    static let recordBytesMax = 64 << 20
    /// How deep values of JSON Lines may be nested.
    static let jsonDepthMax = 100

    /// How many files a folder may have, whose names are kept: no table has more.
    static let partsMax = 1_000_000
    /// How deep folders `key=value` may lie.
    static let partDepthMax = 32
    /// Folders of a table of part files, each time that a way leads to it: links may make as many ways as they like.
    static let partFoldersMax = 100_000
    /// Names in the folders of such a table, those among them that are passed over.
    static let partNamesMax = 4_000_000
    /// The key of an object in storage that speaks S3, which has this bound itself.
    static let objectKeyBytesMax = 1_024

    // MARK: Inside

    /// The most characters of a value that a message shows.
    static let shownCharactersMax = 60

    static func check() {
        precondition(
            InputOptions().batchBytes <= recordBytesMax,
            "a record that is too long for a batch has one to itself"
        )
    }
}
