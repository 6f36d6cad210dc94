import Commands
import NIOHTTP1
import Wire

extension RouteTable {
    /// What FS.* and ML.* tell of definitions and freshness, as JSON. Times are integers there, µs since 1970-01-01 UTC.
    static let definitionRoutes: [Route] = [
        described("/v1/views", "The views, with their keys and how many features they have.", ["FS.VIEWS"]),
        described("/v1/views/{view}", "A view's definition.", ["FS.VIEW"]),
        described("/v1/services", "The services with the versions in force.", ["FS.SERVICES"]),
        described("/v1/services/{service}", "A service's definition, `name` or `name@version`.", ["FS.SERVICE"]),
        described("/v1/models", "The models with what their names stand for.", ["ML.MODELS"]),
        described("/v1/models/{model}", "A version of a model.", ["ML.MODEL"]),
        described("/v1/freshness", "How fresh each view is.", ["FS.FRESHNESS"]),
        described("/v1/freshness/{view}", "How fresh a view is.", ["FS.FRESHNESS"]),
        described("/v1/stats", "Rows, memory and reads of each view.", ["FS.STATS"]),
        Route(
            .GET,
            "/openapi.json",
            "This table of routes, as OpenAPI 3.1.",
            reply: .json("{\"openapi\": \"3.1.0\"}")
        ) { call in call.finish(HTTPReply(.ok, HTTPReply.json, OpenAPI.document(version: call.engine.settings.version)))
        },
    ]

    /// A route that answers with a command's reply; the path's parameter is the command's argument.
    private static func described(_ path: String, _ summary: String, _ command: [String]) -> Route {
        Route(.GET, path, "\(summary) \(command.joined(separator: " ")).", reply: .json("{}")) { call in
            var words = CommandWords()
            for word in command { words.append(word) }
            for parameter in path.split(separator: "/") where parameter.hasPrefix("{") {
                words.append(call.parameters[String(parameter.dropFirst().dropLast())] ?? "")
            }
            call.answer(words)
        }
    }
}
