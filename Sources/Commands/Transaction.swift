package import Wire

/// The commands that stand between MULTI and EXEC; together they have the bounds of one request.
package struct Transaction: Sendable {
    package struct Queued: Sendable {
        /// Its place in the table.
        package var command: Int
        fileprivate var bytes: Range<Int>
        fileprivate var ranges: Range<Int>
    }

    package private(set) var commands: [Queued] = []
    /// Whether a command was refused, so that EXEC runs none.
    package var isBroken = false
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>] = []
    private var readArguments = 0

    package init() {}

    /// What it takes, a little less than exactly.
    package var byteCount: Int {
        bytes.capacity + ranges.capacity * MemoryLayout<Range<Int>>.stride
            + commands.capacity * MemoryLayout<Queued>.stride
    }

    /// - Returns: why the transaction would become too large, as an error; `nil` = the command is queued.
    package mutating func append(_ command: Int, isWrite: Bool, _ arguments: borrowing Arguments) -> String? {
        let start = bytes.count
        let firstRange = ranges.count
        var total = 0
        for index in 0..<arguments.count { total += arguments[index].count }
        func refusal(_ count: Int, _ what: String) -> String {
            "FSLIMIT the commands of a transaction together have more than \(count) \(what); send several"
        }
        if commands.count >= CommandLimits.transactionCommandsMax {
            return "FSLIMIT a transaction has more than \(CommandLimits.transactionCommandsMax) commands; send several"
        }
        if start + total > WireLimits.requestBytesMax {
            return refusal(WireLimits.requestBytesMax, "bytes of arguments")
        }
        if firstRange + arguments.count > WireLimits.argumentsMax {
            return refusal(WireLimits.argumentsMax, "arguments")
        }
        if !isWrite, readArguments + arguments.count > WireLimits.transactionReadArgumentsMax {
            return refusal(WireLimits.transactionReadArgumentsMax, "arguments that are not of writes")
        }
        if !isWrite { readArguments += arguments.count }
        for index in 0..<arguments.count {
            let from = bytes.count - start
            arguments[index].withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            ranges.append(from..<bytes.count - start)
        }
        commands.append(Queued(command: command, bytes: start..<bytes.count, ranges: firstRange..<ranges.count))
        return nil
    }

    @_lifetime(borrow self)
    package func arguments(_ queued: Queued) -> Arguments {
        Arguments(bytes: bytes.span.extracting(queued.bytes), ranges: ranges.span.extracting(queued.ranges))
    }
}
