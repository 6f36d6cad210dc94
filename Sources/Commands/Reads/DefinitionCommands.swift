import Access
import Features
import Reading
import Serving
import Store
import Wire

extension CommandTable {
    /// FS.VIEWS, FS.VIEW, FS.SERVICES, FS.SERVICE: what is defined.
    static let definitionCommands: [Command] = [
        Command(
            "fs.views",
            arity: 1,
            summary: "The views, with their keys and how many features they have.",
            group: .features,
            complexity: "O(views)",
            flags: [.readonly],
            run: { context, arguments in DefinitionCommands.run(&context, arguments, DefinitionCommands.views) }
        ),
        Command(
            "fs.view",
            arity: 2,
            summary: "A view's definition: keys, features and their types, TTL.",
            group: .features,
            complexity: "O(features)",
            flags: [.readonly],
            arguments: [viewArgument],
            run: { context, arguments in DefinitionCommands.run(&context, arguments, DefinitionCommands.view) }
        ),
        Command(
            "fs.services",
            arity: 1,
            summary: "The services with the versions in force and their fingerprints.",
            group: .features,
            complexity: "O(services)",
            flags: [.readonly],
            run: { context, arguments in DefinitionCommands.run(&context, arguments, DefinitionCommands.services) }
        ),
        Command(
            "fs.service",
            arity: 2,
            summary:
                "A service's definition: version, fingerprints, keys, request fields, columns in order, the rules of its views.",
            group: .features,
            complexity: "O(columns)",
            flags: [.readonly],
            arguments: [ArgumentSpec("service")],
            run: { context, arguments in DefinitionCommands.run(&context, arguments, DefinitionCommands.service) }
        ),
    ]
}

/// Replies that describe definitions. Times are µs; what a definition does not say is null.
enum DefinitionCommands {
    /// Whoever asks is told in lists of what it may read.
    typealias Answer = (borrowing Arguments, Catalog, ClientState, inout ReplyWriter) throws(CommandFault) -> Void

    static func run(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments,
        _ answer: Answer
    ) -> CommandOutcome {
        do throws(CommandFault) {
            let catalog = try FeatureCommands.reads(context).source.catalog()
            try answer(arguments, catalog, context.client, &context.reply)
        } catch {
            context.fail(error)
        }
        return .replied
    }

    static func views(
        _ arguments: borrowing Arguments,
        _ catalog: Catalog,
        _ client: ClientState,
        _ reply: inout ReplyWriter
    ) {
        let views = client.readable(catalog.views)
        reply.array(views.count)
        for view in views {
            reply.map(7)
            reply.bulk("name")
            reply.bulk(view.name)
            reply.bulk("keys")
            reply.texts(view.definition.keys.map(\.name))
            reply.bulk("features")
            reply.integer(Int64(view.definition.features.count))
            reply.bulk("ttl")
            reply.optional(view.ttlUs)
            reply.bulk("online")
            reply.bool(view.isOnline)
            reply.bulk("resident")
            reply.bool(view.memory != nil)
            reply.bulk("description")
            reply.optional(view.definition.description)
        }
    }

    static func view(
        _ arguments: borrowing Arguments,
        _ catalog: Catalog,
        _ client: ClientState,
        _ reply: inout ReplyWriter
    ) throws(CommandFault) {
        let view = try FeatureCommands.view(arguments, 1, catalog)
        let definition = view.definition
        let plan = RowPlan(view)
        reply.map(17)
        reply.bulk("name")
        reply.bulk(view.name)
        reply.bulk("description")
        reply.optional(definition.description)
        reply.bulk("owner")
        reply.optional(definition.owner)
        reply.bulk("tags")
        reply.tags(definition.tags)
        reply.bulk("entities")
        reply.texts(definition.entities)
        reply.bulk("keys")
        reply.keys(definition.keys)
        reply.rules(definition.rules)
        reply.bulk("missing")
        reply.bulk(definition.missing.rawValue)
        reply.bulk("online")
        reply.bool(view.isOnline)
        reply.bulk("resident")
        reply.bool(view.memory != nil)
        reply.bulk("partition")
        reply.bulk(definition.partition.rawValue)
        reply.bulk("schema")
        reply.bulk(plan.fingerprint)
        reply.bulk("rules")
        reply.bulk(plan.rules)
        reply.bulk("definitions")
        reply.integer(catalog.version)
        reply.bulk("features")
        reply.array(definition.features.count)
        for feature in definition.features {
            reply.map(3)
            reply.bulk("name")
            reply.bulk(feature.name)
            reply.bulk("type")
            reply.bulk(feature.type.text)
            reply.bulk("description")
            reply.optional(feature.description)
        }
    }

    static func services(
        _ arguments: borrowing Arguments,
        _ catalog: Catalog,
        _ client: ClientState,
        _ reply: inout ReplyWriter
    ) {
        let services = catalog.services.filter { client.mayRead(.service, $0.name) }
        reply.array(services.count)
        for service in services {
            reply.map(7)
            reply.version(service)
            reply.bulk("keys")
            reply.texts(service.keys.map(\.name))
            reply.bulk("columns")
            reply.integer(Int64(service.columns.count))
            reply.bulk("description")
            reply.optional(service.definition.description)
        }
    }

    static func service(
        _ arguments: borrowing Arguments,
        _ catalog: Catalog,
        _ client: ClientState,
        _ reply: inout ReplyWriter
    ) throws(CommandFault) {
        let service = try catalog.plan(arguments[1])
        let definition = service.definition
        reply.map(12)
        reply.version(service)
        reply.bulk("description")
        reply.optional(definition.description)
        reply.bulk("owner")
        reply.optional(definition.owner)
        reply.bulk("tags")
        reply.tags(definition.tags)
        reply.bulk("keys")
        reply.keys(service.keys)
        reply.bulk("packed_width")
        reply.optional(service.packedRefusal == nil ? Int64(service.packedWidth) : nil)
        reply.bulk("columns")
        reply.array(definition.columns.count)
        for column in definition.columns { reply.column(column) }
        reply.bulk("request")
        reply.array(definition.requestFields.count)
        for field in definition.requestFields {
            reply.map(2)
            reply.bulk("name")
            reply.bulk(field.name)
            reply.bulk("type")
            reply.bulk(field.type.text)
        }
        reply.bulk("roles")
        reply.array(service.roles.count)
        for role in service.roles {
            reply.map(5)
            reply.bulk("name")
            reply.bulk(role.prefix)
            reply.bulk("view")
            reply.bulk(role.view.name)
            reply.rules(role.rules)
        }
    }
}

extension ReplyWriter {
    mutating func optional(_ value: Int64?) {
        if let value { integer(value) } else { null() }
    }

    fileprivate mutating func optional(_ text: String?) {
        if let text { bulk(text) } else { null() }
    }

    /// Four entries of a map: which version it is.
    fileprivate mutating func version(_ service: ServicePlan) {
        bulk("name")
        bulk(service.name)
        bulk("version")
        integer(Int64(service.version))
        bulk("schema")
        bulk(service.fingerprint)
        bulk("rules")
        bulk(service.rules.fingerprint)
    }

    /// Three entries of a map; durations in µs.
    fileprivate mutating func rules(_ rules: ViewRules) {
        bulk("ttl")
        optional(rules.ttl?.microseconds)
        bulk("delay")
        integer(rules.delay.microseconds)
        bulk("strict")
        bool(rules.isStrict)
    }

    /// A map: name and type, then where the value comes from.
    fileprivate mutating func column(_ column: ServiceColumn) {
        func named() {
            bulk("name")
            bulk(column.outputName)
            bulk("type")
            bulk(column.type.text)
        }
        switch column {
        case .feature(let feature):
            map(5)
            named()
            bulk("view")
            bulk(feature.view)
            bulk("feature")
            bulk(feature.feature)
            // The view's key → the request's key.
            bulk("keys")
            map(feature.keys.count)
            for key in feature.keys {
                bulk(key.viewKey)
                bulk(key.from)
            }
        case .request(let field):
            map(3)
            named()
            bulk("request")
            bulk(field.name)
        case .derived(let derived):
            map(4)
            named()
            bulk("derive")
            bulk(derived.name)
            bulk("from")
            bulk(derived.expression)
        }
    }

    fileprivate mutating func texts(_ texts: [String]) {
        array(texts.count)
        for text in texts { bulk(text) }
    }

    fileprivate mutating func tags(_ tags: [String: String]) {
        map(tags.count)
        for (name, value) in tags.sorted(by: { $0.key < $1.key }) {
            bulk(name)
            bulk(value)
        }
    }

    fileprivate mutating func keys(_ keys: [KeyColumn]) {
        array(keys.count)
        for key in keys {
            map(2)
            bulk("name")
            bulk(key.name)
            bulk("type")
            bulk(key.type.rawValue)
        }
    }
}
