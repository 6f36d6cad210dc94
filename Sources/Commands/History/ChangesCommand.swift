import Features
import PointInTime
import Serving
import Store
import Synchronization
import Wire

/// FS.CHANGES: what was committed to a view, in order and without gaps.
enum ChangesCommand {
    static let changes = Command(
        "fs.changes",
        arity: -3,
        summary:
            "Rows committed to a view after a cursor: {cursor, rows: [[cursor, entity, event time, deleted, values] …]}.",
        group: .features,
        complexity: "O(rows) in PostgreSQL",
        flags: [.readonly, .blocking],
        arguments: [
            ArgumentSpec("view"), ArgumentSpec("cursor"),
            ArgumentSpec("count", .integer, token: "COUNT", isOptional: true),
            ArgumentSpec("milliseconds", .integer, token: "BLOCK", isOptional: true),
        ]
    ) { context, arguments in
        do throws(CommandFault) {
            let writes = try FeatureWrites.of(context)
            let view = try writes.source.catalog().served(arguments[1]).stored
            let cursor = try cursor(arguments, 2)
            var limit = countDefault
            var blockMs: Int64?
            var index = 3
            while index < arguments.count {
                if arguments.matches(index, "COUNT") {
                    limit = try HistoryCommands.count(arguments, index + 1, after: "COUNT", 1...HistoryCommands.rowsMax)
                } else if arguments.matches(index, "BLOCK") {
                    blockMs = try HistoryCommands.count(
                        arguments,
                        index + 1,
                        after: "BLOCK",
                        1...CommandLimits.changesBlockMsMax
                    )
                } else {
                    throw .unknownOption(arguments.text(index), command: "fs.changes", expected: "COUNT n, BLOCK ms")
                }
                index += 2
            }
            let feed = ChangeFeed(
                writes,
                view,
                context.reply.version,
                limit: Int(limit),
                asker: context.client.asker,
                deadline: blockMs.map { .now + .milliseconds($0) }
            )
            return .deferred(
                DeferredReply(cancel: { feed.cancel() }) { finish in feed.read(after: cursor, finish) }
            )
        } catch {
            context.fail(error)
            return .replied
        }
    }

    private static let countDefault: Int64 = 1_000

    /// `position-ordinal`; `nil` = `$`, what is committed from now on.
    private static func cursor(
        _ arguments: borrowing Arguments,
        _ index: Int
    ) throws(CommandFault) -> HistoryReader.Cursor? {
        let text = arguments[index]
        if text.count == 1, text[0] == UInt8(ascii: "$") { return nil }
        var dash = 0
        while dash < text.count, text[dash] != UInt8(ascii: "-") { dash += 1 }
        guard dash < text.count, let position = number(text.extracting(0..<dash)),
            let ordinal = number(text.extracting(dash + 1..<text.count))
        else {
            throw CommandFault(
                .value,
                "the cursor \(CommandFault.quoted(arguments.text(index))) is none; expected position-ordinal, 0-0 for the "
                    + "beginning, or $ for what comes from now on"
            )
        }
        return HistoryReader.Cursor(position: position, ordinal: ordinal)
    }

    private static func number(_ text: Span<UInt8>) -> Int64? {
        guard text.count > 0, text[0] &- UInt8(ascii: "0") <= 9 else { return nil }
        return try? ValueText.int64(text)
    }

    static func write(_ changes: HistoryReader.Changes, _ view: StoredView, _ reply: inout ReplyWriter) {
        reply.map(2)
        reply.bulk("cursor")
        reply.bulk(text(changes.next))
        reply.bulk("rows")
        reply.array(changes.rows.rowCount)
        for row in 0..<changes.rows.rowCount where !reply.isRefused {
            reply.array(5)
            reply.bulk(text(changes.cursors[row]))
            reply.bulk(EntityText.text(changes.keys.map { $0.value(row) }, keys: view.definition.keys))
            reply.integer(changes.rows.eventTimes[row])
            reply.bool(changes.rows.isDeleted[row])
            HistoryCommands.write(changes.rows, row, &reply)
        }
    }

    private static func text(_ cursor: HistoryReader.Cursor) -> String { "\(cursor.position)-\(cursor.ordinal)" }
}

/// One FS.CHANGES at work: reads, and while there is nothing waits until the view has moved and reads again.
private final class ChangeFeed: Sendable {
    typealias Finish = @Sendable (@escaping DeferredReply.Body) -> Void

    private let writes: FeatureWrites
    private let view: StoredView
    private let version: ProtocolVersion
    private let limit: Int
    private let asker: String
    /// By when it is answered without rows; `nil` = at once.
    private let deadline: ContinuousClock.Instant?
    private let isCancelled = Atomic<Bool>(false)
    private let waitID = Atomic<Int64>(0)

    init(
        _ writes: FeatureWrites,
        _ view: StoredView,
        _ version: ProtocolVersion,
        limit: Int,
        asker: String,
        deadline: ContinuousClock.Instant?
    ) {
        self.version = version
        self.writes = writes
        self.view = view
        self.limit = limit
        self.asker = asker
        self.deadline = deadline
    }

    func cancel() {
        isCancelled.store(true, ordering: .sequentiallyConsistent)
        writes.source.cancelWait(waitID.load(ordering: .sequentiallyConsistent))
    }

    func read(after cursor: HistoryReader.Cursor?, _ finish: @escaping Finish) {
        let key = ChangeReads.Key(
            view: view.id,
            shape: view.shape,
            cursor: cursor,
            limit: limit,
            version: version
        )
        writes.changes.read(key, view, writes.history, of: asker) { [self] outcome in
            switch outcome {
            case .failure(let fault): finish { $0.fault(fault) }
            case .rows(let reply): finish { $0.encoded(reply) }
            case .none(let next, isUnfinished: true) where !isCancelled.load(ordering: .sequentiallyConsistent):
                read(after: next, finish)
            case .none(let next, _):
                if wait(next, finish) { return }
                finish { [view] in ChangesCommand.write(HistoryReader.Changes(next: next), view, &$0) }
            }
        }
    }

    /// - Returns: whether it is worth waiting for more; then `finish` is called later.
    private func wait(_ next: HistoryReader.Cursor, _ finish: @escaping Finish) -> Bool {
        guard let deadline, !isCancelled.load(ordering: .sequentiallyConsistent) else { return false }
        let left = ContinuousClock.now.duration(to: deadline).components
        let leftMs = Int(left.seconds) * 1_000 + Int(left.attoseconds / 1_000_000_000_000_000)
        guard leftMs > 0 else { return false }
        let view = view
        let id = writes.source.whenMoved(view, next.position, leftMs) { [self] reached in
            switch reached {
            case .reached: read(after: next, finish)
            case .timedOut, .stopped:
                finish { [view] in ChangesCommand.write(HistoryReader.Changes(next: next), view, &$0) }
            }
        }
        // The wait may have ended already, and the next one begun on another thread: numbers ascend.
        waitID.max(id, ordering: .sequentiallyConsistent)
        if isCancelled.load(ordering: .sequentiallyConsistent) { writes.source.cancelWait(id) }
        return true
    }
}
