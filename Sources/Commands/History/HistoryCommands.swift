import Features
import PointInTime
import Reading
import Serving
import Store
import TrainingSets
import Wire

/// FS.ASOF and FS.RANGE: an entity's history, from PostgreSQL.
enum HistoryCommands {
    /// Rows of one FS.RANGE or FS.CHANGES.
    static let rowsMax = Int64(ServingLimits.historyRowsMax)

    static let asof = Command(
        "fs.asof",
        arity: -4,
        summary: "The row of an entity that was valid at a time, as a training set with that label time has it.",
        group: .features,
        complexity: "one look-up in PostgreSQL",
        flags: [.readonly],
        arguments: [
            ArgumentSpec("view"), ArgumentSpec("entity", .key), ArgumentSpec("time"),
            ArgumentSpec("position", .integer, token: "POSITION", isOptional: true),
            ArgumentSpec("meta", .token, token: "META", isOptional: true),
            ArgumentSpec("early", .token, token: "ALLOW1970", isOptional: true),
        ]
    ) { context, arguments in
        do throws(CommandFault) {
            let writes = try FeatureWrites.of(context)
            let view = try writes.source.catalog().served(arguments[1]).stored
            let keys = try view.entity(arguments[2])
            let time = try TimeWord.request(
                arguments[3],
                now: writes.source.now(),
                allowsEarly1970: TimeWord.allowsEarly1970(arguments, from: 4)
            )
            var position: Int64?
            var isMeta = false
            var index = 4
            while index < arguments.count {
                if arguments.matches(index, "META") {
                    isMeta = true
                } else if arguments.matches(index, "ALLOW1970") {
                } else if arguments.matches(index, "POSITION") {
                    index += 1
                    position = try count(arguments, index, after: "POSITION", 0...Int64.max)
                } else {
                    throw .unknownOption(
                        arguments.text(index),
                        command: "fs.asof",
                        expected: "POSITION p, META, ALLOW1970"
                    )
                }
                index += 1
            }
            let (at, hasMeta) = (position, isMeta)
            return .deferred(
                deferred(writes, context.reply.version, of: context.client.asker) { (session) throws(StoreError) in
                    let ledger = Ledger(session)
                    let state: LedgerState
                    if let at { state = try ledger.state(at: at) } else { state = try ledger.head() }
                    return try EntityLookup(session).read(
                        ViewRole(whole: view),
                        keys: keys,
                        .at(Timestamp(microseconds: time)),
                        state: state
                    )
                } reply: { row, reply in
                    write(row, view, hasMeta: hasMeta, &reply)
                }
            )
        } catch {
            context.fail(error)
            return .replied
        }
    }

    private static func write(_ row: EntityRow, _ view: StoredView, hasMeta: Bool, _ reply: inout ReplyWriter) {
        let features = view.definition.features
        func values() {
            reply.map(features.count)
            for (feature, value) in zip(features, row.values) where !reply.isRefused {
                reply.bulk(feature.name)
                reply.value(value)
            }
        }
        guard hasMeta else { return values() }
        reply.map(5)
        reply.bulk("values")
        values()
        reply.bulk("status")
        reply.map(features.count)
        for (feature, status) in zip(features, row.statuses) {
            reply.bulk(feature.name)
            reply.bulk(status.rawValue)
        }
        reply.bulk("event_time")
        if let time = row.eventTime { reply.integer(time.microseconds) } else { reply.null() }
        reply.bulk("position")
        if let position = row.position { reply.integer(position) } else { reply.null() }
        reply.bulk("rules")
        reply.bulk(ServiceRules(view.definition).fingerprint)
    }

    static let range = Command(
        "fs.range",
        arity: -5,
        summary: "An entity's rows between two event times, from history: [event time, values], null values = deleted.",
        group: .features,
        complexity: "O(rows) in PostgreSQL",
        flags: [.readonly],
        arguments: [
            ArgumentSpec("view"), ArgumentSpec("entity", .key), ArgumentSpec("from"), ArgumentSpec("to"),
            ArgumentSpec("count", .integer, token: "COUNT", isOptional: true),
            ArgumentSpec("rev", .token, token: "REV", isOptional: true),
            ArgumentSpec("early", .token, token: "ALLOW1970", isOptional: true),
        ]
    ) { context, arguments in
        do throws(CommandFault) {
            let writes = try FeatureWrites.of(context)
            let view = try writes.source.catalog().served(arguments[1]).stored
            let keys = try view.entity(arguments[2])
            let now = writes.source.now()
            let isEarly = TimeWord.allowsEarly1970(arguments, from: 5)
            let from = try bound(arguments[3], "-", Timestamp.earliest, now, isEarly)
            let to = try bound(arguments[4], "+", Timestamp.latest, now, isEarly)
            var limit: Int64?
            var isReversed = false
            var index = 5
            while index < arguments.count {
                if arguments.matches(index, "REV") {
                    isReversed = true
                } else if arguments.matches(index, "ALLOW1970") {
                } else if arguments.matches(index, "COUNT") {
                    index += 1
                    limit = try count(arguments, index, after: "COUNT", 1...rowsMax)
                } else {
                    throw .unknownOption(
                        arguments.text(index),
                        command: "fs.range",
                        expected: "COUNT n, REV, ALLOW1970"
                    )
                }
                index += 1
            }
            let (isNewestFirst, wanted) = (isReversed, limit)
            return .deferred(
                deferred(writes, context.reply.version, of: context.client.asker) { (session) throws(StoreError) in
                    guard from <= to else { return HistoryReader.Page() }
                    return try HistoryReader(session, view).range(
                        keys,
                        from...to,
                        isReversed: isNewestFirst,
                        limit: Int(wanted ?? rowsMax + 1)
                    )
                } reply: { page, reply in
                    if let fault = tooMuch(page, isReversed: isNewestFirst) { return reply.fault(fault) }
                    reply.array(page.rowCount)
                    for row in 0..<page.rowCount where !reply.isRefused {
                        reply.array(2)
                        reply.integer(page.eventTimes[row])
                        write(page, row, &reply)
                    }
                }
            )
        } catch {
            context.fail(error)
            return .replied
        }
    }

    /// Why a page does not answer the request. Fewer rows than there are would look like all of them, so the client is told
    /// how many it may ask for, and where it goes on.
    private static func tooMuch(_ page: HistoryReader.Page, isReversed: Bool) -> CommandFault? {
        if page.isCut {
            let goOn = isReversed ? "the last event time - 1 as to" : "the last event time + 1 as from"
            return CommandFault(
                .limit,
                "the first \(page.rowCount) rows have \(ServingLimits.historyBytesMax >> 20) MiB, and there may be more; say "
                    + "COUNT \(page.rowCount), and go on with \(goOn)"
            )
        }
        guard page.rowCount > Int(rowsMax) else { return nil }
        return CommandFault(.limit, "more than \(rowsMax) rows; say COUNT n, and go on behind the last one")
    }

    private static func bound(
        _ text: Span<UInt8>,
        _ open: Unicode.Scalar,
        _ end: Timestamp,
        _ now: Int64,
        _ allowsEarly1970: Bool
    ) throws(CommandFault) -> Int64 {
        if text.count == 1, text[0] == UInt8(ascii: open) { return end.microseconds }
        return try TimeWord.request(text, now: now, allowsEarly1970: allowsEarly1970)
    }

    /// A row's values as an array; null for a tombstone.
    static func write(_ page: HistoryReader.Page, _ row: Int, _ reply: inout ReplyWriter) {
        guard !page.isDeleted[row] else { return reply.null() }
        reply.array(page.features.count)
        for column in page.features where !reply.isRefused { reply.value(column.value(row)) }
    }

    /// An option's number.
    static func count(
        _ arguments: borrowing Arguments,
        _ index: Int,
        after option: String,
        _ range: ClosedRange<Int64>
    ) throws(CommandFault) -> Int64 {
        guard index < arguments.count else { throw .cutOff(option, expected: "an integer") }
        guard let value = try? ValueText.int64(arguments[index]), range.contains(value) else {
            let upper =
                range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw CommandFault(
                .value,
                "\(option) \(CommandFault.quoted(arguments.text(index))): expected an integer, \(upper)"
            )
        }
        return value
    }

    /// A reply that PostgreSQL is asked for. It is written by the thread that read, since it may be large.
    static func deferred<Value: Sendable>(
        _ writes: FeatureWrites,
        _ version: ProtocolVersion,
        of asker: String,
        _ read: @escaping @Sendable (Session) throws(StoreError) -> Value,
        reply: @escaping @Sendable (Value, inout ReplyWriter) -> Void
    ) -> DeferredReply {
        DeferredReply { finish in
            writes.history.read(of: asker, read) { result in
                switch result {
                case .success(let value):
                    var written = ReplyWriter(version: version)
                    reply(value, &written)
                    let made = written
                    finish { $0.encoded(made) }
                case .failure(let error):
                    let fault = CommandFault(error)
                    finish { $0.fault(fault) }
                }
            }
        }
    }
}
