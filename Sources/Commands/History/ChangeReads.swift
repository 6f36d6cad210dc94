import PointInTime
import Reading
import Serving
import Store
import Synchronization
import Wire

/// Reads of changes; those that ask for the same before one of them has begun share one read and one reply.
///
/// So a thousand clients that wait for a view, and are woken together, cost PostgreSQL one query and the server one reply.
final class ChangeReads: Sendable {
    struct Key: Hashable, Sendable {
        let view: Int32
        /// Of the view's columns.
        let shape: Int64
        /// `nil` = behind everything that is committed.
        let cursor: HistoryReader.Cursor?
        let limit: Int
        let version: ProtocolVersion
    }

    enum Outcome: Sendable {
        case failure(CommandFault)
        case rows(ReplyWriter)
        /// - Parameter isUnfinished: see ``HistoryReader/Changes/isUnfinished``.
        case none(next: HistoryReader.Cursor, isUnfinished: Bool)
    }

    typealias Finish = @Sendable (Outcome) -> Void

    private let waiting = Mutex<[Key: [Finish]]>([:])

    /// - Parameters:
    ///   - view: the key's.
    ///   - finish: called once, from any thread.
    ///   - asker: whose turn it is where it is the first of those that share a read.
    func read(
        _ key: Key,
        _ view: StoredView,
        _ workers: SessionWorkers,
        of asker: String,
        _ finish: @escaping Finish
    ) {
        let isFirst = waiting.withLock { waiting in
            let isFirst = waiting[key] == nil
            waiting[key, default: []].append(finish)
            return isFirst
        }
        guard isFirst else { return }
        let sharing = Sharing()
        workers.read(of: asker) { [self] (session) throws(StoreError) in
            // Whoever comes from now on may want what is committed from now on.
            sharing.list.withLock { $0 = take(key) }
            return try HistoryReader(session, view).changes(after: key.cursor, limit: key.limit)
        } finish: { [self] result in
            // Where there was no connection, nothing has begun.
            let all = sharing.list.withLock { $0 } ?? take(key)
            let outcome = Self.outcome(result, view, key.version)
            for finish in all { finish(outcome) }
        }
    }

    private func take(_ key: Key) -> [Finish] { waiting.withLock { $0.removeValue(forKey: key) } ?? [] }

    /// Who shares a read, once it has begun.
    private final class Sharing: Sendable {
        let list = Mutex<[Finish]?>(nil)
    }

    private static func outcome(
        _ result: Result<HistoryReader.Changes, StoreError>,
        _ view: StoredView,
        _ version: ProtocolVersion
    ) -> Outcome {
        switch result {
        case .failure(let error): return .failure(CommandFault(error))
        case .success(let changes):
            if changes.rows.rowCount == 0 { return .none(next: changes.next, isUnfinished: changes.isUnfinished) }
            // By the thread that read, since it may be large.
            var reply = ReplyWriter(version: version)
            ChangesCommand.write(changes, view, &reply)
            return .rows(reply)
        }
    }
}
