import ArgumentParser
import Columnar
import Foundation
import Models
import Store
import TrainingSets
import Workflows

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Make a training set again, or fit or learn a model again, and compare.",
        usage: "asof verify <manifest|model@version|model@version.publish> [<options>]",
        discussion: """
            The spine is taken from the exported file's own columns, the state from the manifest's position, the rules \
            (TTL, delay, strict) as they were then.

            A version of a model, as delay@3, is fitted again: its training set is made from the same spine, position and rules, \
            split and fitted as it was then, and the model's file is compared byte by byte. The spine is read from where it was, \
            or from --data; another release of the library that fits is another result, and cannot be checked.

            A publish of a model, as delay@3.1842, is learned again from the ledger's beginning up to the position that it had \
            learned, and its weights are compared to the bit.

            Where history was dropped or an entity forgotten since, a set that did not need it is still equal; one that \
            did could not be checked, and the reason is named.

            Exit codes: 0 equal, 1 different, 2 could not be checked.
            """
    )

    @Argument(
        help:
            "The manifest: FILE.manifest.json, or the FILE beside it; or a version of a model, as delay@3, or a publish of one, as delay@3.1842."
    )
    var manifest: String
    @Option(
        help: ArgumentHelp(
            "The set's file where it does not lie beside the manifest, or came by a pipe; of a version of a model the spine's file.",
            valueName: "file"
        )
    )
    var data: String?
    @Flag(name: [.short, .long], help: "Print only what is wrong.")
    var quiet = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    /// The version, where it is a model's: what a file is called is a file.
    private var target: ModelTarget? {
        let parts = manifest.split(separator: "@", maxSplits: 1)
        guard parts.count == 2, !manifest.contains("/"), !FileManager.default.fileExists(atPath: manifest) else {
            return nil
        }
        return ModelTarget(text: parts[1])
    }

    private func verifyVersion() throws {
        let (version, verification): (ModelVersion, ModelVerification)
        do {
            TableWriter.keepMemory()
            TemporaryPaths.removeOnSignals()
            (version, verification) = try store.open(forWriting: false).verifyModel(
                manifest,
                data: data,
                lookup: try engine.lookup(),
                fitting: .here(threads: engine.threadCount)
            ) { event in
                if case .exporting(.warning(let text)) = event { Console.writeError("WARNING: \(text)") }
            }
        } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        switch verification {
        case .different(let difference):
            Console.writeError("asof: \(manifest) is different: \(difference)")
            throw ExitCode(1)
        case .equal(let rows):
            guard !quiet else { return }
            let origin = version.origin
            Console.write(
                "\(manifest) is what \(origin.library ?? version.algorithm) fits to \(CountText.count(rows, "row")) of \(origin.trainingSet ?? "its training set"), to the byte"
            )
        }
    }

    private func verifyPublish() throws {
        let (publish, outcome): (ModelPublish, LearnVerification)
        do { (publish, outcome) = try store.open(forWriting: false).verifyLearned(manifest) } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        switch outcome {
        case .historyLost(let reason):
            Console.writeError("asof: \(manifest) could not be checked: what it learned from is not whole: \(reason)")
            throw ExitCode(2)
        case .different(let found, let expected):
            Console.writeError(
                "asof: \(manifest) is different: its weights have the digest \(expected), learning again gives \(found)"
            )
            throw ExitCode(1)
        case .equal: break
        }
        guard !quiet else { return }
        Console.write(
            "\(publish.name) is what \(CountText.count(publish.sums.examples, "label")) up to position \(publish.position) give, to the bit"
        )
    }

    func run() throws {
        if let target {
            guard target.publish != nil else { return try verifyVersion() }
            guard data == nil else {
                throw ValidationError("--data is for training sets and versions, not for publishes")
            }
            return try verifyPublish()
        }
        let manifest = ManifestArgument.path(manifest)
        let request: VerifyRequest
        let result: VerifyResult
        do {
            request = try VerifyRequest(manifestAt: manifest, data: data, lookup: try engine.lookup())
            TableWriter.keepMemory()
            let open = try store.open(forWriting: false)
            result = try open.verify(request) { Console.writeError("WARNING: \($0)") }
        } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        let file = data ?? request.manifest.output.file
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
