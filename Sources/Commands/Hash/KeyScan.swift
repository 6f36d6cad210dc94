import Access
import Features
import Online
import Reading
import Serving
import Store
import Wire

/// What stands behind the cursor of SCAN and HSCAN.
struct ScanOptions {
    var pattern: Glob?
    var count = 10
    var hasValues = true
    /// Whether TYPE leaves hashes, which is all that there is.
    var wantsHashes = true

    init(_ arguments: borrowing Arguments, from start: Int, of command: String) throws(CommandFault) {
        var at = start
        while at < arguments.count {
            let hasValue = at + 1 < arguments.count
            if hasValue, arguments.matches(at, "MATCH") {
                guard let bounded = Glob(bounded: arguments.text(at + 1)) else {
                    throw CommandFault(
                        .limit,
                        "a pattern has at most \(CommandLimits.patternBytesMax) bytes, stars in a row as one"
                    )
                }
                pattern = bounded
                at += 2
            } else if hasValue, arguments.matches(at, "COUNT") {
                let value = try ReplyOptions.number(arguments, at + 1, "COUNT", expected: "COUNT n")
                guard value > 0 else { throw CommandFault(.general, "COUNT 0; expected a number from 1") }
                count = Int(clamping: value)
                at += 2
            } else if hasValue, command == "scan", arguments.matches(at, "TYPE") {
                wantsHashes = arguments.matches(at + 1, "HASH")
                at += 2
            } else if command == "hscan", arguments.matches(at, "NOVALUES") {
                hasValues = false
                at += 1
            } else {
                throw .unknownOption(
                    arguments.text(at),
                    command: command,
                    expected: "MATCH pattern, COUNT n, \(command == "scan" ? "TYPE hash" : "NOVALUES")"
                )
            }
        }
    }
}

/// SCAN over the rows of resident views, view by view in the order of their numbers, row by row.
///
/// The cursor is the view's number in the upper 32 bits and the row's in the lower ones, so that it survives changes of
/// the definitions; 0 = the beginning, and the end. An entity keeps its row, so each that stays is given once.
struct KeyScan {
    /// After so long it stops where it is: a long key takes milliseconds to be compared with a long pattern.
    private static let turnNs: Int64 = 5_000_000

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            let reads = try FeatureCommands.reads(context)
            guard let cursor = DecimalText.integer(arguments[1]), cursor >= 0 else {
                throw CommandFault(.general, "invalid cursor")
            }
            let options = try ScanOptions(arguments, from: 2, of: "scan")
            var scan = KeyScan(cursor: cursor, options)
            if options.wantsHashes { scan.walk(reads, context.client.caller?.rights) } else { scan.cursor = 0 }
            context.reply.array(2)
            context.reply.bulk(String(scan.cursor))
            context.reply.array(scan.keys.count)
            for key in scan.keys { context.reply.bulk(key) }
        } catch {
            context.fail(error)
        }
        return .replied
    }

    private var cursor: Int64
    private let options: ScanOptions
    private var keys: [String] = []
    private var remaining: Int

    private init(cursor: Int64, _ options: ScanOptions) {
        self.cursor = cursor
        self.options = options
        remaining = min(options.count, CommandLimits.scanRowsMax)
    }

    /// - Parameter rights: whose views are looked at; `nil` = all.
    private mutating func walk(_ reads: FeatureReads, _ rights: Rights?) {
        let now = reads.source.now()
        let until = Clock.nowNs() + Self.turnNs
        let views = reads.source.catalog().views.filter { view in
            view.memory != nil && rights?.allows(.read, .view, view.name) ?? true
        }.sorted { $0.stored.id < $1.stored.id }
        for view in views where Int64(view.stored.id) >= cursor >> 32 {
            guard let memory = view.memory else { continue }
            let start = Int64(view.stored.id) == cursor >> 32 ? Int(cursor & 0xFFFF_FFFF) : 0
            let (end, limit) = memory.withReader { reader in
                var end = max(start, min(reader.rowLimit, start + remaining))
                for number in start..<end {
                    if number > start, Clock.nowNs() > until {
                        end = number
                        break
                    }
                    guard let row = reader.row(number: number), view.status(of: row, now: now) == .present,
                        view.isHash(row)
                    else { continue }
                    let key = HashKey.text(row, view)
                    if options.pattern?.matches(key) ?? true { keys.append(key) }
                }
                return (end, reader.rowLimit)
            }
            if end < limit {
                cursor = Int64(view.stored.id) << 32 | Int64(end)
                return
            }
            remaining -= end - start
            if remaining == 0 {
                // The next view's beginning; the loop finds the first that is there.
                cursor = (Int64(view.stored.id) + 1) << 32
                if view === views.last { cursor = 0 }
                return
            }
        }
        cursor = 0
    }
}
