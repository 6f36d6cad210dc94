import ArgumentParser
import Foundation
import Workflows
import XGBoost

/// Fits trees in a process of its own; started by `asof train`.
struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "_fit", shouldDisplay: false)

    @Argument var folder: String

    func run() throws {
        // Whoever started it holds the other end of standard input: once that is gone, nobody waits for the model.
        let watch = Thread {
            while !FileHandle.standardInput.availableData.isEmpty {}
            Foundation.exit(1)
        }
        watch.start()
        try XGBoostFit.run(in: URL(fileURLWithPath: folder)) { round, metric in
            print(round, metric)
            fflush(nil)
        }
    }
}

extension FitProcess {
    /// This program, with the library that is asked for or was fetched.
    static func here(threads: Int) -> FitProcess {
        FitProcess(
            executable: "/proc/self/exe",
            library: XGBoostLibrary.path(ProcessInfo.processInfo.environment),
            threads: threads
        )
    }
}
