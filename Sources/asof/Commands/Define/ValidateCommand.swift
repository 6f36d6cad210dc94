import ArgumentParser
import Features
import Workflows

/// How faults of definitions are printed.
enum FaultFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json, github
}

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check definitions without a store.",
        discussion: """
            Reads features.yaml and what it includes, resolves names, types expressions and windows, and prints every fault \
            as file:line:column: message. Exit code 1 if there is one. Whether a store would take the definitions, `asof \
            plan` says.

            A file of a project may name what other projects have: --against knows that.

            Example: asof validate --format github
            """
    )

    @Argument(help: "The file of definitions.")
    var file = DefinitionsOptions.defaultFile
    @Option(help: "text, json, or github: annotations of a pull request.")
    var format = FaultFormat.text
    @OptionGroup var applied: AppliedDefinitionsOptions

    func run() throws {
        let known = try applied.read()
        var project = ""
        do {
            let input = try DefinitionsOptions.read(file)
            project = input.project
            let definitions = try input.validated(against: known)
            switch format {
            case .json: Console.write(JSONObject([("file", .string(file)), ("valid", .bool(true))]).text)
            case .text, .github: Console.write("\(file): \(Self.summary(definitions))")
            }
        } catch let error as DefinitionsError {
            write(error)
            if !project.isEmpty && known == nil {
                Console.writeError("names of other projects are known with --against; see `asof validate --help`")
            }
            throw ExitCode(1)
        }
    }

    private func write(_ error: DefinitionsError) {
        switch format {
        case .text: Console.writeError("\(error)")
        case .json:
            for issue in error.issues {
                Console.write(
                    JSONObject([
                        ("file", .string(issue.file ?? error.file)), ("valid", .bool(false)),
                        ("line", .int64(Int64(issue.line))), ("column", .int64(Int64(issue.column))),
                        ("message", .string(issue.message)),
                    ]).text
                )
            }
        case .github:
            for issue in error.issues {
                let place = "file=\(Self.property(issue.file ?? error.file)),line=\(issue.line),col=\(issue.column)"
                Console.write("::error \(place)::\(Self.data(issue.message))")
            }
        }
    }

    /// `2 entities, 3 views, 1 service`: of what there is any.
    private static func summary(_ definitions: Definitions) -> String {
        let counts = [
            (definitions.entities.count, "entity", "entities"), (definitions.views.count, "view", "views"),
            (definitions.services.count, "service", "services"), (definitions.models.count, "model", "models"),
            (definitions.streams.count, "stream", "streams"),
        ]
        let parts = counts.filter { $0.0 > 0 }.map { CountText.count($0.0, $0.1, $0.2) }
        return parts.isEmpty ? "defines nothing" : parts.joined(separator: ", ")
    }

    /// Text of a GitHub workflow command.
    private static func data(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }

    /// A property's value of a GitHub workflow command.
    private static func property(_ text: String) -> String {
        data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
    }
}
