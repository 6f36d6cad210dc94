import Foundation
import Workflows

/// A question before something that cannot be undone.
enum Confirmation {
    /// - Parameter nothingDone: what to say where the answer is no, or there is nobody to ask.
    static func ask(_ question: String, nothingDone: String) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            throw WorkflowError.refused("\(nothingDone): there is no terminal to ask on; say --yes")
        }
        Console.writeErrorRaw("\(question) [y/N] ")
        let answer = readLine() ?? ""
        guard ["y", "yes"].contains(answer.lowercased()) else { throw WorkflowError.refused(nothingDone) }
    }
}
