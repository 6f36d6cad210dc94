package import Wire

/// A request's arguments, kept for later.
package struct OwnedArguments: Sendable {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []

    package init(_ arguments: borrowing Arguments) {
        for index in 0..<arguments.count {
            let start = bytes.count
            arguments[index].withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            ranges.append(start..<bytes.count)
        }
    }

    package var count: Int { ranges.count }

    package func with<Result, Failure: Error>(
        _ body: (borrowing Arguments) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(Arguments(bytes: bytes.span, ranges: ranges.span))
    }
}
