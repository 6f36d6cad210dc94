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
    ///   - shell: a shell command that ends with `exec "$0" "$@"`, by which `asof` is started.
    package static func run(
        _ arguments: [String],
        in directory: String,
        environment: [String: String] = [:],
        input: String = "",
        shell: String? = nil
    ) throws -> Output {
        let process = try start(arguments, in: directory, environment: environment, input: input, shell: shell)
        process.waitUntilExit()
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

        /// What it has printed to standard output up to now.
        package var outSoFar: String { (try? String(contentsOf: outURL, encoding: .utf8)) ?? "" }
        package var errorSoFar: String { (try? String(contentsOf: errorURL, encoding: .utf8)) ?? "" }

        /// Waits for its end; kills what has not ended after ten minutes, so that one test fails and not the run.
        package func waitUntilExit() {
            if !Patience.wait(seconds: 600, until: { !process.isRunning }) {
                kill(process.processIdentifier, SIGKILL)
            }
            process.waitUntilExit()
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
        input: String = "",
        shell: String? = nil
    ) throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: shell == nil ? path : "/bin/sh")
        process.arguments = (shell.map { ["-c", $0, path] } ?? []) + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        let inherited = ProcessInfo.processInfo.environment
        // Servers under test do not fight for the default port of HTTP, nor with a server of this machine's.
        process.environment = [
            "PATH": inherited["PATH"] ?? "/usr/bin:/bin", "HOME": inherited["HOME"] ?? "/tmp", "ASOF_HTTP": "none",
        ]
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
        try process.runWithDefaultSignals()
        try FileManager.default.removeItem(at: inURL)
        return Running(process: process, outURL: outURL, errorURL: errorURL)
    }
}

extension Process {
    /// Starts the process so that signals reach it, whatever this thread blocks (Swift's own threads block nearly all) and
    /// whoever started the tests ignores (a shell ignores SIGINT in what it runs in the background).
    func runWithDefaultSignals() throws {
        for number in [SIGINT, SIGQUIT, SIGHUP, SIGTERM] {
            var action = sigaction()
            guard sigaction(number, nil, &action) == 0,
                unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
                    == unsafeBitCast(SIG_IGN, to: Int.self)
            else { continue }
            signal(number, SIG_DFL)
        }
        var none = sigset_t()
        var old = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
        try run()
    }
}
