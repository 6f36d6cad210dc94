import Commands
import Foundation
import TestSupport
import Testing

@Suite struct CommandDocumentTests {
    private static let path = Cases.repository.appendingPathComponent("docs/reference/commands.md")

    @Test func `docs/reference/commands.md is what the table says`() throws {
        let expected = CommandDocument.markdown(.all)
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] == "1" {
            try Data(expected.utf8).write(to: Self.path)
        }
        let found = try String(contentsOf: Self.path, encoding: .utf8)
        #expect(found == expected, "run: ASOF_WRITE_DOCS=1 swift test --filter CommandDocumentTests")
    }

    @Test func `each command says what it is`() {
        for command in CommandTable.all.listed.flatMap({ [$0] + $0.subcommands }) {
            #expect(command.name == command.name.lowercased())
            #expect(command.summary.hasSuffix("."), "\(command.name)")
            #expect(command.arity != 0 && !command.complexity.isEmpty, "\(command.name)")
            #expect(
                CommandTable.all.command(command.name)?.summary == command.summary,
                "\(command.name) is there twice"
            )
        }
    }
}
