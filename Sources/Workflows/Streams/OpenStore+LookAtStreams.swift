package import Features
import Foundation
import Kafka
import PointInTime
package import Store

/// How a stream stands.
package struct StreamStatus: Sendable {
    package struct Partition: Sendable, Hashable {
        package var partition: Int32
        /// `nil` = it was not read yet.
        package var position: StreamPosition?
        /// Where its committed records end; `nil` = the broker did not say.
        package var high: Int64?

        /// Records, and ends of transactions, that are not read yet.
        package var lag: Int64? {
            guard let position, let high else { return nil }
            return max(0, high - position.next)
        }

        /// How old the newest record that was read is, where more are there.
        package func lagUs(now: Int64) -> Int64? {
            guard let lag else { return nil }
            if lag == 0 { return 0 }
            return position?.last?.timeUs.map { max(0, now - $0) }
        }
    }

    package var definition: StreamDefinition
    /// By number.
    package var partitions: [Partition]
    package var rejects: Int
    /// Why nothing is known of the topic, or why it is not read any further.
    package var trouble: String?

    package var state: String {
        if trouble != nil { return "stalled" }
        if partitions.allSatisfy({ $0.position == nil }) { return "not read yet" }
        return partitions.allSatisfy { $0.lag == 0 } ? "caught up" : "behind"
    }
}

/// A record as `peek` shows it.
package struct PeekedRecord: Sendable {
    package var partition: Int32
    package var offset: Int64
    package var time: Timestamp?
    /// Of each view, by name: what would be stored, in the order key, event time, features.
    package var rows: [(view: String, values: [(name: String, value: Value)])]
    /// `nil` = it could be stored.
    package var fault: String?
}

extension OpenStore {
    /// How streams stand: what the store has read, and where their topics end.
    ///
    /// - Parameter names: none = all.
    package func streamStatus(_ names: [String], environment: [String: String]) throws -> [StreamStatus] {
        try control.run {
            let streams = try Registry.load(session).streams(named: names)
            let rejects = try StreamReject.counts(session)
            var all: [StreamStatus] = []
            for stream in streams {
                try control.check()
                let positions = try StreamPosition.all(of: stream.name, session)
                var status = StreamStatus(definition: stream, partitions: [], rejects: rejects[stream.name] ?? 0)
                var highs: [Int32: Int64] = [:]
                do {
                    let source = try StreamTopic(environment).open(stream)
                    let outlook = StreamOutlook(source, try StreamIngestion(session: session, stream: stream.name))
                    highs = try outlook.ends(positions)
                    if let obstacle = try outlook.obstacle(positions, highs) { status.trouble = "\(obstacle)" }
                } catch { status.trouble = "\(error)" }
                status.partitions = Set(positions.keys).union(highs.keys).sorted().map {
                    StreamStatus.Partition(partition: $0, position: positions[$0], high: highs[$0])
                }
                all.append(status)
            }
            return all
        }
    }

    /// Decodes, maps and checks records as a run would, and stores nothing.
    ///
    /// - Parameter count: from where the stream goes on; of one that was not read yet, and of one at its end, the newest.
    /// - Returns: in the order in which they came.
    package func peekStream(_ name: String, count: Int, environment: [String: String]) throws -> [PeekedRecord] {
        try control.run {
            let ingestion = try StreamIngestion(session: session, stream: name)
            let consumer = try StreamTopic(environment).open(ingestion.definition)
            let positions = try ingestion.positions()
            var offsets: [Int32: Int64] = [:]
            var (rest, wanted): ([Int32: Int64], Int64) = ([:], 0)
            for partition in try consumer.partitions() {
                let bounds = try consumer.bounds(partition)
                let next = positions[partition]?.next ?? bounds.high
                let start = next < bounds.high ? max(next, bounds.low) : max(bounds.low, bounds.high - Int64(count))
                guard start < bounds.high else { continue }
                offsets[partition] = start
                rest[partition] = bounds.high
                wanted += bounds.high - start
            }
            guard wanted > 0 else { return [] }
            try consumer.assign(offsets)
            var decoder = StreamDecoder(ingestion.definition, ingestion.views)
            var peeked: [PeekedRecord] = []
            let end = ContinuousClock.now + .milliseconds(WorkflowLimits.streamPeekWaitMs)
            while peeked.count < count, !rest.isEmpty, ContinuousClock.now < end {
                try control.check()
                let chunk = consumer.poll(waitMs: WorkflowLimits.streamPollWaitMs)
                let taken = min(chunk.count, count - peeked.count)
                let records = (0..<taken).map { chunk.record($0) }
                peeked += try Self.peeked(records, &decoder, ingestion)
                for event in chunk.events {
                    if case .end(let partition, _) = event { rest[partition] = nil }
                    if case .failed(let text) = event { throw StreamError.broker(stream: name, text) }
                }
            }
            return peeked
        }
    }

    private static func peeked(
        _ records: [KafkaRecord],
        _ decoder: inout StreamDecoder,
        _ ingestion: StreamIngestion
    ) throws -> [PeekedRecord] {
        // One by one, so that each has its own rows.
        try records.map { record in
            let decoded = decoder.decode([record])
            let checked =
                try decoded.faults.isEmpty ? StreamRows([record], &decoder, ingestion).faults.first?.reason : nil
            var peeked = PeekedRecord(
                partition: record.partition,
                offset: record.offset,
                time: record.timeUs.map { Timestamp(microseconds: $0) },
                rows: [],
                fault: decoded.faults.first?.reason ?? checked
            )
            for (view, rows) in zip(ingestion.views, decoded.rows) where rows.rowCount > 0 {
                var values: [(name: String, value: Value)] = []
                for (key, column) in zip(view.definition.keys, rows.keys) {
                    values.append((key.name, column.value(0)))
                }
                values.append(("_event_time", rows.eventTimes.value(0)))
                if rows.isDeleted != nil { values.append(("_deleted", .bool(true))) }
                for (feature, column) in zip(view.definition.features, rows.features) {
                    values.append((feature.name, feature.isPII ? .string("(pii)") : column.value(0)))
                }
                peeked.rows.append((view.name, values))
            }
            return peeked
        }
    }

    /// The newest records that a stream set aside, newest first, and how many there are.
    package func streamRejects(_ name: String, limit: Int) throws -> (newest: [StreamReject], count: Int) {
        try control.run {
            let stream = try Registry.load(session).stream(named: name)
            let newest = try StreamReject.newest(of: stream.name, limit: limit, session)
            return (newest, try StreamReject.counts(session)[stream.name] ?? 0)
        }
    }
}
