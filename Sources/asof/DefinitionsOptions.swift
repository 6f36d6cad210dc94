import ArgumentParser
import Features
import Foundation
import Store
import Workflows

/// A file of definitions.
struct DefinitionsOptions: ParsableArguments {
    @Argument(help: "The file of definitions.")
    var file = "features.yaml"
    @Flag(help: "Move what the file defines and was applied without a project into the file's project.")
    var adopt = false

    func read() throws -> DefinitionsInput {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw WorkflowError.refused(
                "cannot read \(file); name the file of definitions, or make one with `asof init`"
            )
        }
        return try DefinitionsInput(data, file: file, from: DefinitionFilesOnDisk(), adopts: adopt)
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

    /// The changes, below the project's name where the store knows projects.
    var text: String {
        let added = addedViews.map { view in
            let features = view.features.map { "\($0.name) \($0.type.text)\($0.isPII ? " (pii)" : "")" }
            return "\(view.name): \(features.joined(separator: ", "))\(view.ttl.map { "; ttl \($0.text)" } ?? "")"
        }
        let lines =
            changes.isEmpty ? "no changes" : (DefinitionChange.lines(changes) + added).joined(separator: "\n")
        guard hasProjects else { return lines }
        return (project.isEmpty ? "no project:\n" : "project \(project):\n") + lines
    }
}
