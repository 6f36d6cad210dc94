/// Every bound of reading and writing files, with its reason. See `Limits` of Store for what of it users read.
enum ColumnarLimits {
    // MARK: Input files

    /// One CSV record or JSON line: a longer one is a quote that was not closed.
    static let recordBytesMax = 64 << 20
    /// How deep values of JSON Lines may be nested.
    static let jsonDepthMax = 100

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
