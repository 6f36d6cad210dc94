import Foundation
import Synchronization

/// The password of connections whose connection string has none: what a command prints, such as a token of a cloud's database.
///
/// It is asked for a new connection and kept for some minutes; where the server did not like it, it is asked anew the next time.
package enum PasswordCommand {
    private struct State {
        var command: String?
        var kept: (password: String, at: ContinuousClock.Instant)?
    }

    private static let state = Mutex(State())

    /// Of this process, from now on.
    package static func use(_ command: String) { state.withLock { $0 = State(command: command) } }

    /// The connection that was made with what is kept was refused, or it may have been.
    static func forget() { state.withLock { $0.kept = nil } }

    /// - Returns: `nil` where there is no command.
    /// - Throws: where it fails, takes too long or prints no password; what it printed is not said.
    static func password() throws(PostgresError) -> String? {
        let (command, kept) = state.withLock { ($0.command, $0.kept) }
        guard let command else { return nil }
        if let kept, .now - kept.at < .seconds(WaitLimits.passwordKeptSeconds) { return kept.password }
        let password = try run(command)
        state.withLock { $0.kept = (password, .now) }
        return password
    }

    private static func run(_ command: String) throws(PostgresError) -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { throw failure("cannot be started: \(error.localizedDescription)") }
        let output = Mutex<Data?>(nil)
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            // More is none; a command that goes on printing ends with its pipe.
            let data = try? pipe.fileHandleForReading.read(upToCount: bytesMax + 1)
            output.withLock { $0 = data ?? Data() }
            process.waitUntilExit()
            done.signal()
        }
        thread.start()
        guard done.wait(timeout: .now() + .milliseconds(WaitLimits.passwordCommandMs)) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw failure("did not end within \(WaitLimits.passwordCommandMs / 1_000) s")
        }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw failure("ended with status \(process.terminationStatus)")
        }
        let text = String(decoding: output.withLock { $0 } ?? Data(), as: UTF8.self)
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        guard !line.isEmpty, text.utf8.count <= bytesMax, text.dropFirst(line.count).allSatisfy(\.isNewline) else {
            throw failure("printed no password: one line of at most \(bytesMax) bytes is expected")
        }
        return line
    }

    private static let bytesMax = 65_536

    private static func failure(_ what: String) -> PostgresError {
        PostgresError(kind: .connect, message: "the command of --password-command \(what)")
    }
}
