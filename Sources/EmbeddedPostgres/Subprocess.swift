import CSpawn
import Glibc

/// Runs the programs this module needs: PostgreSQL's tools, `setpriv`, and Asof's own supervisor.
///
/// A child gets the environment written here and nothing else (no `PG*` of the caller's), `/` as its folder, default signals,
/// and no descriptor beyond those named.
package enum Subprocess {
    package struct Result {
        /// The exit code, or 128 + the signal that ended it.
        package let status: Int32
        /// Standard output and standard error together.
        package let output: String
    }

    /// Runs a program to its end and collects what it says.
    ///
    /// - Parameters:
    ///   - arguments: an absolute path, then its arguments.
    ///   - input: text for standard input, at most 4,096 bytes (it must fit a pipe).
    ///   - seconds: after this long the child is killed.
    /// - Throws: ``ClusterError/commandFailed(command:status:output:)`` when it could not run, took too long or,
    ///   with `checked`, ended with anything but 0.
    @discardableResult
    package static func run(
        _ arguments: [String],
        input: String = "",
        environment: [String] = [],
        seconds: Double,
        checked: Bool = true
    ) throws(ClusterError) -> Result {
        precondition(input.utf8.count <= 4_096, "input must fit a pipe")
        let name = arguments.joined(separator: " ")
        let (reader, writer) = try makePipe()
        let (inputReader, inputWriter) = try makePipe()
        defer { close(reader) }
        if !input.isEmpty {
            // Safe: a new pipe takes 4,096 bytes at once.
            _ = input.utf8.withContiguousStorageIfAvailable { write(inputWriter, $0.baseAddress, $0.count) }
        }
        close(inputWriter)
        let ends: [(Int32, Int32)] = [(inputReader, 0), (writer, 1), (writer, 2)]
        let pid: pid_t
        do throws(ClusterError) {
            pid = try spawn(arguments, environment: environment, descriptors: ends, newSession: false)
            close(writer)
            close(inputReader)
        } catch {
            close(writer)
            close(inputReader)
            throw error
        }
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        let (status, output) = collect(pid, reader, seconds: seconds)
        guard let status else {
            throw .commandFailed(command: name, status: "not finished after \(Int(seconds)) s", output: output)
        }
        guard !checked || status == 0 else {
            throw .commandFailed(command: name, status: "exit code \(status)", output: output)
        }
        return Result(status: status, output: output)
    }

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - descriptors: (ours, the child's) pairs; 0 to 2 that are not named become `/dev/null`.
    ///   - newSession: puts it into a session of its own, so that no terminal's signals reach it.
    static func spawn(
        _ arguments: [String],
        environment: [String],
        descriptors: [(Int32, Int32)],
        newSession: Bool
    ) throws(ClusterError) -> pid_t {
        let argv = arguments.map { strdup($0) } + [nil]
        let standard = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"]
        let envp = (environment + standard).map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        // Copies out of the way of all targets, so that none is overwritten before it is used.
        let pairs = descriptors.map { asof_spawn_descriptor(source: fcntl($0.0, F_DUPFD_CLOEXEC, 64), target: $0.1) }
        defer { for pair in pairs { close(pair.source) } }
        let code = asof_spawn(&pid, argv, envp, pairs, pairs.count, newSession ? 1 : 0)
        guard code == 0 else {
            let name = arguments.joined(separator: " ")
            throw .commandFailed(command: name, status: systemMessage(code), output: "")
        }
        return pid
    }

    /// Leaves a child to itself, which may outlive us: a thread takes it away when it ends.
    ///
    /// At once, since a postmaster that ended and was not taken away still has its number, and PostgreSQL does not start while
    /// a process has the number that `postmaster.pid` names.
    static func leave(_ pid: pid_t) {
        detachThread {
            var raw: Int32 = 0
            while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
        }
    }

    /// Reads a child's output until it ends; kills it when the time is over (then the status is `nil`).
    private static func collect(_ pid: pid_t, _ reader: Int32, seconds: Double) -> (Int32?, String) {
        let end = ContinuousClock.now + .seconds(seconds)
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        var isOpen = true
        func drain() {
            while isOpen {
                let count = read(reader, &chunk, chunk.count)
                if count > 0 {
                    if output.count < ClusterLimits.outputBytesMax { output += chunk[0..<count] }
                } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                    isOpen = false
                } else if errno == EAGAIN {
                    return
                }
            }
        }
        while true {
            drain()
            var raw: Int32 = 0
            let reaped = waitpid(pid, &raw, WNOHANG)
            if reaped == pid || (reaped < 0 && errno == ECHILD) {
                drain()
                return (exitStatus(raw), trimmed(output))
            }
            if ContinuousClock.now >= end {
                kill(pid, SIGKILL)
                waitpid(pid, &raw, 0)
                return (nil, trimmed(output))
            }
            if isOpen {
                var wanted = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
                poll(&wanted, 1, 20)
            } else {
                usleep(500)
            }
        }
    }

    /// The exit code of a child that has ended, -1 if somebody else has asked for it before; `nil` while it runs.
    static func status(ofEnded pid: pid_t) -> Int32? {
        var raw: Int32 = 0
        let reaped = waitpid(pid, &raw, WNOHANG)
        if reaped == pid { return exitStatus(raw) }
        return reaped < 0 && errno == ECHILD ? -1 : nil
    }

    /// The exit code in what `waitpid` gave, or 128 + the signal.
    private static func exitStatus(_ raw: Int32) -> Int32 {
        raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private static func makePipe() throws(ClusterError) -> (reader: Int32, writer: Int32) {
        var (reader, writer): (Int32, Int32) = (-1, -1)
        let code = asof_pipe(&reader, &writer)
        guard code == 0 else { throw .system(operation: "making", path: "a pipe", code: code) }
        return (reader, writer)
    }
}
