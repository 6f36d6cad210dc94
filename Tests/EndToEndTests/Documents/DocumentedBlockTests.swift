import Foundation
import TestSupport
import Testing

/// Each block of commands of README.md and of docs is run as it stands, or says why not.
@Suite struct DocumentedBlockTests {
    /// Decisions and records of lanes tell of what was, the rest of what is.
    private static let pages: [String] =
        ["README.md"]
        + ((try? DocumentPage.paths(in: "docs")) ?? []).filter {
            !$0.hasPrefix("docs/decisions/") && !$0.hasPrefix("docs/verified/")
        }

    /// Commands by their language, or by their first word where a page does not say one.
    private static func isCommands(_ block: DocumentPage.Block) -> Bool {
        if ["sh", "console"].contains(block.language) { return true }
        let programs = ["$", "asof", "redis-cli", "psql", "pg_dump", "createdb", "helm", "apt-get", "curl"]
        let first = block.text.prefix { $0 != " " && $0 != "\n" }
        return block.language.isEmpty && (programs.contains(String(first)) || first.hasPrefix("packaging/"))
    }

    private static func isUnrun(_ block: DocumentPage.Block, of page: String) -> Bool {
        UnrunBlocks.all[page]?.contains { block.text.hasPrefix($0.start) } ?? false
    }

    @Test func `a page with blocks of commands is run, or each of them is an exception with its reason`() throws {
        try #require(Self.pages.count > 40)
        let run = Set(DocumentedWorld.all.map(\.page))
        for path in Self.pages {
            for block in try DocumentPage(path).blocks where Self.isCommands(block) && !run.contains(path) {
                #expect(
                    Self.isUnrun(block, of: path),
                    "\(path):\(block.line): '\(block.title)' is neither run nor an exception"
                )
            }
        }
    }

    @Test func `each exception is of a block that there is, and what it names runs that block`() throws {
        let walk = FileManager.default.enumerator(atPath: Cases.repository.appendingPathComponent("Tests").path)
        let tests = Set(try #require(walk).compactMap { ($0 as? NSString)?.lastPathComponent })
        let lanes = Set(
            try FileManager.default.contentsOfDirectory(
                atPath: Cases.repository.appendingPathComponent("scripts/lanes").path
            )
        )
        for (path, exceptions) in UnrunBlocks.all {
            let blocks = try DocumentPage(path).blocks.filter(Self.isCommands)
            for exception in exceptions {
                #expect(blocks.count { $0.text.hasPrefix(exception.start) } == 1, "\(path): '\(exception.start)'")
                for name in exception.reason.matches(of: /\w+Tests/) {
                    #expect(tests.contains(name.0 + ".swift"), "\(path): there is no \(name.0)")
                }
                for name in exception.reason.matches(of: /lane (\w+)/) {
                    #expect(lanes.contains(String(name.1)), "\(path): there is no lane \(name.1)")
                }
            }
        }
    }

    private static let hasClients = FileManager.default.isExecutableFile(atPath: "/usr/bin/redis-cli")

    @Test("a page does what it says", arguments: DocumentedWorld.all.filter { !$0.hasServer || hasClients }.map(\.page))
    func runs(_ path: String) throws {
        let world = try #require(DocumentedWorld.all.first { $0.page == path })
        let page = try DocumentPage(path)
        // The tutorial begins with `asof init`, in a PostgreSQL of its own or, as here, in one that there is.
        let conninfo = try ThrowawayCluster.shared().database()
        let shell = try DocumentedShell(conninfo: conninfo)
        for (number, block) in page.blocks.filter({ $0.language == "yaml" }).enumerated() {
            _ = try shell.scratch.write("yaml-\(number + 1)", block.text + "\n")
        }
        let prepared = try shell.run("REPOSITORY='\(Cases.repository.path)'\n" + world.prepared)
        try #require(prepared.status == 0, "\(path): \(prepared.text)")
        let served = world.hasServer ? try ServedAsof(["-d", conninfo], in: shell.scratch.path) : nil
        if let served {
            let isLoaded = try Patience.wait(seconds: 60) {
                try shell.run("redis-cli -p \(served.port) INFO persistence").text.contains("loading:0")
            }
            #expect(isLoaded)
        }
        var runCount = 0
        for block in page.blocks where Self.isCommands(block) && !Self.isUnrun(block, of: path) {
            for (start, script) in world.between where block.text.hasPrefix(start) {
                #expect(try shell.run(script).status == 0)
            }
            // With -e a reply that is an error is one of the command.
            let text = served.map { block.text.replacing("redis-cli -p 6567", with: "redis-cli -e -p \($0.port)") }
            let commands = DocumentPage.Block(language: block.language, text: text ?? block.text, line: block.line)
            try shell.check(commands, of: path, isCompared: world.isCompared)
            runCount += 1
        }
        #expect(runCount > 0)
    }
}
