import Workflows

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
        guard isDue() else { return }
        var line = "\(label): \(CountText.grouped(rows)) rows, \(Console.rate(rows, elapsed)), \(bytes >> 20) MiB"
        if let totalBytes, bytes > 0, totalBytes > bytes {
            let done = Double(bytes) / Double(totalBytes)
            line += " of \(totalBytes >> 20), \(remaining(done))"
        }
        show(line)
    }

    /// - Parameter done: the part of the work that is done, from 0 to 1.
    mutating func update(_ label: String, rows: Int, done: Double) {
        guard isDue() else { return }
        var line = "\(label): \(CountText.grouped(rows)) rows, \(Console.rate(rows, elapsed))"
        if done > 0, done < 1 { line += ", \(remaining(done))" }
        show(line)
    }

    mutating func update(_ text: @autoclosure () -> String) {
        if isDue() { show(text()) }
    }

    private mutating func isDue() -> Bool {
        guard !isQuiet else { return false }
        let now = ContinuousClock.now
        if let last, last.duration(to: now) < (isTerminal ? .milliseconds(200) : .seconds(10)) { return false }
        let isFirst = last == nil
        last = now
        return isTerminal || !isFirst
    }

    private func remaining(_ done: Double) -> String {
        let (seconds, _) = elapsed.components
        return "\(Int(done * 100)) %, \(Int(Double(seconds) * (1 - done) / done)) s left"
    }

    private mutating func show(_ line: String) {
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
