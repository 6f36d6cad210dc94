import CSpawn
import Foundation
import Glibc
import Synchronization

/// A password that was printed, for as long as it is used again.
struct KeptPassword: Sendable {
    private var kept: (password: String, at: ContinuousClock.Instant)?

    /// - Returns: `nil` where there is none, or it is ``WaitLimits/passwordKeptSeconds`` old.
    func password(at now: ContinuousClock.Instant) -> String? {
        guard let kept, now - kept.at < .seconds(WaitLimits.passwordKeptSeconds) else { return nil }
        return kept.password
    }

    mutating func keep(_ password: String, at now: ContinuousClock.Instant) { kept = (password, now) }

    mutating func forget() { kept = nil }
}

/// The password of connections whose connection string has none: what a command prints, such as a token of a cloud's database.
///
/// It is asked for a new connection and kept for some minutes; where the server did not like it, it is asked anew the next time.
package enum PasswordCommand {
    private struct State {
        var command: String?
        var kept = KeptPassword()
    }

    private static let state = Mutex(State())

    /// Of this process, from now on.
    package static func use(_ command: String) { state.withLock { $0 = State(command: command) } }

    /// The connection that was made with what is kept was refused, or it may have been.
    static func forget() { state.withLock { $0.kept.forget() } }

    /// - Returns: `nil` where there is no command.
    /// - Throws: where it fails, takes too long or prints no password; what it printed is not said.
    static func password() throws(PostgresError) -> String? {
        let (command, kept) = state.withLock { ($0.command, $0.kept.password(at: .now)) }
        guard let command else { return nil }
        if let kept { return kept }
        let password = try run(command)
        state.withLock { $0.kept.keep(password, at: .now) }
        return password
    }

    private static func run(_ command: String) throws(PostgresError) -> String {
        var (end, writer): (Int32, Int32) = (-1, -1)
        guard asof_pipe(&end, &writer) == 0 else { throw failure("cannot be started: no pipe could be made") }
        let reader = end
        let started = start(command, writer)
        close(writer)
        let pid: pid_t
        do throws(PostgresError) { pid = try started.get() } catch {
            close(reader)
            throw error
        }
        let output = Mutex<(data: Data, status: Int32)?>(nil)
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            // More is none; a command that goes on printing ends with its pipe.
            let file = FileHandle(fileDescriptor: reader, closeOnDealloc: false)
            let data = (try? file.read(upToCount: bytesMax + 1)) ?? Data()
            close(reader)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            output.withLock { $0 = (data, status) }
            done.signal()
        }
        thread.start()
        guard done.wait(timeout: .now() + .milliseconds(WaitLimits.passwordCommandMs)) == .success else {
            // With all that it started: it has a session of its own.
            kill(-pid, SIGKILL)
            throw failure("did not end within \(WaitLimits.passwordCommandMs / 1_000) s")
        }
        let (data, status) = output.withLock { $0 } ?? (Data(), -1)
        guard status == 0 else {
            throw failure("ended with status \(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + status & 0x7f)")
        }
        let text = String(decoding: data, as: UTF8.self)
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        guard !line.isEmpty, text.utf8.count <= bytesMax, text.dropFirst(line.count).allSatisfy(\.isNewline) else {
            throw failure("printed no password: one line of at most \(bytesMax) bytes is expected")
        }
        return line
    }

    /// Starts it in our folder and environment, with default signals, none of them blocked: a server blocks or ignores some.
    private static func start(_ command: String, _ output: Int32) -> Result<pid_t, PostgresError> {
        let folder = FileManager.default.currentDirectoryPath
        let words = ["/bin/sh", "-c", "cd -- \"$1\" 2>/dev/null; eval \"$2\"", "sh", folder, command]
        let argv = words.map { strdup($0) } + [nil]
        let environment = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + environment { free(text) } }
        // Out of the way of the numbers that the child sees.
        var descriptor = asof_spawn_descriptor(source: fcntl(output, F_DUPFD_CLOEXEC, 64), target: 1)
        defer { close(descriptor.source) }
        var pid: pid_t = 0
        let code = asof_spawn(&pid, argv, environment, &descriptor, 1, 1)
        guard code == 0 else { return .failure(failure("cannot be started: \(String(cString: strerror(code)))")) }
        return .success(pid)
    }

    private static let bytesMax = 65_536

    private static func failure(_ what: String) -> PostgresError {
        PostgresError(kind: .connect, message: "the command of --password-command \(what)")
    }
}
