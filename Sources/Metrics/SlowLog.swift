import Synchronization

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
    private let entriesMax: Int
    private let state = Mutex(State())

    /// - Parameter entriesMax: how many are kept, the last ones.
    package init(thresholdUs: Int64, entriesMax: Int) {
        self.thresholdUs = thresholdUs
        self.entriesMax = entriesMax
    }

    package func isSlow(ns: Int64) -> Bool { thresholdUs >= 0 && ns / 1_000 >= thresholdUs }

    package func add(_ entry: Entry) {
        state.withLock { state in
            var entry = entry
            entry.id = state.nextID
            state.nextID += 1
            state.entries.append(entry)
            if state.entries.count > entriesMax { state.entries.removeFirst() }
        }
    }

    package func removeAll() { state.withLock { $0.entries.removeAll() } }
    /// How many there were, also those that are kept no more.
    package var total: Int64 { state.withLock { $0.nextID } }
    package var count: Int { state.withLock { $0.entries.count } }

    /// Newest first.
    package func newest(_ count: Int) -> [Entry] { state.withLock { $0.entries.suffix(count).reversed() } }
}
