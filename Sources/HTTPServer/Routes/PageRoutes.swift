import Commands
import NIOCore
import NIOHTTP1

extension RouteTable {
    /// Pages for people. Each is there for whoever may run the command that tells the same.
    static let pageRoutes: [Route] = [
        page("/", "Page: what is stale, the position, the newest commits.", as: "FS.FRESHNESS") { call, words in
            call.page(words, lines: HomePage.linesMax, HomePage.make)
        },
        page("/views", "Page: the views.", as: "FS.VIEWS", listParameters) { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in ViewPages.list(scope) }
        },
        page(
            "/views/{view}",
            "Page: a view, where its rows come from and what uses it.",
            as: "FS.VIEW",
            [afterParameter]
        ) { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in try ViewPages.view(scope) }
        },
        page("/services", "Page: the services.", as: "FS.SERVICES", listParameters) { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in ServicePages.list(scope) }
        },
        page(
            "/services/{service}",
            "Page: a service, `name` or `name@version`, with what its versions changed.",
            as: "FS.SERVICE",
            [afterParameter]
        ) { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in try ServicePages.service(scope) }
        },
        page("/models", "Page: the models.", as: "ML.MODELS", listParameters) { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in ModelPages.list(scope) }
        },
        page("/models/{model}", "Page: a model with its names and versions.", as: "ML.MODEL") { call, words in
            call.page(words) { scope, _ throws(HTTPFault) in try ModelPages.model(scope) }
        },
        page(
            "/ledger",
            "Page: the newest commits, of all views or of one.",
            as: "FS.FRESHNESS",
            [Route.Parameter("view", "only commits of this view")]
        ) { call, words in
            var words = words
            // Of one view it is for whoever may ask how fresh that is.
            if let view = call.request["view"] { words.append(view) }
            call.page(words, lines: HTTPLimits.pageRowsMax, of: call.request["view"], LedgerPage.make)
        },
        Route(
            .GET,
            "/style.css",
            "What pages look like.",
            reply: Route.Body(types: [styleType], example: "body { margin: 0; }")
        ) { call in call.finish(Page.reply(.ok, styleType, Page.style)) },
    ]

    private static let styleType = "text/css; charset=utf-8"
    private static let afterParameter = Route.Parameter("after", "the name behind which the list goes on")
    private static let listParameters = [
        Route.Parameter("q", "only what has this in its name, description, owner or tags"), afterParameter,
    ]

    private static func page(
        _ path: String,
        _ summary: String,
        as command: String,
        _ parameters: [Route.Parameter] = [],
        _ run: @escaping @Sendable (RouteCall, CommandWords) -> Void
    ) -> Route {
        let reply = Route.Body(types: [Page.type], example: "<!doctype html>")
        return Route(.GET, path, "\(summary) \(command).", parameters: parameters, reply: reply) { call in
            var words = CommandWords(command)
            for parameter in call.parameters.values { words.append(parameter) }
            run(call, words)
        }
    }
}
