import Features
import Foundation
import Glibc
import Kafka
import Store

/// Reads one stream's topic and stores its records, batch by batch.
///
/// What was stored is known by the store alone: each batch moves the offsets in its own transaction, from where it began.
/// A batch that is not stored is read again; one that somebody else has stored is dropped. For one thread.
final class StreamRun<Source: RecordSource> {
    let source: Source
    let ingestion: StreamIngestion
    let options: StreamRunOptions
    private let control: RunControl
    let tell: (StreamEvent) -> Void
    let identity: TopicIdentity<Source>
    /// Asked for once brokers have answered, since without them it is waited for.
    lazy var origin = StreamOrigin(
        cluster: source.clusterID(),
        topic: source.topic,
        writer: "\(ProcessInfo.processInfo.hostName), process \(getpid())"
    )
    private var decoder: StreamDecoder
    var cursors: [Int32: StreamCursor] = [:]
    var batch = StreamBatch<Source.Chunk>()
    private var rejectWindow = RejectWindow()
    private var lostInARow = 0
    /// When it last stored something, asked for partitions, for definitions, and deleted old rejects.
    private var committed: ContinuousClock.Instant
    var refreshed = ContinuousClock.now
    private var looked = ContinuousClock.now
    private var cleaned = ContinuousClock.now
    /// What was stored so far.
    private(set) var summary: StreamSummary

    enum Ending {
        case done
        /// The definitions have changed: it is to be begun anew.
        case changed
    }

    init(
        _ source: Source,
        _ ingestion: StreamIngestion,
        options: StreamRunOptions,
        control: RunControl,
        summary: StreamSummary,
        tell: @escaping (StreamEvent) -> Void
    ) {
        self.source = source
        self.ingestion = ingestion
        self.options = options
        self.control = control
        self.summary = summary
        self.tell = tell
        identity = TopicIdentity(stream: ingestion.stream, source: source)
        decoder = StreamDecoder(ingestion.definition, ingestion.views)
        // Long ago, so that the first records do not wait for more.
        committed = .now - .seconds(3_600)
    }

    /// Until its end, or until the control says so; then what is not stored is dropped.
    /// - Parameter began: called once store and brokers have answered.
    func run(began: () -> Void) throws -> Ending {
        try begin(isFirst: true)
        began()
        tell(.began(stream: ingestion.stream, cursors.mapValues(\.next)))
        while !control.isOver {
            let chunk = source.poll(waitMs: waitMs)
            try take(chunk)
            if isDue(afterNothing: chunk.count == 0) { try commit() }
            if isDone {
                try commit()
                if isDone { return .done }
            }
            if try hasChanged() { return .changed }
            try refresh()
        }
        return .done
    }

    // MARK: What may have changed

    private func refresh() throws {
        guard refreshed.duration(to: .now) > .milliseconds(WorkflowLimits.streamPartitionsRefreshMs) else { return }
        refreshed = .now
        guard try source.partitions().contains(where: { cursors[$0] == nil }) else { return }
        try commit()
        try begin(isFirst: false)
    }

    private func hasChanged() throws -> Bool {
        guard looked.duration(to: .now) > .milliseconds(WorkflowLimits.streamDefinitionsCheckMs) else { return false }
        looked = .now
        if cleaned.duration(to: .now) > .milliseconds(WorkflowLimits.streamRejectsCleaningMs) {
            cleaned = .now
            try ingestion.deleteOldRejects()
        }
        return try !ingestion.isCurrent()
    }

    private var isDone: Bool {
        switch options.end {
        case .never: false
        case .once: cursors.values.allSatisfy { $0.hasReachedLimit && $0.unchecked == nil }
        case .caughtUp: cursors.values.allSatisfy { $0.isAtEnd && $0.unchecked == nil }
        }
    }

    // MARK: Taking records

    private func take(_ chunk: Source.Chunk) throws {
        if chunk.count > 0 { batch.begin(chunk) }
        for index in 0..<chunk.count {
            let record = chunk.record(index)
            guard var cursor = cursors[record.partition] else { continue }
            if let last = cursor.unchecked {
                if record.offset == last.offset { try identity.check(record, last) }
                // Where it was compacted away, the next one comes instead: then nothing can be told.
                if record.offset >= last.offset { cursor.unchecked = nil }
            }
            if record.offset >= cursor.read, cursor.limit.map({ record.offset < $0 }) ?? true {
                batch.append(index, record)
                cursor.read = record.offset + 1
                cursor.isAtEnd = false
            } else if let limit = cursor.limit, record.offset >= limit {
                cursor.read = max(cursor.read, limit)
            }
            cursors[record.partition] = cursor
        }
        for event in chunk.events { try take(event) }
    }

    private func take(_ event: KafkaEvent) throws {
        switch event {
        case .end(let partition, let offset):
            guard var cursor = cursors[partition], offset >= cursor.read else { return }
            cursor.unchecked = nil
            cursor.isAtEnd = true
            // What lies between are ends of transactions, or records of aborted ones.
            cursor.read = max(cursor.read, cursor.limit.map { min($0, offset) } ?? offset)
            cursors[partition] = cursor
        case .outOfRange(let partition):
            let bounds = try source.bounds(partition)
            let next = cursors[partition]?.read ?? 0
            _ = try identity.begin(partition, next: next, last: nil, bounds)
            // It is there after all: retention came between the look at the bounds and the read.
            try begin(isFirst: false)
        case .failed(let text):
            // The topic may be gone, which says more.
            _ = try source.partitions()
            throw StreamError.broker(stream: ingestion.stream, text)
        }
    }

    // MARK: Storing

    /// Whether there is something to store: records, or ends of transactions behind the last one.
    private var hasMoved: Bool { cursors.values.contains { $0.read > $0.next } }

    private var waitMs: Int {
        guard hasMoved else { return WorkflowLimits.streamPollWaitMs }
        let left = (committed + .milliseconds(options.lingerMs)) - .now
        return max(0, min(WorkflowLimits.streamPollWaitMs, Int(left / .milliseconds(1))))
    }

    private func isDue(afterNothing isEmpty: Bool) -> Bool {
        if batch.count >= options.batchRecordsMax || batch.byteCount >= WorkflowLimits.streamBatchBytesMax {
            return true
        }
        guard hasMoved, committed.duration(to: .now) >= .milliseconds(options.lingerMs) else { return false }
        guard !isEmpty, let begun = batch.begun else { return true }
        return begun.duration(to: .now) >= .milliseconds(min(WorkflowLimits.streamBatchAgeMsMax, options.lingerMs * 10))
    }

    private func commit() throws {
        guard hasMoved else { return }
        let checked = try StreamRows(batch.records, &decoder, ingestion)
        let stops = checked.stops(ingestion.definition.onError)
        var stop: StreamError?
        // Of each partition what comes before its first bad record is stored.
        for fault in stops.reversed() {
            let record = checked.records[fault.record]
            stop = .badRecord(identity.place(record.partition), offset: record.offset, reason: fault.reason)
            batch.cut(record.partition, from: record.offset)
            cursors[record.partition]?.read = record.offset
        }
        // Once more without them, so that what is counted of the rows is of those that are stored.
        try store(stop == nil ? checked : try StreamRows(batch.records, &decoder, ingestion))
        if let stop { throw stop }
    }

    private func store(_ checked: StreamRows) throws {
        let rejects = checked.rejects
        var window = rejectWindow
        window.add(records: checked.records.count, rejects: rejects.count)
        if let last = rejects.last, window.isExceeded {
            throw StreamError.tooManyRejects(
                stream: ingestion.stream,
                rejects: window.rejects,
                last: identity.place(last.partition),
                offset: last.offset,
                reason: last.reason
            )
        }
        let moves = cursors.sorted { $0.key < $1.key }.filter { $0.value.read > $0.value.next }.map {
            partition,
            cursor in
            let last = batch.last(of: partition).map {
                StreamMove.Last(offset: $0.offset, digest: $0.digest, timeUs: $0.timeUs)
            }
            return StreamMove(
                partition: partition,
                first: cursor.next,
                next: cursor.read,
                last: last,
                isNew: false
            )
        }
        guard !moves.isEmpty else { return }
        do throws(StoreError) {
            let written = try ingestion.write(checked.rows, moving: moves, rejects: rejects, origin: origin)
            for move in moves { cursors[move.partition]?.next = move.next }
            summary.records += checked.records.count
            summary.rows += written.counts.stored
            summary.duplicates += written.counts.duplicates
            summary.rejects += rejects.count
            summary.batches += written.state == nil ? 0 : 1
            summary.position = written.state?.position ?? summary.position
            rejectWindow = window
            lostInARow = 0
            batch = StreamBatch()
            committed = .now
            tell(.stored(stream: ingestion.stream, summary))
        } catch {
            guard case .streamMoved(_, _, _, let writer) = error else { throw error }
            summary.lostBatches += 1
            lostInARow += 1
            tell(.lost(stream: ingestion.stream, "\(error)"))
            guard lostInARow < WorkflowLimits.streamLostBatchesMax else {
                throw StreamError.outrun(stream: ingestion.stream, writer: writer)
            }
            try begin(isFirst: false)
        }
    }
}
