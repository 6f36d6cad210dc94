import Features
import Online
import Reading
import Serving
import Store
import Wire

extension CommandTable {
    /// FS.GET, FS.MGET, FS.SERVE: the latest values.
    static let featureCommands: [Command] = [
        Command(
            "fs.get",
            arity: -3,
            summary: "The latest values of one entity, feature by feature.",
            group: .features,
            complexity: "O(F), F = features asked for",
            flags: [.readonly, .fast],
            arguments: [viewArgument, ArgumentSpec("entity"), featuresArgument, metaArgument, timeArgument],
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.get) }
        ),
        Command(
            "fs.mget",
            arity: -4,
            summary: "The latest values of several entities of a view, a row each.",
            group: .features,
            complexity: "O(N × F), N = entities, F = features asked for",
            flags: [.readonly],
            arguments: [
                viewArgument, ArgumentSpec("count", .integer), ArgumentSpec("entity", isMultiple: true),
                featuresArgument, formatArgument, lossyArgument, metaArgument, timeArgument,
            ],
            argumentsMax: WireLimits.argumentsMax,
            requestBytesMax: WireLimits.requestBytesMax,
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.mget) }
        ),
        Command(
            "fs.serve",
            arity: -6,
            summary: "The columns of a service, in its order, a row for each row of keys and request fields.",
            group: .features,
            complexity: "O(N × F), N = rows, F = features of the service",
            flags: [.readonly],
            arguments: [
                ArgumentSpec("service"),
                ArgumentSpec(
                    "keys",
                    .block,
                    token: "KEYS",
                    parts: [ArgumentSpec("count", .integer), ArgumentSpec("key-or-field", isMultiple: true)]
                ),
                ArgumentSpec(
                    "rows",
                    .block,
                    token: "ROWS",
                    parts: [ArgumentSpec("count", .integer), ArgumentSpec("value", isMultiple: true)]
                ),
                formatArgument, lossyArgument, metaArgument,
                ArgumentSpec("position", .integer, token: "MINPOS", isOptional: true), timeArgument,
                ArgumentSpec("null", token: "NULL", isOptional: true),
            ],
            argumentsMax: WireLimits.argumentsMax,
            requestBytesMax: WireLimits.requestBytesMax,
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.serve) }
        ),
    ]

    static let viewArgument = ArgumentSpec("view")
    static let featuresArgument = ArgumentSpec(
        "features",
        .block,
        token: "FEATURES",
        isOptional: true,
        parts: [ArgumentSpec("count", .integer), ArgumentSpec("feature", isMultiple: true)]
    )
    static let metaArgument = ArgumentSpec("meta", .token, token: "META", isOptional: true)
    static let timeArgument = ArgumentSpec("time", token: "AT", isOptional: true)
    static let lossyArgument = ArgumentSpec("lossy", .token, token: "LOSSY", isOptional: true)
    static let formatArgument = ArgumentSpec(
        "format",
        .oneOf,
        token: "FORMAT",
        isOptional: true,
        parts: [
            ArgumentSpec("rows", .token, token: "ROWS"), ArgumentSpec("columns", .token, token: "COLUMNS"),
            ArgumentSpec("packed32", .token, token: "PACKED32"), ArgumentSpec("packed64", .token, token: "PACKED64"),
        ]
    )
}
