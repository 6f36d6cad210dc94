import NIOHTTP1

/// One route: what clients are told about it, and what it does.
///
/// A route's metadata is this value and nothing else: the statuses 404, 405 and 415, /openapi.json and docs/reference/http.md
/// are made from it.
struct Route: Sendable {
    let method: HTTPMethod
    /// Segments in braces are parameters: `/v1/serve/{service}`.
    let path: String
    let summary: String
    /// Of the query.
    let parameters: [Parameter]
    /// What it is sent; `nil` = no body.
    let body: Body?
    /// What it answers with, besides errors.
    let reply: Body
    /// Whether it answers before the client has said who it is: probes.
    let isOpen: Bool
    let run: @Sendable (RouteCall) -> Void

    struct Parameter: Sendable {
        let name: String
        let summary: String

        init(_ name: String, _ summary: String) {
            self.name = name
            self.summary = summary
        }
    }

    struct Body: Sendable {
        /// The first is what it is mostly.
        let types: [String]
        /// JSON, for the specification and the docs.
        let example: String

        static func json(_ example: String) -> Body { Body(types: [HTTPReply.json], example: example) }
        static func text(_ example: String) -> Body { Body(types: [HTTPReply.text], example: example) }
    }

    let segments: [Substring]

    var verb: String { method.rawValue }

    init(
        _ method: HTTPMethod,
        _ path: String,
        _ summary: String,
        parameters: [Parameter] = [],
        body: Body? = nil,
        reply: Body,
        isOpen: Bool = false,
        run: @escaping @Sendable (RouteCall) -> Void
    ) {
        self.method = method
        self.path = path
        self.summary = summary
        self.parameters = parameters
        self.body = body
        self.reply = reply
        self.isOpen = isOpen
        self.run = run
        segments = path.split(separator: "/")
    }

    /// The names of the path's parameters.
    var pathParameters: [String] { segments.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) } }

    /// - Returns: the path's parameters; `nil` where the path is another's.
    func match(_ path: [Substring]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, given) in zip(segments, path) {
            if segment.hasPrefix("{") {
                parameters[String(segment.dropFirst().dropLast())] = String(given)
            } else if segment != given {
                return nil
            }
        }
        return parameters
    }
}

/// All routes.
enum RouteTable {
    /// A new family of routes adds its line here.
    static let all: [Route] =
        healthRoutes + readRoutes + definitionRoutes + writeRoutes + feastRoutes + inferenceRoutes
        + pageRoutes

    /// - Throws: 404 and 405, with what there is instead; 415 for a body of another type than the route's; 400 for a parameter
    ///   that it does not have.
    static func find(_ request: HTTPRequest) throws(HTTPFault) -> (route: Route, parameters: [String: String]) {
        let path = request.path.split(separator: "/")
        var methods: [String] = []
        for route in all {
            guard let parameters = route.match(path) else { continue }
            // What is got can also be looked at.
            guard route.method == request.method || (route.method == .GET && request.method == .HEAD) else {
                methods.append(route.method.rawValue)
                continue
            }
            try check(request, route)
            return (route, parameters)
        }
        let shown = request.path.count > 128 ? request.path.prefix(128) + "…" : request.path[...]
        guard methods.isEmpty else {
            let allowed = methods.joined(separator: ", ")
            throw HTTPFault(
                .methodNotAllowed,
                "\(request.method.rawValue) \(shown): expected \(allowed)",
                headers: [("Allow", allowed)]
            )
        }
        throw HTTPFault(.notFound, "there is no '\(shown)' here; /openapi.json has all paths")
    }

    private static func check(_ request: HTTPRequest, _ route: Route) throws(HTTPFault) {
        if let unknown = request.query.first(where: { given in !route.parameters.contains { $0.name == given.name } }) {
            let known = route.parameters.map(\.name)
            throw HTTPFault(
                .badRequest,
                "\(route.path) has no parameter '\(unknown.name.prefix(128))'; "
                    + (known.isEmpty ? "it has none" : "expected \(known.joined(separator: ", "))")
            )
        }
        guard let body = route.body, let type = request.headers.first(name: "content-type") else { return }
        let given = type.prefix { $0 != ";" }.trimmingBlanks().lowercased()
        let known = body.types.map { String($0.prefix { $0 != ";" }) }
        guard known.contains(given) else {
            throw HTTPFault(
                .unsupportedMediaType,
                "the body is said to be '\(given.prefix(128))'; expected Content-Type: \(known.joined(separator: " or "))"
            )
        }
    }
}

extension Substring {
    fileprivate func trimmingBlanks() -> Substring {
        var text = self
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text.drop { $0 == " " || $0 == "\t" }
    }
}
