import ArgumentParser
import Features
import Foundation
import Store
import Workflows

/// Definitions that are in force, read from a file instead of a store.
struct AppliedDefinitionsOptions: ParsableArguments {
    @Option(help: "A file that `asof definitions --json` made: what is in force, without the store.")
    var against: String?

    /// - Returns: `nil` where no file is named.
    func read() throws -> AppliedDefinitions? {
        guard let against else { return nil }
        guard let data = FileManager.default.contents(atPath: against) else {
            throw WorkflowError.refused("cannot read \(against); make it with `asof definitions --json > \(against)`")
        }
        return try AppliedDefinitions(json: String(decoding: data, as: UTF8.self), file: against)
    }
}
