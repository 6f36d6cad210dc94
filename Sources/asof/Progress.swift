/// A line that is rewritten on a terminal, at most five times a second; where standard error is no terminal, a line
/// every ten seconds; nothing where the user wants quiet.
struct Progress {
    private let isQuiet: Bool
    private let isTerminal = Console.isErrorTerminal
    private let start = ContinuousClock.now
    private var last: ContinuousClock.Instant?
    private var hasLine = false

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    var elapsed: Duration { start.duration(to: .now) }

    /// - Parameters:
    ///   - bytes: read so far, and in all where that is known, from which the remaining time is estimated.
    mutating func update(_ label: String, rows: Int, bytes: Int, totalBytes: Int?) {
        guard !isQuiet else { return }
        let now = ContinuousClock.now
        if let last, last.duration(to: now) < (isTerminal ? .milliseconds(200) : .seconds(10)) { return }
        if last == nil && !isTerminal {
            last = now
            return
        }
        last = now
        var line = "\(label): \(Console.grouped(rows)) rows, \(Console.rate(rows, elapsed)), \(bytes >> 20) MiB"
        if let totalBytes, bytes > 0, totalBytes > bytes {
            let done = Double(bytes) / Double(totalBytes)
            let (seconds, _) = elapsed.components
            let left = Int(Double(seconds) * (1 - done) / done)
            line += " of \(totalBytes >> 20), \(Int(done * 100)) %, \(left) s left"
        }
        if isTerminal {
            Console.writeErrorRaw("\r\u{1B}[2K\(line)")
            hasLine = true
        } else {
            Console.writeError(line)
        }
    }

    /// Removes the line, so that a result can be printed.
    mutating func clear() {
        guard hasLine else { return }
        Console.writeErrorRaw("\r\u{1B}[2K")
        hasLine = false
    }
}
