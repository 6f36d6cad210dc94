import Reading
import Wire

/// A request's arguments, kept for later.
struct OwnedArguments: Sendable {
    private let bytes: [UInt8]
    private let ranges: [Range<Int>]
    /// Counts them while they are kept.
    let hold: ReadHold?

    /// - Throws: where there is no room to keep them, beside those of other reads.
    init(_ arguments: borrowing Arguments, _ memory: ReadMemory) throws(CommandFault) {
        hold = try memory.hold(arguments.copiedByteCount)
        (bytes, ranges) = arguments.copied()
    }

    var count: Int { ranges.count }

    func with<Result, Failure: Error>(
        _ body: (borrowing Arguments) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(Arguments(bytes: bytes.span, ranges: ranges.span))
    }
}
