import Foundation
import TestSupport
import Testing

/// The benchmarks run at a small size, which also compares their results; their figures are not looked at.
@Suite struct BenchTests {
    @Test(arguments: [
        "ingest", "export", "get", "materialize", "segments", "pit", "serve", "predict", "window", "upkeep",
    ])
    func `benchmarks run, find equal results and end with a line of JSON`(bench: String) throws {
        let root = Cases.repository.path
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let command = ["python3", root + "/scripts/bench", bench, "--quick", "--binary", AsofBinary.path]
        process.arguments = ["timeout", "600"] + command
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
        if bench == "serve" { try checkServeLines(text) }
    }

    /// Each kind of case has a line; those with a peer its figure and the ratio, latencies their percentiles and rate.
    private func checkServeLines(_ text: String) throws {
        var lines: [String: [String: Any]] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("{\"bench\"") {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            lines[try #require(object["case"] as? String)] = object
        }
        for mode in ["core", "free"] {
            for read in ["text1", "text16", "packed1", "packed16", "packed100", "text100"] {
                let line = try #require(lines["\(mode)-\(read)"], "\(text)")
                for figure in ["ours", "peer", "ratio"] { #expect(line[figure] as? Double ?? 0 > 0, "\(line)") }
            }
            for read in ["text1", "packed1", "packed100"] {
                let line = try #require(lines["\(mode)-\(read)-latency"], "\(text)")
                for figure in ["peer", "rate", "ours_p50_us", "ours_p999_us", "peer_p50_us", "peer_p999_us"] {
                    #expect(line[figure] as? Double ?? 0 > 0, "\(line)")
                }
            }
        }
        for name in ["large-mget", "large-serve", "set-ingest"] {
            for figure in ["ours", "alone_p99_us", "worst_us"] {
                #expect(lines[name]?[figure] as? Double ?? 0 > 0, "\(name)")
            }
        }
        for name in ["memory", "memory-blobs", "mixed", "fetched", "fetched-latency"] {
            #expect(lines[name]?["peer"] as? Double ?? 0 > 0, "\(name)")
        }
    }
}
