import ArgumentParser
import Workflows

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what `apply` would change.",
        discussion:
            """
            + added, ~ changed, - retired (hidden, its data kept), ! refused. Exit code 1 if a change is refused, or if \
            the file, or one that it includes, has a fault: each is printed as file:line:column: message.

            A file with a project only adds, changes and retires names of that project; see docs/definitions.md.
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @Flag(help: "Show also what `apply --prune` would delete.")
    var prune = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let input = try definitions.read()
        let plan = try store.open(forWriting: false).plan(input, options: ApplyOptions(prunes: prune))
        Console.write(plan.text)
        if let table = plan.prunedText { Console.write(table) }
        if plan.hasRefusedChange { throw ExitCode(1) }
    }
}
