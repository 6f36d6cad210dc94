import Synchronization
package import Wire

/// The last commands that took long.
package final class SlowLog: Sendable {
    package struct Entry: Sendable {
        package var id: Int64 = 0
        /// Seconds since 1970-01-01 UTC.
        package var time: Int64
        package var durationUs: Int64
        /// The first arguments, each cut.
        package var arguments: [[UInt8]]
        package var address: String
        package var name: String

        package init(time: Int64, durationUs: Int64, arguments: [[UInt8]], address: String, name: String) {
            self.time = time
            self.durationUs = durationUs
            self.arguments = arguments
            self.address = address
            self.name = name
        }
    }

    private struct State {
        var entries: [Entry] = []
        var nextID: Int64 = 0
    }

    /// Commands that take longer are kept; negative = none.
    package let thresholdUs: Int64
    private let state = Mutex(State())

    package init(thresholdUs: Int64) { self.thresholdUs = thresholdUs }

    package func isSlow(ns: Int64) -> Bool { thresholdUs >= 0 && ns / 1_000 >= thresholdUs }

    package func add(_ entry: Entry) {
        state.withLock { state in
            var entry = entry
            entry.id = state.nextID
            state.nextID += 1
            state.entries.append(entry)
            if state.entries.count > CommandLimits.slowLogEntriesMax { state.entries.removeFirst() }
        }
    }

    package func removeAll() { state.withLock { $0.entries.removeAll() } }
    package var count: Int { state.withLock { $0.entries.count } }

    /// Newest first.
    package func newest(_ count: Int) -> [Entry] { state.withLock { $0.entries.suffix(count).reversed() } }

    /// A command's arguments as the log keeps them.
    /// - Parameter keptMax: see ``Command/loggedMax``.
    package static func cut(_ arguments: borrowing Arguments, keeping keptMax: Int = .max) -> [[UInt8]] {
        var kept: [[UInt8]] = []
        let open = min(arguments.count, keptMax)
        let shown = open <= CommandLimits.slowLogArgumentsMax ? open : CommandLimits.slowLogArgumentsMax - 1
        for index in 0..<shown {
            let argument = arguments[index]
            var bytes = argument.extracting(0..<min(argument.count, CommandLimits.slowLogArgumentBytesMax))
                .withUnsafeBufferPointer { Array($0) }
            if argument.count > CommandLimits.slowLogArgumentBytesMax {
                bytes += Array("... (\(argument.count - CommandLimits.slowLogArgumentBytesMax) more bytes)".utf8)
            }
            kept.append(bytes)
        }
        if open < arguments.count {
            var bytes = 0
            for index in open..<arguments.count { bytes += arguments[index].count }
            let count = arguments.count - open
            kept.append(Array("(\(count) argument\(count == 1 ? "" : "s") with values, \(bytes) bytes)".utf8))
        } else if shown < arguments.count {
            kept.append(Array("... (\(arguments.count - shown) more arguments)".utf8))
        }
        return kept
    }
}
