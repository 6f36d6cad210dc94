import Wire

@testable import Commands

extension Command {
    /// Runs the command as if its name and arguments had come in one request.
    func run(_ context: inout CommandContext, words: [[UInt8]]) -> CommandOutcome {
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for word in words {
            ranges.append(bytes.count..<bytes.count + word.count)
            bytes += word
        }
        return run(&context, Arguments(bytes: bytes.span, ranges: ranges.span))
    }
}

/// Calls `body` with words as the arguments of a request.
func withArguments(_ words: [[UInt8]], _ body: (borrowing Arguments) throws -> Void) throws {
    var bytes: [UInt8] = []
    var ranges: [Range<Int>] = []
    for word in words {
        ranges.append(bytes.count..<bytes.count + word.count)
        bytes += word
    }
    try body(Arguments(bytes: bytes.span, ranges: ranges.span))
}
