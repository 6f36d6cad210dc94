import Columnar
import Features
import NIOCore
import NIOHTTP1
import Serving
import Wire

extension RouteTable {
    /// The open inference protocol (KServe V2), for clients that come from there: ML.PREDICT.
    static let inferenceRoutes: [Route] = [
        infer("/v2/models/{model}/infer"), infer("/v2/models/{model}/versions/{version}/infer"),
        Route(.GET, "/v2/health/live", "As /healthz.", reply: .text("ok"), isOpen: true) { Health.healthz($0) },
        Route(.GET, "/v2/health/ready", "As /readyz.", reply: .text("ready"), isOpen: true) { call in
            call.attempt { () throws(HTTPFault) in try Health.readyz(call) }
        },
    ]

    private static func infer(_ path: String) -> Route {
        Route(
            .POST,
            path,
            "What a model says, in KServe's V2 words: an input is a key or request field, of shape [rows] or [rows, 1]. ML.PREDICT.",
            body: .json(
                "{\"inputs\": [{\"name\": \"user_id\", \"shape\": [2], \"datatype\": \"INT64\", \"data\": [1001, 1002]}]}"
            ),
            reply: .json(
                "{\"model_name\": \"delay\", \"model_version\": \"7\", \"outputs\": [{\"name\": \"value\", \"shape\": [2], \"datatype\": \"FP32\", \"data\": [0.75, 0.5]}]}"
            )
        ) { call in call.attempt { () throws(HTTPFault) in try Inference.infer(call) } }
    }
}

private enum Inference {
    private struct Request: Sendable {
        var id: String?
        var columns: ColumnsBody.Columns = []
    }

    static func infer(_ call: RouteCall) throws(HTTPFault) {
        let version = call.parameters["version"].map { "@\($0)" } ?? ""
        let name = (call.parameters["model"] ?? "") + version
        let service = try call.servedModel(name)
        let body = Array(call.request.body.readableBytesView)
        call.work(ofBytes: body.count) { () throws(HTTPFault) in
            let request = try read(body, lists: lists(service))
            let words = try RowBody.words(
                body,
                command: ["ML.PREDICT", name],
                service,
                columns: request.columns,
                rowCount: try ColumnsBody.rowCount(request.columns),
                options: []
            )
            return (request.id, words)
        } then: { id, words in
            call.run(words) { reply in
                call.work(ofBytes: reply.readableBytes) {
                    answer(reply, id: id)
                } then: {
                    call.finish(HTTPReply(.ok, HTTPReply.json, $0))
                }
            }
        }
    }

    /// Request fields and columns whose values are lists.
    private static func lists(_ service: ServicePlan) -> Set<String> {
        let types =
            service.inputs.fields.map { (name: $0.name, type: $0.type) }
            + service.columns.map { (name: $0.name, type: $0.type) }
        return Set(
            types.compactMap { name, type in
                switch type {
                case .vector, .listInt64, .listString: name
                default: nil
                }
            }
        )
    }

    /// - Parameter lists: names of inputs whose values are lists themselves.
    private static func read(_ body: [UInt8], lists: Set<String>) throws(HTTPFault) -> Request {
        var request = Request()
        try ColumnsBody.read(body) { name, scanner throws(JSONSyntaxError) in
            switch name {
            case "id": request.id = try ColumnsBody.text(&scanner, name)
            // All outputs are given, and parameters have no meaning here.
            case "outputs", "parameters": _ = try scanner.value()
            case "inputs":
                var count = 0
                try ColumnsBody.array(&scanner, name) { scanner throws(JSONSyntaxError) in
                    let column = try input(&scanner, already: count, lists)
                    count += column.cells.count
                    request.columns.append(column)
                }
            default:
                throw JSONSyntaxError(
                    reason: "unknown member \(CommandFault.quoted(name)); expected inputs, id, outputs, parameters"
                )
            }
        }
        return request
    }

    private static func input(
        _ scanner: inout JSONScanner,
        already: Int,
        _ lists: Set<String>
    ) throws(JSONSyntaxError) -> (name: String, cells: [Field]) {
        var made = (name: "", cells: [Field]?.none, shape: [Int]())
        try ColumnsBody.object(&scanner, "an input") { name, scanner throws(JSONSyntaxError) in
            switch name {
            case "name": made.name = try ColumnsBody.text(&scanner, name)
            // What a value is, its JSON and the service's types say.
            case "datatype", "parameters": _ = try scanner.value()
            case "shape":
                try ColumnsBody.array(&scanner, name) { scanner throws(JSONSyntaxError) in
                    let size = JSONText.string(try scanner.value(), in: scanner.bytes)
                    guard let size = Int(size), size >= 0 else {
                        throw JSONSyntaxError(reason: "a shape has '\(size.prefix(32))'")
                    }
                    made.shape.append(size)
                }
            case "data": made.cells = try ColumnsBody.cells(&scanner, name, already: already)
            default: throw JSONSyntaxError(reason: "an input has the unknown member \(CommandFault.quoted(name))")
            }
        }
        let name = CommandFault.quoted(made.name)
        guard let cells = made.cells else {
            throw JSONSyntaxError(reason: "input \(name) has no data; binary data is not taken")
        }
        guard made.shape.first == cells.count, made.shape.dropFirst().allSatisfy({ $0 == 1 }) else {
            throw JSONSyntaxError(
                reason:
                    "input \(name) has the shape \(made.shape) and \(cells.count) values; expected [rows] or [rows, 1], and a value a row"
            )
        }
        guard made.shape.count == 2, !lists.contains(made.name) else { return (made.name, cells) }
        return (made.name, try flat(cells, name, scanner))
    }

    /// The values of rows that may stand in lists of one, `[[5.5], [7]]`.
    private static func flat(
        _ cells: [Field],
        _ name: String,
        _ scanner: borrowing JSONScanner
    ) throws(JSONSyntaxError) -> [Field] {
        var values: [Field] = []
        values.reserveCapacity(cells.count)
        for cell in cells {
            guard cell.kind == .array else {
                values.append(cell)
                continue
            }
            var inner = JSONScanner(scanner.bytes, from: Int(cell.start), to: Int(cell.end))
            guard inner.take(UInt8(ascii: "[")), !inner.take(UInt8(ascii: "]")) else {
                throw JSONSyntaxError(reason: "input \(name) has a row without a value; its shape says one a row")
            }
            let value = try inner.value()
            guard inner.take(UInt8(ascii: "]")) else {
                throw JSONSyntaxError(reason: "input \(name) has a row of several values; its shape says one a row")
            }
            values.append(value)
        }
        return values
    }

    private static func answer(_ reply: ByteBuffer, id: String?) -> ByteBuffer {
        var reader = ReplyDecoder()
        reader.append(reply.readableBytesView)
        let told = (try? reader.next()) ?? .null
        let rows = told["rows"]?.elements ?? []
        let columns = (told["columns"]?.elements ?? []).compactMap(\.string)
        var out = ByteBuffer()
        out.writeString("{\"model_name\":\(Value.quote(told["model"]?.string ?? "")),")
        out.writeString("\"model_version\":\"\(told["version"]?.int64 ?? 0)\",")
        if let id { out.writeString("\"id\":\(Value.quote(id)),") }
        out.writeString("\"outputs\":[")
        for (column, name) in columns.enumerated() {
            if column > 0 { out.writeString(",") }
            out.writeString("{\"name\":\(Value.quote(name)),\"shape\":[\(rows.count)],\"datatype\":\"FP32\",\"data\":[")
            for (row, values) in rows.enumerated() {
                if row > 0 { out.writeString(",") }
                guard let value = values.elements?[column], case .double(let number) = value else {
                    out.writeString("null")
                    continue
                }
                out.writeString(Value.float32(Float(number)).json)
            }
            out.writeString("]}")
        }
        out.writeString("]}\n")
        return out
    }
}
