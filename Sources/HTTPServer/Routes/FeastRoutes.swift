import Access
import Columnar
import Commands
import Features
import NIOCore
import NIOHTTP1
import Reading
import Serving
import Wire

extension RouteTable {
    /// Feast's own request, so that its remote online store can be pointed here.
    static let feastRoutes: [Route] = [
        Route(
            .POST,
            "/get-online-features",
            "Feast's request and reply: a service, or features `view:feature`, for columns of entities. Views are of one position each, a service is of one.",
            body: .json("{\"features\": [\"user_stats:ctr\"], \"entities\": {\"user_id\": [1001, 1002]}}"),
            reply: .json(
                "{\"metadata\": {\"feature_names\": [\"user_id\", \"ctr\"]}, \"results\": [{\"values\": [1001, 1002], \"statuses\": [\"PRESENT\", \"PRESENT\"], \"event_timestamps\": [\"1970-01-01T00:00:00Z\", \"1970-01-01T00:00:00Z\"]}]}"
            )
        ) { call in
            let body = Array(call.request.body.readableBytesView)
            call.work(ofBytes: body.count) { () throws(HTTPFault) in
                try FeastRequest(body)
            } then: { request in
                call.attempt { () throws(HTTPFault) in try FeastAnswer(call, request).begin() }
            }
        }
    ]
}

/// Asks for what Feast's client wants, one command a view or one for a service, and writes Feast's reply.
///
/// `@unchecked Sendable`: used on its connection's event loop only.
private final class FeastAnswer: @unchecked Sendable {
    private struct Asked: Sendable {
        var words: CommandWords
        var names: [String]
        var kinds: [ReplyJSON.Kind]
        /// Where each column belongs among the features.
        var places: [Int]
    }

    /// What is asked for, and found; its rows are not spelled yet, which takes long where they are many.
    private enum Found: Sendable {
        case service(ServicePlan)
        case view(ServedView, name: String)
    }

    private let call: RouteCall
    private let request: FeastRequest
    private var found: [Found] = []
    private var left: [Asked] = []
    private var done: [(asked: Asked, table: ReplyTable)] = []

    /// Looks up what is asked for; rows are spelled by ``begin()``.
    init(_ call: RouteCall, _ request: FeastRequest) throws(HTTPFault) {
        self.call = call
        self.request = request
        if let name = request.service {
            try call.require(.service, name, "fs.serve")
            let service = try call.service(name)
            try checkSize((request.entities.count + service.columns.count) * request.rowCount)
            found = [.service(service)]
        } else {
            try checkSize((request.entities.count + request.features.count) * request.rowCount)
            var seen: Set<String> = []
            for (view, _) in request.features where seen.insert(view).inserted { found.append(try find(view)) }
        }
    }

    private static func asked(_ service: ServicePlan, _ request: FeastRequest) throws(HTTPFault) -> Asked {
        let words = try RowBody.words(
            request.body,
            command: ["FS.SERVE", "\(service.name)@\(service.version)"],
            service,
            columns: request.entities,
            rowCount: request.rowCount,
            options: ["META"]
        )
        return Asked(
            words: words,
            names: service.columns.map(\.name),
            kinds: service.columns.map { ReplyJSON.Kind($0.type) },
            places: Array(service.columns.indices)
        )
    }

    private func checkSize(_ values: Int) throws(HTTPFault) {
        let valuesMax = call.limits.feastValuesMax
        guard values <= valuesMax else {
            throw HTTPFault(
                CommandFault(
                    .limit,
                    "\(request.rowCount) rows have \(values) values; \(valuesMax) are allowed: send several requests"
                )
            )
        }
    }

    private func find(_ name: String) throws(HTTPFault) -> Found {
        try call.require(.view, name, "fs.mget")
        guard let reads = call.engine.reads, !call.engine.hooks.isLoading() else {
            throw call.stillLoading
        }
        let catalog = reads.source.catalog()
        let view: ServedView
        do { view = try catalog.readable(Array(name.utf8).span) } catch {
            throw HTTPFault(call.engine.hooks.told(error), telling: call.client.names)
        }
        return .view(view, name: name)
    }

    private static func asked(
        _ view: ServedView,
        _ name: String,
        _ request: FeastRequest
    ) throws(HTTPFault) -> Asked {
        let places = request.features.indices.filter { request.features[$0].view == name }
        let names = places.map { request.features[$0].feature }
        var kinds: [ReplyJSON.Kind] = []
        for feature in names {
            guard let type = view.definition.features.first(where: { $0.name == feature })?.type else {
                throw HTTPFault(CommandFault.unknownFeature(feature, of: view.stored))
            }
            kinds.append(ReplyJSON.Kind(type))
        }
        var words = CommandWords("FS.MGET", name, String(request.rowCount))
        let keys = try view.definition.keys.map { key throws(HTTPFault) in
            guard let column = request.entities.first(where: { $0.name == key.name }) else {
                throw HTTPFault(CommandFault(.entity, "entities lacks the key '\(key.name)' of view '\(name)'"))
            }
            return (key: key, cells: column.cells)
        }
        for row in 0..<request.rowCount {
            let texts = try keys.map { column throws(HTTPFault) in
                try text(column.cells[row], column.key, row, request)
            }
            // A single key stands alone, unless it would be read as one with its name.
            let isNamed = keys.count > 1 || keys.first.map { texts[0].hasPrefix($0.key.name + "=") } == true
            if isNamed {
                for text in texts { try checkEscapes(text, row) }
                words.append(zip(keys, texts).map { "\($0.key.name)=\(EntityText.escaped($1))" }.joined(separator: ","))
            } else {
                words.append(texts.first ?? "")
            }
        }
        words.append("FEATURES")
        words.append(String(names.count))
        for feature in names { words.append(feature) }
        words.append("META")
        return Asked(words: words, names: names.map { "\(name)__\($0)" }, kinds: kinds, places: places)
    }

    private static func text(
        _ cell: Field,
        _ key: KeyColumn,
        _ row: Int,
        _ request: FeastRequest
    ) throws(HTTPFault) -> String {
        let isString = cell.kind == .string || cell.kind == .stringEscaped
        guard isString || (cell.kind == .number && key.type != .string) else {
            throw HTTPFault(
                CommandFault(
                    .entity,
                    "row \(row + 1), key '\(key.name)': expected \(key.type.rawValue), got \(cell.kind.jsonDescription)"
                )
            )
        }
        let body = request.body
        return JSONText.string(cell, in: body.span)
    }

    /// Refuses what the text of an entity cannot say: it has no escape for a backslash before what is escaped.
    private static func checkEscapes(_ text: String, _ row: Int) throws(HTTPFault) {
        let bytes = Array(text.utf8)
        let isAmbiguous = bytes.indices.contains { place in
            bytes[place] == UInt8(ascii: "\\")
                && (place + 1 == bytes.count || [0x2C, 0x3D, 0x20].contains(bytes[place + 1]))
        }
        guard isAmbiguous else { return }
        throw HTTPFault(
            CommandFault(
                .entity,
                "row \(row + 1): a key has a backslash before a comma, an equals sign, a blank or its end; ask by feature_service"
            )
        )
    }

    // MARK: Asking, one command after the other

    func begin() {
        let (request, found) = (request, found)
        call.work(ofBytes: request.body.count) { () throws(HTTPFault) in
            var asked: [Asked] = []
            for one in found {
                switch one {
                case .service(let service): asked.append(try Self.asked(service, request))
                case .view(let view, let name): asked.append(try Self.asked(view, name, request))
                }
            }
            return asked
        } then: {
            self.left = $0
            self.ask()
        }
    }

    private func ask() {
        guard !left.isEmpty else {
            let (request, done) = (request, done)
            call.work(ofBytes: done.reduce(0) { $0 + $1.table.reply.readableBytes }) { () throws(HTTPFault) in
                try Self.reply(request, done)
            } then: { body in
                self.call.finish(HTTPReply(.ok, HTTPReply.json, body))
            }
            return
        }
        let next = left.removeFirst()
        call.run(next.words) { reply in
            self.call.work(ofBytes: reply.readableBytes) {
                ReplyTable(reply)
            } then: { table in
                self.done.append((next, table))
                self.ask()
            }
        }
    }

    // MARK: Answering

    private static let statuses = [
        "present": "PRESENT", "null": "NULL_VALUE", "missing": "NOT_FOUND", "expired": "OUTSIDE_MAX_AGE",
    ]

    private static func reply(
        _ request: FeastRequest,
        _ done: [(asked: Asked, table: ReplyTable)]
    ) throws(HTTPFault) -> ByteBuffer {
        var order: [(place: Int, of: Int, column: Int)] = []
        for (index, part) in done.enumerated() {
            for (column, place) in part.asked.places.enumerated() { order.append((place, index, column)) }
        }
        order.sort { $0.place < $1.place }
        let names = order.map { entry in
            let name = done[entry.of].asked.names[entry.column]
            return request.hasFullNames ? name : String(name.split(separator: "__", maxSplits: 1).last ?? "")
        }
        if let twice = Dictionary(grouping: names, by: { $0 }).first(where: { $0.value.count > 1 })?.key {
            throw HTTPFault(.badRequest, "two features are named '\(twice)'; ask with full_feature_names: true")
        }
        var out = ByteBuffer()
        out.writeString("{\"metadata\":{\"feature_names\":[")
        out.writeString((request.entities.map(\.name) + names).map { Value.quote($0) }.joined(separator: ","))
        out.writeString("]},\"results\":[")
        for (index, entity) in request.entities.enumerated() {
            if index > 0 { out.writeString(",") }
            column(request.rowCount, &out) { row, out in
                let cell = entity.cells[row]
                let isText = cell.kind == .string || cell.kind == .stringEscaped
                // With its quotes.
                let range = isText ? cell.range.lowerBound - 1..<cell.range.upperBound + 1 : cell.range
                out.writeBytes(request.body[range])
            } status: { _ in
                "PRESENT"
            } time: { _ in
                nil
            }
        }
        let json = ReplyJSON()
        for (index, entry) in order.enumerated() {
            if index > 0 || !request.entities.isEmpty { out.writeString(",") }
            let (asked, table) = done[entry.of]
            column(request.rowCount, &out) { row, out in
                json.write(table.reply, at: table.rows[row][entry.column], as: asked.kinds[entry.column], to: &out)
            } status: {
                statuses[table.status($0, entry.column)] ?? "INVALID"
            } time: {
                table.time($0, entry.column)
            }
        }
        out.writeString("]}\n")
        return out
    }

    private static func column(
        _ count: Int,
        _ out: inout ByteBuffer,
        value: (Int, inout ByteBuffer) -> Void,
        status: (Int) -> String,
        time: (Int) -> Int64?
    ) {
        out.writeString("{\"values\":[")
        for row in 0..<count {
            if row > 0 { out.writeString(",") }
            value(row, &out)
        }
        out.writeString("],\"statuses\":[" + (0..<count).map { "\"\(status($0))\"" }.joined(separator: ","))
        // Where there is no event, Feast has the beginning of time.
        out.writeString("],\"event_timestamps\":[")
        out.writeString(
            (0..<count).map { "\"\(Timestamp(microseconds: time($0) ?? 0).text)\"" }.joined(separator: ",") + "]}"
        )
    }
}
