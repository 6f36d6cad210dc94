import ArgumentParser
import Columnar
import Store
import TrainingSets
import Workflows

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Make a training set again and compare.",
        usage: "asof verify <manifest> [<options>]",
        discussion: """
            The spine is taken from the exported file's own columns, the state from the manifest's position, the rules \
            (TTL, delay, strict) as they were then.

            Where history was dropped or an entity forgotten since, a set that did not need it is still equal; one that \
            did could not be checked, and the reason is named.

            Exit codes: 0 equal, 1 different, 2 could not be checked.
            """
    )

    @Argument(help: "The manifest: FILE.manifest.json, or the FILE beside it.")
    var manifest: String
    @Flag(name: [.short, .long], help: "Print only what is wrong.")
    var quiet = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let manifest = ManifestArgument.path(manifest)
        let request: VerifyRequest
        let result: VerifyResult
        do {
            request = try VerifyRequest(manifestAt: manifest, lookup: try engine.lookup())
            TableWriter.keepMemory()
            let open = try store.open(forWriting: false)
            result = try open.verify(request) { Console.writeError("WARNING: \($0)") }
        } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        let file = request.manifest.output.file
        switch result.outcome {
        case .historyLost(let difference):
            let reasons = result.removals.map(\.text).joined(separator: "; ")
            Console.writeError(
                "asof: \(manifest) could not be checked: \(file) is what was exported, but history "
                    + "no longer gives it: \(reasons). First difference: \(difference.text)"
            )
            throw ExitCode(2)
        case .different(let difference):
            Console.writeError("asof: \(file) is different: \(difference.text)")
            throw ExitCode(1)
        case .equal: break
        }
        guard !quiet else { return }
        Console.write(
            "\(file) is what position \(request.manifest.store.position) gives: "
                + "\(CountText.count(request.manifest.rows, "row")), \(request.manifest.contentDigest)"
        )
        for removal in result.removals { Console.write("note: \(removal.text); this set did not need it") }
    }
}
