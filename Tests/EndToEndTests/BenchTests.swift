import Foundation
import TestSupport
import Testing

/// The benchmarks run at a small size, which also compares their results; their figures are not looked at.
@Suite struct BenchTests {
    @Test(arguments: ["ingest", "export", "get", "materialize", "segments", "pit", "serve"])
    func `benchmarks run, find equal results and end with a line of JSON`(bench: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", root + "/scripts/bench", bench, "--quick", "--binary", AsofBinary.path]
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        let last = try #require(text.split(separator: "\n").last, "\(text)")
        let object = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
        #expect(object?["bench"] as? String == bench)
        #expect(object?["ours"] as? Double ?? 0 > 0)
    }
}
