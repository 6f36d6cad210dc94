import Reading
import Wire

/// A request's arguments, kept for later.
struct OwnedArguments: Sendable {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []
    /// Counts them while they are kept.
    let hold: ReadHold?

    /// - Throws: where there is no room to keep them, beside those of other reads.
    init(_ arguments: borrowing Arguments, _ memory: ReadMemory) throws(CommandFault) {
        hold = try memory.hold(arguments.byteCount + arguments.count * MemoryLayout<Range<Int>>.stride)
        for index in 0..<arguments.count {
            let start = bytes.count
            arguments[index].withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            ranges.append(start..<bytes.count)
        }
    }

    var count: Int { ranges.count }

    func with<Result, Failure: Error>(
        _ body: (borrowing Arguments) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(Arguments(bytes: bytes.span, ranges: ranges.span))
    }
}
