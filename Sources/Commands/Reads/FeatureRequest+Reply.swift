import NIOCore
import Store
import Wire

/// The shapes of replies.
extension FeatureRequest {
    /// - Returns: `false` where the reply grew beyond what is allowed; what was written is to be taken back.
    func writeBody(
        _ rows: borrowing FoundRows,
        position: Int64,
        _ reply: inout ReplyWriter,
        start: Int
    ) -> Bool {
        switch (shape, options.format) {
        case (.map, _): writeMap(rows, position: position, &reply)
        case (.rows, .rows) where !options.hasMeta: return writeRows(rows, &reply, start: start)
        case (_, .rows), (_, .columns):
            let isByRow = options.format == .rows
            reply.map(options.hasMeta ? 5 : 2)
            reply.bulk("columns")
            plan.nameArray.withUnsafeBytes { _ = reply.buffer.writeBytes($0) }
            reply.bulk(isByRow ? "rows" : "values")
            guard isByRow ? writeRows(rows, &reply, start: start) : writeColumns(rows, &reply, start: start) else {
                return false
            }
            if options.hasMeta { writeMeta(rows, position: position, isByRow: isByRow, &reply) }
        case (_, .packed32), (_, .packed64):
            reply.map(options.hasMeta ? 6 : 3)
            reply.bulk("schema")
            reply.bulk(plan.fingerprint)
            reply.bulk("rows")
            reply.integer(Int64(rows.rowCount))
            reply.bulk("data")
            plan.writePacked(rows, isDouble: options.format == .packed64, to: &reply)
            if options.hasMeta { writeMeta(rows, position: position, isByRow: true, &reply) }
        }
        return true
    }

    private func writeMap(_ rows: borrowing FoundRows, position: Int64, _ reply: inout ReplyWriter) {
        if options.hasMeta {
            reply.map(4)
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
        reply.bulk("position")
        reply.integer(position)
    }

    private func writeRows(_ rows: borrowing FoundRows, _ reply: inout ReplyWriter, start: Int) -> Bool {
        reply.array(rows.rowCount)
        for row in 0..<rows.rowCount {
            reply.array(plan.fields.count)
            plan.writeText(rows.row(row), isNamed: false, to: &reply)
            if reply.buffer.writerIndex &- start > Self.replyBytesMax { return false }
        }
        return true
    }

    private func writeColumns(_ rows: borrowing FoundRows, _ reply: inout ReplyWriter, start: Int) -> Bool {
        reply.array(plan.fields.count)
        for column in plan.fields.indices {
            reply.array(rows.rowCount)
            plan.writeColumn(column, rows, to: &reply)
            if reply.buffer.writerIndex &- start > Self.replyBytesMax { return false }
        }
        return true
    }

    /// Status and event time of every value, laid out as the values are, and the position.
    private func writeMeta(
        _ rows: borrowing FoundRows,
        position: Int64,
        isByRow: Bool,
        _ reply: inout ReplyWriter
    ) {
        let outer = isByRow ? rows.rowCount : plan.fields.count
        let inner = isByRow ? plan.fields.count : rows.rowCount
        reply.bulk("status")
        reply.array(outer)
        for first in 0..<outer {
            reply.array(inner)
            for second in 0..<inner {
                let (row, column) = isByRow ? (first, second) : (second, first)
                reply.bulk(rows.status(row, plan.fields[column]).rawValue)
            }
        }
        reply.bulk("event_time")
        reply.array(outer)
        for first in 0..<outer {
            reply.array(inner)
            for second in 0..<inner {
                let (row, column) = isByRow ? (first, second) : (second, first)
                Self.writeEventTime(rows.found(row, role: plan.fields[column].role), &reply)
            }
        }
        reply.bulk("position")
        reply.integer(position)
    }

    /// Of the newest row, also where it is a tombstone or has expired.
    private static func writeEventTime(_ row: PackedRow?, _ reply: inout ReplyWriter) {
        if let row { reply.integer(row.eventTime) } else { reply.null() }
    }
}
