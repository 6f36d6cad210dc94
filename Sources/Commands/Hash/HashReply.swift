import Access
import Features
import Online
import Reading
import Serving
import Wire

/// What a command says about one hash.
struct HashReply: RowReply {
    enum Question: Sendable {
        case type
        /// The unit in µs.
        case timeToLive(unit: Int64)
        case length
        /// A column, `nil` = an unknown field.
        case field(Int?)
        case fields([Int?])
        case all
        case scan(HashScan)
    }

    let question: Question
    let view: ServedView
    /// PostgreSQL's clock, µs.
    let now: Int64

    func write(_ rows: borrowing FoundRows, position: Int64, to reply: inout ReplyWriter) {
        var row = rows.shown(0, role: 0)
        if let shown = row, !view.isHash(shown) { row = nil }
        write(row, to: &reply)
    }

    /// - Parameter row: with a value at least; `nil` = there is no hash.
    func write(_ row: PackedRow?, to reply: inout ReplyWriter) {
        switch question {
        case .type: if row == nil { reply.simple("none") } else { reply.simple("hash") }
        case .timeToLive(let unit): reply.integer(timeToLive(row, unit: unit))
        case .length: reply.integer(Int64(row.map { view.present($0).count } ?? 0))
        case .field(let column): write(column, of: row, to: &reply)
        case .fields(let columns):
            reply.array(columns.count)
            for column in columns where !reply.isRefused { write(column, of: row, to: &reply) }
        case .all:
            let columns = row.map { view.present($0) } ?? []
            reply.map(columns.count)
            for column in columns where !reply.isRefused {
                reply.bulk(view.layout.columns[column].feature)
                write(column, of: row, to: &reply)
            }
        case .scan(let scan):
            let columns = (row.map { view.present($0) } ?? []).filter {
                scan.pattern?.matches(view.layout.columns[$0].feature) ?? true
            }
            reply.array(2)
            reply.bulk("0")
            reply.array(columns.count * (scan.hasValues ? 2 : 1))
            for column in columns where !reply.isRefused {
                reply.bulk(view.layout.columns[column].feature)
                if scan.hasValues { write(column, of: row, to: &reply) }
            }
        }
    }

    private func write(_ column: Int?, of row: PackedRow?, to reply: inout ReplyWriter) {
        guard let row, let column, !row.isNull(column) else { return reply.null() }
        switch view.layout.columns[column].type {
        // Without a copy of what may be long.
        case .string, .bytes: return reply.bulk(row.bytes(view.layout.columns[column].offset))
        default: break
        }
        HashValue.write(row.value(column, view.layout), to: &reply)
    }

    /// As Redis: -2 = no key, -1 = never expires.
    private func timeToLive(_ row: PackedRow?, unit: Int64) -> Int64 {
        guard let row else { return -2 }
        guard let ttl = view.ttlUs else { return -1 }
        let (end, overflow) = row.eventTime.addingReportingOverflow(ttl)
        guard !overflow else { return .max / unit }
        // Rounded to the nearest, as Redis does; a value at the end of its time still has 0.
        return max(0, (end - now + unit / 2) / unit)
    }
}

/// What HSCAN asks for.
struct HashScan: Sendable {
    var pattern: Glob?
    var hasValues = true
}

extension RowLookup {
    /// EXISTS: how many of the keys are there as hashes.
    ///
    /// View by view: a request may name as many views as keys, and rows for each of both would be memory without bound.
    /// - Parameter memories: one a role.
    func hashCount(_ memories: [ViewMemory], _ reads: FeatureReads) -> Int64 {
        var count: Int64 = 0
        for role in views.indices {
            eachRow(of: role, memories[role], reads) { if views[role].isHash($0) { count += 1 } }
        }
        return count
    }
}
