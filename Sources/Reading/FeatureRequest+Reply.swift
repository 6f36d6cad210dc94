import Features
import NIOCore
import Online
import Wire

/// The shapes of replies.
extension FeatureRequest {
    func writeBody(_ rows: borrowing FoundRows, position: Int64, _ reply: inout ReplyWriter) {
        if let fault = rows.refusal?.fault { return reply.fault(fault) }
        if case .map = shape { return writeMap(rows, position: position, &reply) }
        writeHead(&reply)
        let all = 0..<rows.rowCount
        switch options.format {
        case .rows: writeRows(rows, all, &reply)
        case .columns:
            for column in plan.fields.indices {
                if reply.isRefused { return }
                reply.array(rows.rowCount)
                plan.writeColumn(column, rows, all, to: &reply)
            }
        case .packed32, .packed64:
            plan.writePackedRows(rows, all, isDouble: options.format == .packed64, to: &reply)
        }
        writeMiddle(&reply)
        guard options.hasMeta else { return }
        reply.bulk("status")
        if isByColumn {
            reply.array(plan.fields.count)
            for column in plan.fields.indices {
                reply.array(rows.rowCount)
                writeStatuses(rows, all, column..<column + 1, &reply)
            }
        } else {
            reply.array(rows.rowCount)
            writeStatusRows(rows, all, &reply)
        }
        reply.bulk("event_time")
        if isByColumn {
            reply.array(plan.fields.count)
            for column in plan.fields.indices {
                reply.array(rows.rowCount)
                writeEventTimes(rows, all, column..<column + 1, &reply)
            }
        } else {
            reply.array(rows.rowCount)
            writeEventTimeRows(rows, all, &reply)
        }
        writeEnd(position: position, time: rows.time, &reply)
    }

    /// What META says of the whole reply, behind what it says of the values.
    /// - Parameter time: as of which it is, µs.
    func writeEnd(position: Int64, time: Int64, _ reply: inout ReplyWriter) {
        reply.bulk("position")
        reply.integer(position)
        reply.bulk("rules")
        reply.bulk(plan.rules)
        reply.bulk("at")
        reply.integer(time)
    }

    /// Whether values, statuses and times stand column by column.
    var isByColumn: Bool { options.format == .columns }

    private func writeMap(_ rows: borrowing FoundRows, position: Int64, _ reply: inout ReplyWriter) {
        if options.hasMeta {
            reply.map(6)
            reply.bulk("values")
        }
        reply.map(plan.fields.count)
        plan.writeText(rows.row(0), isNamed: true, to: &reply)
        guard options.hasMeta else { return }
        reply.bulk("status")
        reply.map(plan.fields.count)
        for (field, column) in zip(plan.fields, plan.columns) {
            reply.bulk(column.name)
            reply.bulk(rows.status(0, field).rawValue)
        }
        reply.bulk("event_time")
        Self.writeEventTime(rows.found(0, role: 0), &reply)
        writeEnd(position: position, time: rows.time, &reply)
    }

    /// What stands before the first row or column.
    func writeHead(_ reply: inout ReplyWriter) {
        let rowCount = lookup.rowCount
        switch options.format {
        case .rows, .columns:
            if case .rows = shape, case .rows = options.format, !options.hasMeta { return reply.array(rowCount) }
            reply.map(options.hasMeta ? 7 : 2)
            reply.bulk("columns")
            plan.nameArray.withUnsafeBytes { names in
                reply.values(plan.fields.count + 1, bytesMax: names.count) { room in
                    room.copyMemory(from: names)
                    return names.count
                }
            }
            reply.bulk(isByColumn ? "values" : "rows")
            reply.array(isByColumn ? plan.fields.count : rowCount)
        case .packed32, .packed64:
            reply.map(options.hasMeta ? 8 : 3)
            plan.packedHead.withUnsafeBytes { head in
                reply.values(3, bytesMax: head.count) { room in
                    room.copyMemory(from: head)
                    return head.count
                }
            }
            reply.integer(Int64(rowCount))
            reply.bulk("data")
            reply.beginBulk(plan.packedRowBytes(isDouble: options.format == .packed64) * rowCount)
        }
    }

    /// What stands behind the last row or column.
    func writeMiddle(_ reply: inout ReplyWriter) {
        if options.format == .packed32 || options.format == .packed64 { reply.endBulk() }
    }

    func writeRows(_ rows: borrowing FoundRows, _ range: Range<Int>, _ reply: inout ReplyWriter) {
        for row in range {
            if reply.isRefused { return }
            reply.array(plan.fields.count)
            plan.writeText(rows.row(row), isNamed: false, to: &reply)
        }
    }

    func writeStatusRows(_ rows: borrowing FoundRows, _ range: Range<Int>, _ reply: inout ReplyWriter) {
        for row in range {
            if reply.isRefused { return }
            reply.array(plan.fields.count)
            writeStatuses(rows, row..<row + 1, plan.fields.indices, &reply)
        }
    }

    func writeEventTimeRows(_ rows: borrowing FoundRows, _ range: Range<Int>, _ reply: inout ReplyWriter) {
        for row in range {
            if reply.isRefused { return }
            reply.array(plan.fields.count)
            writeEventTimes(rows, row..<row + 1, plan.fields.indices, &reply)
        }
    }

    func writeStatuses(
        _ rows: borrowing FoundRows,
        _ range: Range<Int>,
        _ columns: Range<Int>,
        _ reply: inout ReplyWriter
    ) {
        for row in range {
            if reply.isRefused { return }
            for column in columns { reply.bulk(rows.status(row, plan.fields[column]).rawValue) }
        }
    }

    func writeEventTimes(
        _ rows: borrowing FoundRows,
        _ range: Range<Int>,
        _ columns: Range<Int>,
        _ reply: inout ReplyWriter
    ) {
        for row in range {
            if reply.isRefused { return }
            for column in columns {
                // What a request gives and what is computed of it is no event.
                let role = plan.fields[column].origin
                Self.writeEventTime(role < plan.roleCount ? rows.found(row, role: role) : nil, &reply)
            }
        }
    }

    /// Of the newest row, also where it is a tombstone or has expired.
    private static func writeEventTime(_ row: PackedRow?, _ reply: inout ReplyWriter) {
        if let time = row?.knownEventTime { reply.integer(time) } else { reply.null() }
    }
}
