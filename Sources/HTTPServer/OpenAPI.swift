import Features
import NIOCore

/// The table of routes as OpenAPI 3.1 describes such.
enum OpenAPI {
    static func document(version: String) -> ByteBuffer {
        var paths: [(path: String, operations: [String])] = []
        for route in RouteTable.all {
            let operation = "\"\(route.verb.lowercased())\":\(operation(route))"
            if let index = paths.firstIndex(where: { $0.path == route.path }) {
                paths[index].operations.append(operation)
            } else {
                paths.append((route.path, [operation]))
            }
        }
        let listed = paths.map { "\(Value.quote($0.path)):{\($0.operations.joined(separator: ","))}" }
        return ByteBuffer(
            string: """
                {"openapi":"3.1.0","info":{"title":"Asof","version":\(Value.quote(version)),"description":"Latest values, \
                predictions, metrics and probes of asof serve."},"paths":{\(listed.joined(separator: ","))},"components":\
                {"schemas":{"Error":{"type":"object","required":["code","error"],"properties":{"code":{"type":"string"},\
                "error":{"type":"string"}}}}}}

                """
        )
    }

    private static func operation(_ route: Route) -> String {
        var members = ["\"summary\":\(Value.quote(route.summary))"]
        let path = route.pathParameters.map {
            "{\"name\":\"\($0)\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}"
        }
        let query = route.parameters.map {
            "{\"name\":\(Value.quote($0.name)),\"in\":\"query\",\"description\":\(Value.quote($0.summary)),"
                + "\"schema\":{\"type\":\"string\"}}"
        }
        if !path.isEmpty || !query.isEmpty {
            members.append("\"parameters\":[\((path + query).joined(separator: ","))]")
        }
        if let body = route.body { members.append("\"requestBody\":{\"required\":true,\(content(body))}") }
        let error = "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}"
        members.append(
            "\"responses\":{\"200\":{\"description\":\"Done.\",\(content(route.reply))},"
                + "\"default\":{\"description\":\"Why it was not done.\",\(error)}}"
        )
        return "{\(members.joined(separator: ","))}"
    }

    private static func content(_ body: Route.Body) -> String {
        let isJSON = body.types[0] == HTTPReply.json
        let types = body.types.map { type in
            let name = String(type.prefix { $0 != ";" })
            let schema = isJSON ? "{}" : "{\"type\":\"string\"}"
            let example = isJSON ? body.example : Value.quote(body.example)
            return "\(Value.quote(name)):{\"schema\":\(schema),\"example\":\(example)}"
        }
        return "\"content\":{\(types.joined(separator: ","))}"
    }
}
