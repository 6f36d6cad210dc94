import Foundation
import Testing

/// DuckDB, Polars, pandas and pyarrow, which `scripts/setup --peers` puts into the user's cache.
enum Peers {
    static let folder: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
        return (cache ?? (environment["HOME"] ?? "/root") + "/.cache") + "/asof/peers"
    }()

    static let areThere = FileManager.default.fileExists(atPath: folder + "/pandas")
    static let notice: Comment = "scripts/setup --peers fetches DuckDB, Polars and pandas"

    /// Runs a script, whose output is one JSON object.
    /// - Parameter arguments: the script, ``folder`` for its path of modules, and its own arguments.
    static func python(_ arguments: [String]) throws -> [String: Any] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c"] + arguments
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }
}
