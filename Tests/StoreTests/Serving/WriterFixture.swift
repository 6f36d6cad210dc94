import Dispatch
import Features
import Foundation
import PointInTime
import Synchronization
import TestSupport

@testable import Serving
@testable import Store

/// A store with a group writer, and what the writer handed on.
final class WriterFixture: Sendable {
    let conninfo: String
    let writer: GroupWriter
    let views: [String: StoredView]
    private let committed: Mutex<[CommittedRows]>

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          a: { key: a, type: string }
          b: { key: b, type: string }
        views:
          stats: { entities: [user], features: { clicks: int64, ctr: float64 } }
          other: { entities: [user], partition: day, features: { clicks: int64, ctr: float64 } }
          wide: { entities: [a, b], features: { n: int64 } }
        """

    /// - Parameter settings: further parts of the writer's connection string.
    init(
        _ store: TestStore,
        lanes: Int = 2,
        settings: String = "",
        options: GroupWriter.Options = GroupWriter.Options()
    ) throws {
        conninfo = store.conninfo + " " + settings
        views = Dictionary(uniqueKeysWithValues: store.registry.views.map { ($0.name, $0) })
        let committed = CommittedLog()
        var options = options
        options.laneCount = lanes
        writer = GroupWriter(conninfo: conninfo, options: options) { rows, finish in
            if rows.isOwn { committed.append(rows) }
            finish()
        }
        self.committed = Mutex([])
        log = committed
        writer.start()
    }

    let log: CommittedLog

    final class CommittedLog: Sendable {
        private let groups = Mutex<[CommittedRows]>([])
        func append(_ rows: CommittedRows) { groups.withLock { $0.append(rows) } }
        var all: [CommittedRows] { groups.withLock { $0 } }
    }

    func part(_ name: String, _ rows: [HistoryRow]) -> RowWrite.Part {
        guard let view = views[name] else { preconditionFailure("the fixture has no view \(name)") }
        return RowWrite.Part(view: view, rows: TestStore.viewRows(rows, view))
    }

    /// A row of `stats` or `other`.
    static func row(_ user: Int64, at seconds: Int64, _ clicks: Int64) -> HistoryRow {
        HistoryRow([.int64(user)], at: seconds * 1_000_000, [.int64(clicks), .float64(Double(clicks) / 2)])
    }

    func write(_ name: String, _ rows: [HistoryRow], source: SourceSequence? = nil) -> RowWrite {
        RowWrite([RowWrite.Item(parts: [part(name, rows)], source: source)])
    }

    /// Submits and does not wait.
    func start(_ write: RowWrite, client: Int64 = 0) -> Answer {
        let answer = Answer()
        writer.submit(WriteJob(write) { answer.set($0) }, client: client)
        return answer
    }

    /// Submits, and waits for the answer.
    func put(_ write: RowWrite, client: Int64 = 0) -> Result<WriteReceipt, WriteFailure> {
        start(write, client: client).wait()
    }

    final class Answer: Sendable {
        private let result = Mutex<[Result<WriteReceipt, WriteFailure>]>([])
        private let isDone = DispatchSemaphore(value: 0)

        func set(_ value: Result<WriteReceipt, WriteFailure>) {
            result.withLock { $0.append(value) }
            isDone.signal()
        }

        func wait() -> Result<WriteReceipt, WriteFailure> {
            guard isDone.wait(timeout: .now() + 60) == .success else {
                return .failure(.timeout("the writer did not answer within 60 s"))
            }
            isDone.signal()
            let all = result.withLock { $0 }
            return all.count == 1 ? all[0] : .failure(.refused("answered \(all.count) times"))
        }
    }
}

extension Result<WriteReceipt, WriteFailure> {
    /// Of the first item; `nil` for a failure.
    var position: Int64? {
        guard case .success(let receipt) = self else { return nil }
        return receipt.items[0].position
    }

    var isDuplicate: Bool? {
        guard case .success(let receipt) = self else { return nil }
        return receipt.items[0].isDuplicate
    }

    var failure: WriteFailure? {
        guard case .failure(let failure) = self else { return nil }
        return failure
    }
}
