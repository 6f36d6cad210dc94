import Foundation
import TestSupport
import Testing

/// README.md does what it says, from its first file to its last prediction.
@Suite struct ReadmeTests {
    private static let hasClients = ["redis-cli", "curl"]
        .allSatisfy { FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0) }

    private static func blocks(_ language: String, below heading: String) throws -> [DocumentPage.Block] {
        let page = try DocumentPage("README.md")
        let lines = page.text.components(separatedBy: "\n")
        let start = try #require(lines.firstIndex(of: "## " + heading))
        let end = lines[(start + 1)...].firstIndex { $0.hasPrefix("## ") } ?? lines.count
        return page.blocks.filter { $0.language == language && (start..<end).contains($0.line) }
    }

    /// A store as the section on ten commands leaves it.
    private static func built() throws -> DocumentedShell {
        let shell = try DocumentedShell(conninfo: nil)
        let heading = "From a CSV to a prediction in ten commands"
        let files = try #require(try blocks("sh", below: heading).first)
        let commands = try #require(try blocks("console", below: heading).first)
        #expect(commands.text.components(separatedBy: "\n").count { $0.hasPrefix("$ asof ") } == 10)
        try shell.check(files, of: "README.md")
        try shell.check(commands, of: "README.md")
        return shell
    }

    @Test
    func `ten commands lead from a CSV file to a prediction, and reviewers and operators find what they are told`()
        throws
    {
        let shell = try Self.built()
        let doors = try Self.blocks("sh", below: "Four doors").filter { !$0.text.contains("redis-cli") }
        #expect(doors.count == 2)
        for block in doors {
            // Servers have a test of their own.
            let lines = block.text.components(separatedBy: "\n").filter { !$0.hasPrefix("curl ") }
            let commands = DocumentPage.Block(language: "sh", text: lines.joined(separator: "\n"), line: block.line)
            try shell.check(commands, of: "README.md")
        }
    }

    @Test("redis-cli and curl are answered as the page says", .enabled(if: hasClients, "scripts/setup --clients"))
    func clients() throws {
        let shell = try Self.built()
        let served = try ServedAsof(["--http", "127.0.0.1:0"], in: shell.scratch.path, environment: ["ASOF_HTTP": ""])
        #expect(Patience.wait(seconds: 60) { served.running.outSoFar.contains("HTTP at 127.0.0.1:") })
        let line = try #require(served.running.outSoFar.split(separator: "\n").first { $0.hasPrefix("HTTP at ") })
        let http = try #require(line.split(separator: ":").last)
        func here(_ text: String) -> String {
            text.replacing("-p 6567", with: "-p \(served.port)").replacing("127.0.0.1:9567", with: "127.0.0.1:\(http)")
        }
        #expect(
            try Patience.wait(seconds: 60) { try shell.run(here("curl -sf 127.0.0.1:9567/readyz")).status == 0 }
        )
        let commands = try Self.blocks("sh", below: "Four doors").flatMap { $0.text.components(separatedBy: "\n") }
            .filter { $0.hasPrefix("redis-cli ") || $0.hasPrefix("curl ") }
        #expect(commands.count == 5)
        for command in commands {
            let (status, text) = try shell.run(here(command))
            #expect(status == 0 && !text.hasPrefix("ERR"), "\(command): \(text)")
            let expected =
                command.contains("readyz") ? "ready" : command.contains("ML.PREDICT") ? "0.786334" : "28"
            #expect(text.contains(expected), "\(command): \(text)")
        }
    }
}
