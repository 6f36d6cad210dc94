import Features
import Kafka
import Store

/// Where a run begins to read.
extension StreamRun {
    /// Reads where the store stands, makes new partitions known there, and begins to read.
    ///
    /// - Parameter isFirst: whether the ends of the partitions are looked up, for a run that ends there.
    func begin(isFirst: Bool) throws {
        batch = StreamBatch()
        let partitions = try source.partitions()
        var positions = try ingestion.positions()
        try identity.check(positions, cluster: origin.cluster, partitions: partitions)
        let new = partitions.filter { positions[$0] == nil }
        if !new.isEmpty {
            try makeKnown(new, isAdded: !positions.isEmpty)
            positions = try ingestion.positions()
        }
        let limits = isFirst ? [:] : cursors.mapValues(\.limit)
        cursors = [:]
        var offsets: [Int32: Int64] = [:]
        for partition in partitions {
            guard let position = positions[partition] else { continue }
            var cursor = StreamCursor(next: position.next)
            let bounds = try source.bounds(partition)
            let begin = try identity.begin(partition, next: position.next, last: position.last, bounds)
            if begin.isChecked { cursor.unchecked = position.last }
            cursor.limit = isFirst ? (options.end == .once ? bounds.high : nil) : limits[partition] ?? nil
            offsets[partition] = begin.offset
            cursors[partition] = cursor
        }
        try source.assign(offsets)
        refreshed = .now
    }

    /// Writes down where partitions begin that the store has not heard of: what `latest` means is decided once.
    ///
    /// - Parameter isAdded: whether the stream was read before; then nothing of them may be left out.
    private func makeKnown(_ partitions: [Int32], isAdded: Bool) throws {
        if isAdded {
            tell(
                .warning(
                    stream: ingestion.stream,
                    "partition \(partitions.map(String.init).joined(separator: ", ")) is new and read from its start; keys may "
                        + "have moved between partitions, which changes nothing here"
                )
            )
        }
        var moves: [StreamMove] = []
        for partition in partitions {
            let bounds = try source.bounds(partition)
            var start = bounds.low
            if !isAdded {
                switch ingestion.definition.start {
                case .earliest: break
                case .latest: start = bounds.high
                case .time(let time):
                    start = try source.offset(partition, atMs: Self.milliseconds(time.microseconds)) ?? bounds.high
                }
            }
            moves.append(StreamMove(partition: partition, first: start, next: start, last: nil, isNew: true))
        }
        do throws(StoreError) {
            _ = try ingestion.write([], moving: moves, rejects: [], origin: origin)
        } catch {
            // Somebody else has made them known meanwhile.
            guard case .streamMoved = error else { throw error }
        }
    }

    /// Up, so that no record before the time is read.
    private static func milliseconds(_ microseconds: Int64) -> Int64 {
        microseconds / 1_000 + (microseconds % 1_000 > 0 ? 1 : 0)
    }
}
