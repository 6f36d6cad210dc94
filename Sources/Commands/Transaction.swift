package import Wire

/// The commands that stand between MULTI and EXEC.
package struct Transaction: Sendable {
    package struct Queued: Sendable {
        /// Its place in the table.
        package var command: Int
        fileprivate var bytes: Range<Int>
        fileprivate var ranges: Range<Int>
    }

    static let commandsMax = 100_000
    static let bytesMax = 64 << 20

    package private(set) var commands: [Queued] = []
    /// Whether a command was refused, so that EXEC runs none.
    package var isBroken = false
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []

    package init() {}

    /// - Returns: `false` where the transaction would become too large.
    package mutating func append(_ command: Int, _ arguments: borrowing Arguments) -> Bool {
        let start = bytes.count
        let firstRange = ranges.count
        var total = 0
        for index in 0..<arguments.count { total += arguments[index].count }
        guard commands.count < Self.commandsMax, start + total <= Self.bytesMax else { return false }
        for index in 0..<arguments.count {
            let from = bytes.count - start
            arguments[index].withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            ranges.append(from..<bytes.count - start)
        }
        commands.append(Queued(command: command, bytes: start..<bytes.count, ranges: firstRange..<ranges.count))
        return true
    }

    @_lifetime(borrow self)
    package func arguments(_ queued: Queued) -> Arguments {
        Arguments(bytes: bytes.span.extracting(queued.bytes), ranges: ranges.span.extracting(queued.ranges))
    }
}
