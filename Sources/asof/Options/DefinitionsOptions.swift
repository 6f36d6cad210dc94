import ArgumentParser
import Features
import Foundation
import Store
import Workflows

/// A file of definitions.
struct DefinitionsOptions: ParsableArguments {
    @Argument(help: "The file of definitions.")
    var file = Self.defaultFile
    @Flag(help: "Move what the file defines and was applied without a project into the file's project.")
    var adopt = false

    static let defaultFile = "features.yaml"

    func read() throws -> DefinitionsInput { try Self.read(file, adopts: adopt) }

    static func read(_ file: String, adopts: Bool = false) throws -> DefinitionsInput {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw WorkflowError.refused(
                "cannot read \(file); name the file of definitions, or make one with `asof init`"
            )
        }
        return try DefinitionsInput(data, file: file, from: DefinitionFilesOnDisk(), adopts: adopts)
    }
}

extension DefinitionsPlan {
    /// What is deleted for good, as a table; `nil` where that is nothing.
    var prunedText: String? {
        guard !pruned.isEmpty else { return nil }
        var table = TextTable(["x", "deleted for good", "rows", "size"], rightAligned: [2, 3])
        for item in pruned {
            table.append([
                "x", "\(item.noun) \(item.name)", CountText.grouped(item.rows),
                item.feature == nil ? Console.size(item.bytes) : "-",
            ])
        }
        return table.text
    }

    /// What answers no more; `nil` where that is nothing.
    var stoppedText: String? {
        guard !stopped.isEmpty else { return nil }
        func lines(_ noun: String, _ names: [String]) -> [String] {
            let shown = names.prefix(Self.stoppedShownMax).map { name in
                let goesOn =
                    noun == "service" && !name.contains("@") && !names.contains { $0.hasPrefix(name + "@") }
                return "  \(noun)  \(name)\(goesOn ? "  (its versions go on)" : "")"
            }
            let rest = names.count - shown.count
            return shown + (rest > 0 ? ["  and \(rest) more; `asof plan --format json` has all"] : [])
        }
        let all = lines("service", stopped.services) + lines("model", stopped.models)
        return (["these answer no more, since what they read is deleted or they are retired:"] + all)
            .joined(separator: "\n")
    }

    private static let stoppedShownMax = 20

    /// What is written anew, as a table; `nil` where that is nothing.
    var rewrittenText: String? {
        guard !rewrites.isEmpty else { return nil }
        var table = TextTable(["~", "written anew", "rows", "size", "about"], rightAligned: [2, 3, 4])
        for rewrite in rewrites {
            let features = rewrite.features.map { "\($0.name) \($0.from.text) -> \($0.to.text)" }
            table.append([
                "~", "view \(rewrite.view): \(features.joined(separator: ", "))", CountText.grouped(rewrite.rows),
                Console.size(rewrite.bytes), "\(rewrite.seconds) s",
            ])
        }
        return table.text
            + "\nreads and writes of these views wait meanwhile, and PostgreSQL needs as much space again; "
            + "a server answers from memory"
    }

    /// What a plan without the store cannot tell of a view.
    static func uncounted(_ view: String) -> String {
        "\(view): its tables are written anew or made of its history; how many rows that are and how long it takes, only the "
            + "store knows: asof plan without --against"
    }

    /// The features of views that are added, as they are defined, by view.
    var addedText: [(view: String, features: String)] {
        addedViews.map { view in
            let features = view.features.map { "\($0.name) \($0.type.text)\($0.isPII ? " (pii)" : "")" }
            return (view.name, "\(features.joined(separator: ", "))\(view.ttl.map { "; ttl \($0.text)" } ?? "")")
        }
    }

    /// The changes, below the project's name where the store knows projects.
    var text: String {
        let added = addedText.map { "\($0.view): \($0.features)" }
        let filled = fills.map { fill in
            "\(fill.view): its online table is made of \(CountText.count(Int(fill.rows), "row")) of history, about "
                + "\(Console.seconds(.seconds(fill.seconds))); writers go on meanwhile"
        }
        let lines =
            changes.isEmpty
            ? "no changes"
            : (DefinitionChange.lines(changes) + added + filled + uncounted.map(Self.uncounted)).joined(separator: "\n")
        guard hasProjects else { return lines }
        return (project.isEmpty ? "no project:\n" : "project \(project):\n") + lines
    }
}
