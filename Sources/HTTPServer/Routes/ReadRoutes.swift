import Access
import Commands
import Models
import NIOCore
import NIOHTTP1
import Reading
import Serving
import Store
import Wire

extension RouteTable {
    /// Latest values of a service, and what a model says of them.
    static let readRoutes: [Route] = [
        Route(
            .POST,
            "/v1/serve/{service}",
            "Latest values of a service, `name` or `name@version`, for each row of keys and request fields: FS.SERVE.",
            parameters: [integersParameter],
            body: .json("{\"keys\": {\"user_id\": [1001, 1002]}, \"meta\": true}"),
            reply: .json(
                "{\"service\": \"ranking\", \"version\": 1, \"schema\": \"…\", \"columns\": [\"user_stats__ctr\"], \"rows\": [[0.25], [null]], \"status\": [[\"present\"], [\"missing\"]]}"
            )
        ) { call in call.attempt { () throws(HTTPFault) in try RowReads.serve(call) } },
        Route(
            .POST,
            "/v1/predict/{model}",
            "What a model, `name`, `name@7` or `name@challenger`, says of each row of keys and request fields: ML.PREDICT.",
            body: .json("{\"rows\": [{\"user_id\": 1001, \"amount\": 12.5}]}"),
            reply: .json("{\"model\": \"delay\", \"version\": 7, \"columns\": [\"value\"], \"rows\": [[0.75]]}")
        ) { call in call.attempt { () throws(HTTPFault) in try RowReads.predict(call) } },
    ]

    static let integersParameter = Route.Parameter(
        "int64",
        "`string`: 64-bit integers of columns are strings, for readers whose numbers are doubles"
    )
}

extension RouteCall {
    /// Whether 64-bit integers are asked for as texts.
    func integersAsText() throws(HTTPFault) -> Bool {
        switch request["int64"] {
        case nil, "number"?: return false
        case "string"?: return true
        case let other?:
            throw HTTPFault(.badRequest, "int64=\(CommandFault.quoted(other)): expected string or number")
        }
    }
}

extension RouteCall {
    /// The version of the service that a model reads now.
    func servedModel(_ name: String) throws(HTTPFault) -> ServicePlan {
        try require(.model, name, "ml.predict")
        guard let reads = engine.reads, !engine.hooks.isLoading() else {
            throw stillLoading
        }
        let version: ModelVersion
        do { version = try reads.source.catalog().model(name).model.version } catch {
            throw HTTPFault(error, telling: client.names)
        }
        return try service("\(version.service)@\(version.serviceVersion)")
    }
}

private enum RowReads {
    static func serve(_ call: RouteCall) throws(HTTPFault) {
        let name = call.parameters["service"] ?? ""
        try call.require(.service, name, "fs.serve")
        let service = try call.service(name)
        // A version's columns stay what they are, whatever is applied meanwhile.
        let pinned = "\(service.name)@\(service.version)"
        let json = ReplyJSON(
            kinds: service.columns.map { ReplyJSON.Kind($0.type) },
            integersAsText: try call.integersAsText(),
            head:
                "\"service\":\"\(service.name)\",\"version\":\(service.version),\"schema\":\"\(service.fingerprint)\","
        )
        let body = Array(call.request.body.readableBytesView)
        call.work(ofBytes: body.count) { () throws(HTTPFault) in
            try RowBody.words(body, command: ["FS.SERVE", pinned], service, [.meta, .at, .minPosition])
        } then: { words in
            call.answer(words, as: json)
        }
    }

    static func predict(_ call: RouteCall) throws(HTTPFault) {
        let model = call.parameters["model"] ?? ""
        let service = try call.servedModel(model)
        let body = Array(call.request.body.readableBytesView)
        call.work(ofBytes: body.count) { () throws(HTTPFault) in
            try RowBody.words(
                body,
                command: ["ML.PREDICT", model],
                service,
                [.meta, .at, .minPosition, .features, .id, .log]
            )
        } then: { words in
            call.answer(words)
        }
    }
}
