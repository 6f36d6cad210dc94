import ArgumentParser
import Features
import Store
import Workflows

struct DefinitionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "definitions",
        abstract: "Print what is in force: all definitions of a store.",
        discussion: """
            --json prints all that `asof plan --against FILE` and `asof validate --against FILE` need to know of a store, so \
            that a pull request can be checked where there is no database. It holds names, types, expressions and SQL, no \
            values and no secrets.

            Example: asof definitions --json > applied.json
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @OptionGroup var store: StoreOptions
    @Flag(help: "One JSON document, for --against.")
    var json = false

    func run() throws {
        let applied = try store.open(forWriting: false).appliedDefinitions()
        if json {
            Console.write(try JSONDocument.encode(applied, isPretty: true))
            return
        }
        var table = TextTable(["what", "name", "project", "owner", "description"])
        let definitions = applied.definitions
        func add(
            _ subject: DefinitionChange.Subject,
            _ noun: String,
            _ name: String,
            _ owner: String?,
            _ description: String?
        ) {
            let project = definitions.projects[subject]
            table.append([
                noun, name, project.isEmpty ? "-" : project, owner ?? "-", Console.summary(description ?? ""),
            ])
        }
        for item in definitions.entities { add(.entity(item.name), "entity", item.name, item.owner, item.description) }
        for item in definitions.views { add(.view(item.name), "view", item.name, item.owner, item.description) }
        for item in definitions.services {
            add(.service(item.name), "service", item.name, item.owner, item.description)
        }
        for item in definitions.models { add(.model(item.name), "model", item.name, item.owner, item.description) }
        for item in definitions.streams { add(.stream(item.name), "stream", item.name, item.owner, item.description) }
        Console.write("definitions version \(applied.version)")
        Console.write(table.text)
    }
}
