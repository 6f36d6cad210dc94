import ArgumentParser
import Features
import Models
import Training
import Workflows

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List models, their versions and what happened to them; move their names.",
        discussion: """
            A version never changes, and its number is never used again. A name (champion, challenger, any other) stands for one \
            version; `model` alone means its champion. Each move takes a position, so that who was champion when has an answer.

            Examples:
              asof models                                    all models
              asof models show delay                         its versions
              asof models log delay                          who was champion when
              asof models alias delay champion 7 --if 6      move a name, unless somebody else has
              asof models rollback delay --reason "worse on Mondays"
              asof models diff delay@6 delay@7               what they differ in
              asof models export delay@7 delay-7             a folder, which `import` of another store takes
            """,
        subcommands: [
            ModelsListCommand.self, ModelsShowCommand.self, ModelsLogCommand.self, ModelsAliasCommand.self,
            ModelsRollbackCommand.self, ModelsRetireCommand.self,
            ModelsPublishesCommand.self, ModelsDiffCommand.self, ModelsExportCommand.self, ModelsImportCommand.self,
        ],
        defaultSubcommand: ModelsListCommand.self
    )
}

struct ModelsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the models.")

    @Flag(help: "Print one JSON object a model.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let listings = try store.open(forWriting: false).models()
        if json {
            for listing in listings { Console.write(ModelText.json(listing)) }
            return
        }
        guard !listings.isEmpty else {
            Console.write("no models; features.yaml defines them in its section 'models'")
            return
        }
        var table = TextTable(["model", "task", "service", "champion", "versions"], rightAligned: [4])
        for listing in listings {
            table.append([
                listing.name, listing.definition?.task.rawValue ?? listing.versions.last?.signature.task.rawValue ?? "",
                listing.definition?.service ?? "(retired)",
                listing.aliases["champion"]?.text ?? "-", "\(listing.versions.count)",
            ])
        }
        Console.write(table.text)
    }
}

struct ModelsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a model's versions.")

    @Argument(help: "The model.")
    var model: String
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        guard let listing = try store.open(forWriting: false).models(model).first else { return }
        if json {
            Console.write(ModelText.json(listing))
            return
        }
        if let definition = listing.definition {
            Console.write(
                "\(definition.name): \(definition.task.rawValue) '\(definition.label)' from \(definition.service), \(definition.algorithm.rawValue), label_delay \(definition.labelDelay.text), fallback \(definition.fallback.text)"
            )
        }
        guard !listing.versions.isEmpty else {
            Console.write("no versions yet; `asof train \(model)` makes one")
            return
        }
        var table = TextTable(
            ["version", "algorithm", "service", "state", "names", "position", "registered"],
            rightAligned: [0, 5]
        )
        for version in listing.versions.reversed() {
            let names = listing.aliases.filter { $0.value.version == version.version }.map { name, target in
                target.publish == nil ? name : "\(name) (\(target.text))"
            }.sorted()
            table.append([
                "\(version.version)", version.algorithm, "\(version.service)@\(version.serviceVersion)",
                version.state.rawValue, names.joined(separator: ", "), "\(version.position)",
                Timestamp(microseconds: version.committedUs).text,
            ])
        }
        Console.write(table.text)
    }
}

struct ModelsLogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show what happened to a model, newest first."
    )

    @Argument(help: "The model.")
    var model: String
    @Option(name: [.customShort("n"), .customLong("limit")], help: "How many events.")
    var limit = 20
    @Flag(help: "Print one JSON object an event.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let events = try store.open(forWriting: false).modelHistory(model, limit: max(limit, 0))
        // A number where it is one, so that scripts from before go on reading it.
        func number(_ value: ModelTarget?) -> Value {
            guard let value else { return .null }
            return value.publish == nil ? .int64(Int64(value.version)) : .string(value.text)
        }
        if json {
            for event in events {
                Console.write(
                    JSONObject([
                        ("position", .int64(event.position)),
                        ("time", .string(Timestamp(microseconds: event.committedUs).text)),
                        ("event", .string(event.kind)),
                        ("alias", event.alias.map { .string($0) } ?? .null), ("from", number(event.from)),
                        ("to", number(event.to)), ("role", .string(event.role)),
                        ("reason", event.reason.map { .string($0) } ?? .null),
                    ]).text
                )
            }
            return
        }
        var table = TextTable(
            ["position", "time", "event", "name", "from", "to", "role", "reason"],
            rightAligned: [0, 4, 5]
        )
        for event in events {
            table.append([
                "\(event.position)", Timestamp(microseconds: event.committedUs).text, event.kind, event.alias ?? "",
                event.from?.text ?? "", event.to?.text ?? "", event.role, event.reason ?? "",
            ])
        }
        Console.write(table.text)
    }
}

struct ModelsAliasCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "alias", abstract: "Have a name stand for a version.")

    @Argument(help: "The model.")
    var model: String
    @Argument(help: "The name: champion, challenger, or any other.")
    var alias: String
    @Argument(help: "The version's number, as in 3; of one that learns also a publish, as in 3.1842.")
    var version: ModelTarget
    @Option(
        name: .customLong("if"),
        help: ArgumentHelp("Only where the name stands for this version now.", valueName: "version")
    )
    var ifCurrent: Int?
    @Flag(help: "Also a version of which nobody said which margins its trainer had.")
    var unproven = false
    @Option(help: "Why; kept in the model's log.")
    var reason: String?
    @OptionGroup var store: StoreOptions

    func run() throws {
        let (from, position) = try store.open(forWriting: true).setModelAlias(
            model,
            alias,
            to: version,
            ifCurrent: ifCurrent,
            allowsUnproven: unproven,
            reason: reason
        )
        Console.write(
            "\(model)@\(alias) is version \(version.text)\(from.map { " (before: \($0.text))" } ?? ""), position \(position)"
        )
    }
}

struct ModelsRollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Go back to the champion before, and mark the version that is left; a second one goes further back."
    )

    @Argument(help: "The model.")
    var model: String
    @Option(
        help: ArgumentHelp(
            "The version to go to, instead of the last good champion, or a publish of one, as in 3.1842.",
            valueName: "version"
        )
    )
    var to: ModelTarget?
    @Option(help: "Why; kept in the model's log.")
    var reason: String
    @OptionGroup var store: StoreOptions

    func run() throws {
        let (from, to, position) = try store.open(forWriting: true).rollBackModel(model, to: to, reason: reason)
        Console.write(
            "\(model)@champion is version \(to.text) (before: \(from.text), rolled back), position \(position)"
        )
    }
}

struct ModelsRetireCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire",
        abstract: "Have a version answer no more; its file and history stay."
    )

    @Argument(help: "The model.")
    var model: String
    @Argument(help: "The version's number.")
    var version: Int
    @OptionGroup var store: StoreOptions

    func run() throws {
        let position = try store.open(forWriting: true).retireModel(model, version)
        Console.write("\(model)@\(version) is retired, position \(position)")
    }
}

extension ModelTarget: ExpressibleByArgument {
    package init?(argument: String) { self.init(text: argument) }
}

/// What is printed of models.
enum ModelText {
    static func json(_ listing: ModelListing) -> String {
        var object = JSONObject([
            ("model", .string(listing.name)),
            ("task", listing.definition.map { .string($0.task.rawValue) } ?? .null),
            ("service", listing.definition.map { .string($0.service) } ?? .null),
            ("champion", listing.aliases["champion"].map { .int64(Int64($0.version)) } ?? .null),
            ("versions", .listInt64(listing.versions.map { Int64($0.version) })),
        ])
        object.append(
            "aliases",
            JSONObject(listing.aliases.sorted { $0.key < $1.key }.map { ($0.key, .int64(Int64($0.value.version))) })
        )
        return object.text
    }
}
