import ArgumentParser
import Columnar
import Features
import Foundation
import PointInTime
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

    @Argument(help: "The manifest: FILE.manifest.json")
    var manifest: String
    @Flag(name: [.short, .long], help: "Print only what is wrong.")
    var quiet = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let outcome: SetComparison.Outcome
        let described: TrainingSetManifest
        do {
            described = try readManifest()
            TableWriter.keepMemory()
            TableWriter.limitThreads(engine.threadCount)
            let open = try store.open(forWriting: false)
            let folder = URL(fileURLWithPath: manifest).deletingLastPathComponent().path
            outcome = try SetComparison(described, folder: folder, open, engine).outcome()
        } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        if let difference = outcome.difference {
            // A file that is what the manifest says, and which history no longer gives, is not at fault.
            guard outcome.removals.isEmpty || !outcome.isFileIntact else {
                let reasons = outcome.removals.map(\.text).joined(separator: "; ")
                Console.writeError(
                    "asof: \(manifest) could not be checked: \(described.output.file) is what was exported, but history "
                        + "no longer gives it: \(reasons). First difference: \(difference)"
                )
                throw ExitCode(2)
            }
            Console.writeError("asof: \(described.output.file) is different: \(difference)")
            throw ExitCode(1)
        }
        guard !quiet else { return }
        Console.write(
            "\(described.output.file) is what position \(described.store.position) gives: "
                + "\(Console.count(described.rows, "row")), \(described.contentDigest)"
        )
        for removal in outcome.removals { Console.write("note: \(removal.text); this set did not need it") }
    }

    private func readManifest() throws -> TrainingSetManifest {
        guard let data = FileManager.default.contents(atPath: manifest) else {
            throw WorkflowError.refused("there is no such file, or it cannot be read")
        }
        return try TrainingSetManifest(json: String(decoding: data, as: UTF8.self), path: manifest)
    }
}
