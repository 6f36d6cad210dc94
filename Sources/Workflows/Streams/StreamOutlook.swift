import Features
import Kafka
import Store

/// What a run of a stream would meet next, found out without one: where the topic's partitions end, and whether the records that
/// come next are such as it ends at.
struct StreamOutlook<Source: RecordSource> {
    private let source: Source
    private let ingestion: StreamIngestion
    private let identity: TopicIdentity<Source>

    init(_ source: Source, _ ingestion: StreamIngestion) {
        self.source = source
        self.ingestion = ingestion
        identity = TopicIdentity(stream: ingestion.stream, source: source)
    }

    /// Where the partitions end, of a topic that is still the one that was read.
    func ends(_ positions: [Int32: StreamPosition]) throws -> [Int32: Int64] {
        let partitions = try source.partitions()
        try identity.check(positions, cluster: source.clusterID(), partitions: partitions)
        var highs: [Int32: Int64] = [:]
        for partition in partitions {
            let bounds = try source.bounds(partition)
            highs[partition] = bounds.high
            guard let position = positions[partition] else { continue }
            _ = try identity.begin(partition, next: position.next, last: position.last, bounds)
        }
        return highs
    }

    /// The first of what a run would end at, of the record that comes next in each partition that has more.
    ///
    /// - Parameter highs: as ``ends(_:)`` found them.
    /// - Returns: `nil` also where the records did not come within ``WorkflowLimits/streamStatusWaitMs``.
    func obstacle(_ positions: [Int32: StreamPosition], _ highs: [Int32: Int64]) throws -> StreamError? {
        var offsets: [Int32: Int64] = [:]
        for (partition, position) in positions {
            guard let high = highs[partition], position.next < high else { continue }
            // From the newest record that was taken, where it is still there: it tells whether the topic was made anew.
            let bounds = try source.bounds(partition)
            offsets[partition] =
                try identity.begin(partition, next: position.next, last: position.last, bounds).offset
        }
        guard !offsets.isEmpty else { return nil }
        try source.assign(offsets)
        var decoder = StreamDecoder(ingestion.definition, ingestion.views)
        var rest = Set(offsets.keys)
        let end = ContinuousClock.now + .milliseconds(WorkflowLimits.streamStatusWaitMs)
        while !rest.isEmpty, ContinuousClock.now < end {
            let chunk = source.poll(waitMs: WorkflowLimits.streamPollWaitMs)
            for index in 0..<chunk.count {
                let record = chunk.record(index)
                guard rest.contains(record.partition), let position = positions[record.partition] else { continue }
                if let last = position.last, record.offset == last.offset { try identity.check(record, last) }
                guard record.offset >= position.next else { continue }
                rest.remove(record.partition)
                let rows = try StreamRows([record], &decoder, ingestion)
                guard let stop = rows.stops(ingestion.definition.onError).first else { continue }
                return .badRecord(identity.place(record.partition), offset: record.offset, reason: stop.reason)
            }
            for event in chunk.events {
                if case .end(let partition, _) = event { rest.remove(partition) }
                if case .failed(let text) = event { throw StreamError.broker(stream: ingestion.stream, text) }
            }
        }
        return nil
    }
}
