import Access
import ArgumentParser
import Foundation
import Glibc
import Workflows

/// Where a new password comes from; never from the command line, which every process of the machine can read.
struct PasswordOptions: ParsableArguments {
    @Option(help: "A file with the password on one line; others must not be able to read it.")
    var passwordFile: String?
    @Flag(help: "Read the password from standard input, one line.")
    var passwordStdin = false

    func validate() throws {
        guard passwordFile == nil || !passwordStdin else {
            throw ValidationError("--password-file and --password-stdin: give one of them")
        }
    }

    func read(for name: String) throws -> [UInt8] {
        if let passwordFile { return try PasswordFile.bytes(passwordFile) }
        if passwordStdin {
            guard let line = readLine(strippingNewline: true) else {
                throw WorkflowError.refused("--password-stdin: standard input has ended before a password came")
            }
            return Array(line.utf8)
        }
        guard isatty(STDIN_FILENO) == 1 else {
            throw WorkflowError.refused(
                "there is no terminal to ask for the password on: give --password-file FILE or --password-stdin"
            )
        }
        let first = try Self.prompt("password of \(name): ")
        guard first == (try Self.prompt("once more: ")) else {
            throw WorkflowError.refused("the two passwords differ; nothing was changed")
        }
        return first
    }

    /// Asks on the terminal, which does not show what is typed.
    private static func prompt(_ question: String) throws -> [UInt8] {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw WorkflowError.refused("the terminal cannot be told not to show the password; give --password-file")
        }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            Console.writeError("")
        }
        Console.writeErrorRaw(question)
        return Array((readLine(strippingNewline: true) ?? "").utf8)
    }
}
