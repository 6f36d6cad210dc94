package import Foundation

/// The built `asof`, run as a user would.
package enum AsofBinary {
    /// `ASOF_BINARY`, else the binary that was built with the tests.
    package static let path: String = {
        if let path = ProcessInfo.processInfo.environment["ASOF_BINARY"], !path.isEmpty { return path }
        // The test runner's own path is BUILD/…PackageTests.xctest.
        let runner = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: runner).deletingLastPathComponent().appendingPathComponent("asof").path
    }()

    package struct Output: Sendable {
        package let status: Int32
        package let out: String
        package let error: String
    }

    /// - Parameters:
    ///   - directory: the working directory.
    ///   - input: standard input; none = empty.
    ///   - environment: added to a clean environment.
    package static func run(
        _ arguments: [String],
        in directory: String,
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Output {
        let process = try start(arguments, in: directory, environment: environment, input: input)
        process.process.waitUntilExit()
        return process.output()
    }

    /// A run under way.
    package final class Running {
        package let process: Process
        private let outURL: URL
        private let errorURL: URL

        init(process: Process, outURL: URL, errorURL: URL) {
            self.process = process
            self.outURL = outURL
            self.errorURL = errorURL
        }

        /// What it printed; after it has ended.
        package func output() -> Output {
            let output = Output(
                status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
                out: (try? String(contentsOf: outURL, encoding: .utf8)) ?? "",
                error: (try? String(contentsOf: errorURL, encoding: .utf8)) ?? ""
            )
            try? FileManager.default.removeItem(at: outURL)
            try? FileManager.default.removeItem(at: errorURL)
            return output
        }
    }

    package static func start(
        _ arguments: [String],
        in directory: String,
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let inherited = ProcessInfo.processInfo.environment
        process.environment = ["PATH": inherited["PATH"] ?? "/usr/bin:/bin", "HOME": inherited["HOME"] ?? "/tmp"]
            .merging(environment) { $1 }
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("asof-run-\(UUID().uuidString)")
        let (outURL, errorURL, inURL) = (
            base.appendingPathExtension("out"), base.appendingPathExtension("err"), base.appendingPathExtension("in")
        )
        for url in [outURL, errorURL] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
        try Data(input.utf8).write(to: inURL)
        process.standardOutput = try FileHandle(forWritingTo: outURL)
        process.standardError = try FileHandle(forWritingTo: errorURL)
        process.standardInput = try FileHandle(forReadingFrom: inURL)
        try process.run()
        try FileManager.default.removeItem(at: inURL)
        return Running(process: process, outURL: outURL, errorURL: errorURL)
    }
}
