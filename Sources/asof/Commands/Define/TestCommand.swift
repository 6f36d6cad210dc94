import ArgumentParser
import EmbeddedPostgres
import Features
import Foundation
import Workflows

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run tests of definitions in a throw-away store.",
        discussion: """
            Each test of a file has rows that views are given, what is asked, and the rows that it must give:

              tests:
                clicks expire after a month:
                  given: { user_stats: [{ user_id: 7, event_time: 2024-01-01, clicks: 3 }] }
                  when: { get: ranking, at: 2024-03-01, rows: [{ user_id: 7 }] }
                  then: [{ user_stats__clicks: null }]

            Each runs in a database of its own, in a PostgreSQL that is made for the run and removed. docs/how-to/ci.md has all \
            that a test may say. Exit code 1 if a test fails.

            Example: asof test --junit results.xml
            """
    )

    @Argument(help: "Files of tests. Default: tests/*.yaml.")
    var files: [String] = []
    @Option(name: [.customShort("f"), .long], help: "The file of definitions.")
    var definitions = DefinitionsOptions.defaultFile
    @Option(help: "Also write the results here, as JUnit's XML.")
    var junit: String?

    func run() throws {
        let input = try DefinitionsOptions.read(definitions)
        _ = try input.validated()
        let tests = try paths().map { path in
            guard let data = FileManager.default.contents(atPath: path) else {
                throw WorkflowError.refused("cannot read \(path); name files of tests")
            }
            return (path, try FeatureTest.parse(yaml: String(decoding: data, as: UTF8.self), file: path))
        }
        let throwaway = try ThrowawayStore(in: FileManager.default.temporaryDirectory.path)
        let control = RunControl()
        Cancellation.begin(control)
        defer { throwaway.remove() }
        let cluster = FeatureTestCluster(folder: throwaway.folder, control: control) {
            throwaway.conninfo(database: $0)
        }
        try cluster.prepare(input)
        var results: [TestResult] = []
        for (path, tests) in tests {
            for test in tests {
                let start = ContinuousClock.now
                let differences = try cluster.run(test, of: path, number: results.count)
                let seconds = start.duration(to: .now) / .seconds(1)
                let result = TestResult(test: test, file: path, seconds: seconds, differences: differences)
                Console.write(result.text)
                results.append(result)
            }
        }
        if let junit { try Data(TestResult.junit(results).utf8).write(to: URL(fileURLWithPath: junit)) }
        let failed = results.count { !$0.differences.isEmpty }
        Console.write("\(results.count - failed) passed, \(failed) failed")
        guard !results.isEmpty else { throw WorkflowError.refused("no test: the files have none") }
        if failed > 0 { throw ExitCode(1) }
    }

    private func paths() throws -> [String] {
        guard files.isEmpty else { return files }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "tests")) ?? []
        let found = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { "tests/\($0)" }
        guard !found.isEmpty else {
            throw WorkflowError.refused("no file tests/*.yaml; name files of tests. `asof test --help` shows one")
        }
        return found
    }
}
