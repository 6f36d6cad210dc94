import Foundation
import Glibc

/// The built `asof serve`, while this value lives.
package final class ServedAsof {
    package let port: Int
    package let running: AsofBinary.Running

    package var pid: Int32 { running.process.processIdentifier }

    /// Starts it at a free port and waits for its line.
    /// - Parameters:
    ///   - arguments: further ones; where the store is, among them.
    ///   - shell: a shell command that ends with `exec "$0" "$@"`, by which it is started.
    package init(
        _ arguments: [String],
        in directory: String = "/tmp",
        environment: [String: String] = [:],
        shell: String? = nil
    ) throws {
        running = try AsofBinary.start(
            ["serve", "--listen", "127.0.0.1:0"] + arguments,
            in: directory,
            environment: environment,
            shell: shell
        )
        let process = running.process
        let running = self.running
        let isReady = Patience.wait(seconds: 60) { running.outSoFar.contains("\n") || !process.isRunning }
        let line = running.outSoFar.prefix { $0 != "\n" }
        guard isReady, let port = line.split(separator: ":").last.flatMap({ Int($0) }) else {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            throw RespClient.Failure(description: "asof serve \(arguments): \(running.output())")
        }
        self.port = port
    }

    package func client() throws -> RespClient { try RespClient(port: port) }

    /// The port of HTTP, of one that was started with `--http HOST:0`.
    package func httpPort() throws -> Int {
        let isTold = Patience.wait { running.outSoFar.contains("HTTP at ") && running.outSoFar.hasSuffix("\n") }
        let line = running.outSoFar.split(whereSeparator: \.isNewline).first { $0.hasPrefix("HTTP at ") }
        guard isTold, let port = line?.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw RespClient.Failure(description: "no line of HTTP: \(running.outSoFar)")
        }
        return port
    }

    /// What the process holds in memory now, in bytes.
    package var residentBytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }

    package var isRunning: Bool { running.process.isRunning }

    /// Sends a signal and waits for the end.
    @discardableResult
    package func stop(_ signal: Int32 = SIGTERM) -> AsofBinary.Output {
        kill(pid, signal)
        running.waitUntilExit()
        return running.output()
    }

    deinit { if running.process.isRunning { kill(pid, SIGKILL) } }
}
