import EmbeddedPostgres
import Foundation
import Glibc
import TestSupport
import Testing

/// A folder in which the blocks of a page are run as a reader would: by a shell, with the built `asof` in its PATH.
final class DocumentedShell {
    let scratch: Scratch
    private let environment: [String: String]

    /// - Parameter conninfo: the store's database; `nil` = none yet, the page makes it by `asof init`.
    init(conninfo: String?) throws {
        scratch = try Scratch()
        // PostgreSQL's own user must be able to enter the folder.
        chmod(scratch.path, 0o755)
        let programs = scratch.path + "/.programs"
        try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: programs + "/asof",
            withDestinationPath: AsofBinary.path
        )
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        // XGBoost is found below the home of who runs the tests.
        let home = ProcessInfo.processInfo.environment["HOME"] ?? scratch.path
        var environment = [
            "PATH": programs + ":" + path, "HOME": home, "LC_ALL": "C.UTF-8", "ASOF_HTTP": "none",
        ]
        environment["ASOF_DATABASE"] = conninfo
        self.environment = environment
    }

    deinit { if let cluster = try? EmbeddedCluster.find(from: scratch.path) { try? cluster.stop() } }

    /// Runs a script of bash, which ends with its first error.
    /// - Parameter environment: added to the shell's own.
    /// - Returns: how it ended, and what it wrote to both outputs.
    func run(_ script: String, environment added: [String: String] = [:]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-euo", "pipefail", "-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
        process.environment = environment.merging(added) { $1 }
        let out = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = out
        process.standardError = out
        try process.run()
        // What a command leaves running, as PostgreSQL, does not hold the pipe open: it has outputs of its own.
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// Runs a block: of commands alone as one script, of `$ ` and what they print one by one.
    ///
    /// - Parameter isCompared: whether what the block shows is looked for in what is printed.
    func check(_ block: DocumentPage.Block, of page: String, isCompared: Bool = true) throws {
        let place = "\(page):\(block.line)"
        let lines = block.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard block.text.hasPrefix("$ ") else {
            let (status, text) = try run(block.text)
            #expect(status == 0, "\(place): \(text)")
            return
        }
        var index = 0
        while index < lines.count {
            var command = String(lines[index].dropFirst(2))
            index += 1
            while command.hasSuffix("\\"), index < lines.count {
                command += "\n" + lines[index]
                index += 1
            }
            let shown = lines[index...].prefix { !$0.hasPrefix("$ ") }
            index += shown.count
            let (status, text) = try run(command)
            // A page that shows an error says so in its first word.
            let isError = shown.contains { $0.hasPrefix("asof: ") }
            #expect((status != 0) == isError, "\(place): \(command): exit code \(status)\n\(text)")
            if isCompared { Self.expect(Array(shown), in: text, "\(place): \(command)") }
        }
    }

    /// Each shown line stands in the output, in this order; an `…` and the speed of a run stand for anything.
    private static func expect(_ shown: [String], in text: String, _ place: String) {
        var rest = text.split(separator: "\n").map { plain(String($0)) }[...]
        for line in shown where !line.isEmpty && line != "…" {
            let parts = plain(line).components(separatedBy: "…")
            guard let found = rest.firstIndex(where: { matches($0, parts) }) else {
                Issue.record("\(place) does not print, or not in this order: \(line)\nIt prints:\n\(text)")
                return
            }
            rest = rest[(found + 1)...]
        }
    }

    private static func plain(_ line: String) -> String {
        line.replacing(/[0-9.]+ s, [0-9,]+ rows\/s/, with: "…")
    }

    /// Whether a line begins with the first part, ends with the last, and has the others between them in order.
    private static func matches(_ line: String, _ parts: [String]) -> Bool {
        guard parts.count > 1 else { return line == parts[0] }
        guard line.hasPrefix(parts[0]) else { return false }
        var rest = line.dropFirst(parts[0].count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.range(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return rest.hasSuffix(parts[parts.count - 1])
    }
}
