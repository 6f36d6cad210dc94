import Foundation
import PointInTime
import Synchronization
import XGBoost

/// How trees are fitted: by a process of our own that opens XGBoost's library, so that neither its threads nor an end of its
/// making reach this one.
package struct FitProcess: Sendable {
    /// The asof to start.
    package var executable: String
    /// Of libxgboost.so.
    package var library: String
    package var threads: Int

    package init(executable: String, library: String, threads: Int) {
        self.executable = executable
        self.library = library
        self.threads = threads
    }

    struct Fitted {
        var file: [UInt8]
        var probeMargins: [Float]
        var result: XGBoostFit.Result
        /// In hexadecimal digits.
        var librarySHA256: String
    }

    /// - Parameters:
    ///   - round: gets each round with the metric on valid, on the caller's thread.
    ///   - control: ends the process where the run is to end.
    func fit(
        _ job: XGBoostFit,
        files: [(name: String, values: [Float])],
        control: RunControl,
        round: (Int, Double) -> Void
    ) throws -> Fitted {
        guard FileManager.default.isReadableFile(atPath: library) else {
            throw WorkflowError.refused(
                "XGBoost's library is not at \(library); `scripts/setup` fetches it, or name one in ASOF_XGBOOST. Without it --algo logistic, ridge and base fit"
            )
        }
        let made = try PrivateFolder(for: "fit")
        defer { made.remove() }
        let folder = made.url
        try JSONEncoder().encode(job).write(to: folder.appendingPathComponent("job.json"))
        for (name, values) in files { try XGBoostFit.write(values, folder, name) }
        try run(folder, control, round)
        return Fitted(
            file: Array(try Data(contentsOf: folder.appendingPathComponent("model.ubj"))),
            probeMargins: try XGBoostFit.read(folder, "probe-margins.f32"),
            result: try JSONDecoder().decode(
                XGBoostFit.Result.self,
                from: Data(contentsOf: folder.appendingPathComponent("result.json"))
            ),
            librarySHA256: ContentDigest.hex(
                ContentDigest.sha256(Array(try Data(contentsOf: URL(fileURLWithPath: library)))[...])
            )
        )
    }

    private func run(_ folder: URL, _ control: RunControl, _ round: (Int, Double) -> Void) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["_fit", folder.path]
        // Nothing of the store's: neither where it is nor a password.
        process.environment = [
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "\(threads)", "OMP_WAIT_POLICY": "passive",
        ]
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        // Its standard input ends when this process does, and then it ends, too.
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let complaint = Mutex("")
        let reading = Thread {
            let data = errors.fileHandleForReading.readDataToEndOfFile()
            complaint.withLock { $0 = String(decoding: data.suffix(4_096), as: UTF8.self) }
        }
        reading.start()
        let watch = Mutex(false)
        let watching = Thread {
            while !watch.withLock({ $0 }) {
                if control.isOver {
                    process.terminate()
                    return
                }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
        watching.start()
        var pending = ""
        while true {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty { break }
            pending += String(decoding: data, as: UTF8.self)
            while let end = pending.firstIndex(of: "\n") {
                let words = pending[..<end].split(separator: " ")
                pending = String(pending[pending.index(after: end)...])
                if words.count == 2, let number = Int(words[0]), let metric = Double(words[1]) { round(number, metric) }
            }
        }
        process.waitUntilExit()
        watch.withLock { $0 = true }
        try? input.fileHandleForWriting.close()
        try control.check()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            while reading.isExecuting { Thread.sleep(forTimeInterval: 0.01) }
            let text = complaint.withLock { $0 }.split(separator: "\n").last.map(String.init) ?? "it said nothing"
            let end =
                process.terminationReason == .exit
                ? "ended with exit code \(process.terminationStatus)"
                : "was ended by signal \(process.terminationStatus)"
            throw WorkflowError.refused("the process that fits \(end): \(text); nothing was registered")
        }
    }
}
