import Foundation
import Workflows

/// A question before something that cannot be undone.
enum Confirmation {
    private static let waitMs: Int32 = 100

    /// - Parameter nothingDone: what to say where the answer is no, or there is nobody to ask.
    static func ask(_ question: String, nothingDone: String) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            throw WorkflowError.refused("\(nothingDone): there is no terminal to ask on; say --yes")
        }
        Console.writeErrorRaw("\(question) [y/N] ")
        // A signal that cancels the command comes while it waits; reading a line would go on then.
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        while poll(&input, 1, waitMs) <= 0 {
            if Cancellation.exitCode != nil { throw WorkflowError.refused(nothingDone) }
        }
        let answer = readLine() ?? ""
        guard ["y", "yes"].contains(answer.lowercased()) else { throw WorkflowError.refused(nothingDone) }
    }
}
