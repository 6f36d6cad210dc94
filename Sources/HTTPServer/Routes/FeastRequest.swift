import Columnar
import NIOHTTP1
import Wire

/// What Feast's clients ask for.
struct FeastRequest: Sendable {
    let body: [UInt8]
    var service: String?
    /// `view:feature`, in order.
    var features: [(view: String, feature: String)] = []
    var entities: ColumnsBody.Columns = []
    var hasFullNames = false
    var rowCount = 0

    init(_ body: [UInt8]) throws(HTTPFault) {
        self.body = body
        var made = (service: String?.none, features: [String](), entities: ColumnsBody.Columns(), full: false)
        try ColumnsBody.read(body) { name, scanner throws(JSONSyntaxError) in
            switch name {
            case "feature_service":
                // Null where features are given instead.
                scanner.skipBlanks()
                if !scanner.isAtEnd, scanner.bytes[scanner.position] == UInt8(ascii: "n") {
                    _ = try scanner.value()
                } else {
                    made.service = try ColumnsBody.text(&scanner, name)
                }
            case "features":
                try ColumnsBody.array(&scanner, name) { scanner throws(JSONSyntaxError) in
                    guard made.features.count < HTTPLimits.feastFeaturesMax else {
                        throw JSONSyntaxError(reason: "more than \(HTTPLimits.feastFeaturesMax) features")
                    }
                    made.features.append(try ColumnsBody.text(&scanner, "features"))
                }
            case "entities":
                var count = 0
                try ColumnsBody.object(&scanner, name) { name, scanner throws(JSONSyntaxError) in
                    let cells = try ColumnsBody.cells(&scanner, name, already: count)
                    count += cells.count
                    made.entities.append((name, cells))
                }
            case "full_feature_names": made.full = try scanner.value().kind == .true
            // What Feast's clients send besides.
            case "allow_registry_cache", "query_embedding", "query_string", "api_version", "top_k":
                _ = try scanner.value()
            default:
                throw JSONSyntaxError(
                    reason:
                        "unknown member \(CommandFault.quoted(name)); expected feature_service or features, entities, full_feature_names"
                )
            }
        }
        (service, entities, hasFullNames) = (made.service, made.entities, made.full)
        rowCount = try ColumnsBody.rowCount(entities)
        for text in made.features {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else {
                throw HTTPFault(.badRequest, "features: got \(CommandFault.quoted(text)); expected view:feature")
            }
            features.append((String(parts[0]), String(parts[1])))
        }
        guard (service == nil) != features.isEmpty else {
            throw HTTPFault(.badRequest, "expected one of feature_service and features")
        }
    }
}
