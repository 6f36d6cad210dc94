import Columnar
import Features
import Metrics
import PointInTime
import Serving
import Store
import Wire

/// Points of line protocol on their way to rows of the views that a server serves.
struct LineDecoding: Sendable {
    let catalog: Catalog
    /// Of the catalog's views, in its order; they refuse views that whoever sends the lines may not write to.
    let builders: LineRows
    let options: LineOptions
    /// The time of points that have none, µs.
    let now: Int64
    /// As ``EngineHooks/told(_:)``.
    let told: @Sendable (CommandFault) -> CommandFault

    /// A point that is not stored.
    private struct Refused {
        var line: Int
        /// In its line, from 1; `nil` = the point as a whole.
        var column: Int?
        var code: CommandFault.Code
        var reason: String

        /// The reason with its place, as the only error of a command.
        var fault: CommandFault {
            CommandFault(code, "line \(line)\(column.map { ", column \($0)" } ?? ""): \(reason)")
        }
        /// The reason where its line stands beside it.
        var text: String { (column.map { "column \($0): " } ?? "") + reason }
    }

    /// The points that are not stored: their number, and the first of them with their reasons.
    private struct RefusedPoints {
        /// Errors of which the reply tells.
        let shownMax: Int
        private(set) var count = 0
        private var ofDecoding: [Refused] = []
        private var ofChecks: [Refused] = []

        init(shownMax: Int) { self.shownMax = shownMax }

        /// Lines ascend.
        mutating func decodingFailed(_ error: LineProtocolError) {
            count += 1
            guard ofDecoding.count < max(shownMax, 1) else { return }
            ofDecoding.append(
                Refused(
                    line: error.line,
                    column: error.column,
                    code: LineDecoding.code(error.kind),
                    reason: error.reason
                )
            )
        }

        /// Lines of one view's points ascend.
        mutating func checkFailed(_ faults: [RowFault], line: (Int) -> Int) {
            count += faults.count
            for fault in faults.prefix(max(shownMax, 1)) {
                let code = CommandFault.Code(fault.kind)
                ofChecks.append(Refused(line: line(fault.row), column: nil, code: code, reason: fault.reason))
            }
        }

        var shown: ArraySlice<Refused> { (ofDecoding + ofChecks).sorted { $0.line < $1.line }.prefix(shownMax) }
        var first: Refused? { (ofDecoding + ofChecks).min { $0.line < $1.line } }
    }

    /// - Throws: the first bad point, unless the command is PARTIAL; where there are too many points or values; where a
    ///   point's view is none that its sender may write to, PARTIAL or not.
    func decode(_ bytes: Span<UInt8>, within allowance: WriteAllowance) throws(CommandFault) -> PreparedWrite.Decoded {
        if let decoded = try decode(bytes, valueBytesMax: allowance.valueBytes, within: allowance) { return decoded }
        throw CommandFault(
            .limit,
            "the points have more than \(ServingLimits.writeValueBytesMax) bytes of values, nulls included; send fewer of them in "
                + "one FS.WRITE or transaction"
        )
    }

    /// As ``decode(_:within:)``; `nil` where the rows have more than so many bytes of values, whatever the text has.
    func decode(
        _ bytes: Span<UInt8>,
        valueBytesMax: Int,
        within allowance: WriteAllowance
    ) throws(CommandFault) -> PreparedWrite.Decoded? {
        var decoder = LineRowDecoder(builders)
        var position = 0
        /// The line of each point that became a row.
        var lines: [Int] = []
        var refused = RefusedPoints(shownMax: allowance.shownErrors)
        points: while true {
            switch decoder.next(bytes, from: &position, isEnd: true, offset: lines.count, now: now) {
            case .end: break points
            case .row: lines.append(decoder.point.line)
            case .fault(let error) where error.kind == .permission: throw CommandFault(refusal: error.reason)
            case .fault(let error):
                let fault = told(CommandFault(Self.code(error.kind), error.reason))
                // PARTIAL or not: the point is not bad, and comes again.
                if fault.code == .unavailable { throw fault }
                refused.decodingFailed(error)
                // Rows before it may still be refused for their times.
                if !options.isPartial { break points }
            }
            guard lines.count + refused.count <= allowance.rows else {
                throw CommandFault(
                    .limit,
                    "more than \(ServingLimits.writeRowsMax) points, which is allowed in one FS.WRITE or transaction"
                )
            }
            if decoder.byteCount > valueBytesMax { return nil }
        }
        let parts = try check(decoder.take(), lines, &refused)
        if !options.isPartial, let first = refused.first { throw first.fault }
        let item = RowWrite.Item(parts: parts, source: options.source)
        let accepted = parts.reduce(0) { $0 + $1.rows.rowCount }
        return PreparedWrite.Decoded(
            item: item,
            errorCount: refused.shown.count,
            reply: Self.reply(
                accepted: accepted,
                rounded: parts.reduce(0) { $0 + $1.rows.finerCount },
                refused
            )
        )
    }

    fileprivate static func code(_ kind: LineProtocolError.Kind) -> CommandFault.Code {
        switch kind {
        case .syntax: .parse
        case .view: .noView
        case .feature: .noFeature
        case .entity: .entity
        case .type: .type
        case .value: .value
        case .time: .time
        case .permission: .noPermission
        }
    }

    /// The rows that the store takes.
    ///
    /// - Throws: where a row or a share of nulls keeps all of them from being stored, PARTIAL or not.
    private func check(
        _ taken: [LineViewRows],
        _ lines: [Int],
        _ refused: inout RefusedPoints
    ) throws(CommandFault) -> [RowWrite.Part] {
        var parts: [RowWrite.Part] = []
        for part in taken {
            let served = catalog.views[part.view]
            let rows = ViewRows(keys: part.keys, eventTimes: part.eventTimes, features: part.features)
            let checks = RowChecks(view: served.stored, now: now, futureAdvice: "check PRECISION")
            let checked = CheckedRows(rows, checks)
            refused.checkFailed(checked.faults) { lines[part.offsets[$0]] }
            if let stop = checked.stop {
                served.counters.addRefused(rows.rowCount)
                throw CommandFault(.value, "line \(lines[part.offsets[stop.row]]): \(stop.reason)")
            }
            served.counters.addRefused(checked.tally.refused)
            if let nulls = checked.tally.refusalOfNulls(in: served.name) {
                served.counters.addRefused(rows.rowCount)
                throw CommandFault(.value, "\(nulls); nothing of the command is stored")
            }
            guard checked.rows.rowCount > 0 else { continue }
            parts.append(RowWrite.Part(view: served.stored, rows: checked.rows, tally: checked.tally))
        }
        return parts
    }

    /// - Parameter rounded: how many of the accepted points had times finer than µs.
    private static func reply(accepted: Int, rounded: Int, _ refused: RefusedPoints) -> PreparedWrite.Reply {
        let shown = refused.shown.map { ($0.line, $0.code.rawValue, $0.text) }
        let rejected = refused.count
        return { receipt, reply in
            reply.map(6)
            reply.bulk("accepted")
            reply.integer(receipt.isDuplicate ? 0 : Int64(accepted))
            reply.bulk("rejected")
            reply.integer(Int64(rejected))
            reply.bulk("duplicate")
            reply.bool(receipt.isDuplicate)
            reply.bulk("position")
            if receipt.position > 0 { reply.integer(receipt.position) } else { reply.null() }
            reply.bulk("errors")
            reply.array(shown.count)
            for (line, code, text) in shown {
                reply.array(3)
                reply.integer(Int64(line))
                reply.bulk(code)
                reply.bulk(text)
            }
            // Behind what was there first, for clients that read a map of RESP2 by its places.
            reply.bulk("rounded")
            reply.integer(receipt.isDuplicate ? 0 : Int64(rounded))
        }
    }
}
