import ArgumentParser
import Foundation
import Store
import Workflows

struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Put definitions in force, in one transaction.",
        discussion: """
            Shows what changes, asks, and does it. Adding views and features is always safe; types may widen (int32 to \
            int64, integers and float32 to float64), another changed type or entity is refused. What is removed is hidden and its data kept, which needs --allow-retire. Where there is no terminal to \
            ask on, --yes is needed.

            --prune deletes for good (x) what features.yaml lacks: views, and features. Training sets that need it can no \
            longer be verified.

            A file with a project only touches names of that project, and names belong to the project that applied them \
            first. --adopt moves what the file defines and was applied without a project into the file's project.

            --plan FILE applies exactly the plan that was reviewed: where the files, or definitions of the store that they \
            read or change, are others since, nothing is applied.

            Example: asof plan && asof apply --yes
            """
    )

    @OptionGroup var definitions: DefinitionsOptions
    @OptionGroup var store: StoreOptions
    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false
    @Flag(help: "Hide views, features and services that the file lacks.")
    var allowRetire = false
    @Flag(
        help:
            "Delete views and features that the file lacks, with their data; of those still in force only with --allow-retire."
    )
    var prune = false
    @Option(help: "A file that `asof plan --format json` made: anything else than what it says is refused.")
    var plan: String?

    func run() throws {
        let input = try definitions.read()
        let agreed = try plan.map { file in
            guard let data = FileManager.default.contents(atPath: file) else {
                throw WorkflowError.refused("cannot read \(file); make it with `asof plan --format json > \(file)`")
            }
            return try AgreedPlan(data, file: file)
        }
        let open = try store.open(forWriting: true)
        Cancellation.begin(open.control)
        let outcome = try open.apply(
            input,
            options: ApplyOptions(prunes: prune, allowsRetiring: allowRetire, agreed: agreed),
            confirm: { _ in
                if !yes { try Confirmation.ask("apply these changes?", nothingDone: "nothing was applied") }
                return true
            },
            progress: { progress in
                switch progress {
                case .planned(let plan):
                    if !plan.changes.isEmpty { Console.write(plan.text) }
                    if plan.refusal == nil, let table = plan.rewrittenText { Console.write(table) }
                    if plan.refusal == nil, let table = plan.prunedText { Console.write(table) }
                    if plan.refusal == nil, let text = plan.stoppedText { Console.write(text) }
                case .filling(let fills):
                    Console.write("making the online tables of \(fills.map(\.view).joined(separator: ", "))")
                case .stale(let version):
                    Console.write(
                        "definitions have changed meanwhile (version \(version)); nothing was applied. The plan is now:"
                    )
                }
            }
        )
        guard let outcome else { return }
        Console.write(
            outcome.plan.isEmpty
                ? outcome.plan.text
                : "applied: definitions version \(outcome.version), position \(outcome.position)"
        )
    }
}
