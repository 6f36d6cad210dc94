import ArgumentParser
import Workflows

/// How a plan is printed.
enum PlanFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json, markdown
}

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what `apply` would change.",
        discussion:
            """
            + added, ~ changed, - retired (hidden, its data kept), ! refused. Exit code 1 if a change is refused, or if \
            the file, or one that it includes, has a fault: each is printed as file:line:column: message. With \
            --detailed-exitcode 2 says that there are changes, and every error is 1.

            A file with a project only adds, changes and retires names of that project; see docs/how-to/definitions.md.

            In CI: asof plan --format json > plan.json; asof plan --format markdown for people; asof apply --plan \
            plan.json --yes refuses anything else than what the plan says.
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @Flag(help: "Show also what `apply --prune` would delete.")
    var prune = false
    @Option(help: "text, json (for programs and `apply --plan`) or markdown (for a pull request).")
    var format = PlanFormat.text
    @Flag(
        name: .customLong(Self.detailedExitCode),
        help: "Exit with 0 if nothing changes, 2 if something does, 1 on errors."
    )
    var isDetailed = false
    @OptionGroup var applied: AppliedDefinitionsOptions
    @OptionGroup var store: StoreOptions

    /// Mistakes on the command line, too, must not look like changes: ``AsofCommand`` asks for it.
    static let detailedExitCode = "detailed-exitcode"

    func validate() throws {
        guard !prune || applied.against == nil else {
            throw ValidationError("--prune counts what the store has; it does not go with --against")
        }
    }

    func run() throws {
        let input = try definitions.read()
        let plan: DefinitionsPlan
        if let known = try applied.read() {
            plan = try DefinitionsPlan(input, against: known)
        } else {
            plan = try store.open(forWriting: false).plan(input, options: ApplyOptions(prunes: prune))
        }
        switch format {
        case .text:
            Console.write(plan.text)
            if let table = plan.rewrittenText { Console.write(table) }
            if let table = plan.prunedText { Console.write(table) }
            if let text = plan.stoppedText { Console.write(text) }
        case .json: Console.write(try PlanDocument(plan).json())
        case .markdown: Console.write(try PlanMarkdown(plan).text)
        }
        if plan.hasRefusedChange { throw ExitCode(1) }
        if isDetailed && !plan.isEmpty { throw ExitCode(2) }
    }
}
