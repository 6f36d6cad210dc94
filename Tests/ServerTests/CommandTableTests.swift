import Access
import Commands
import TestSupport
import Testing
import Wire

@Suite struct CommandTableTests {
    private func resolve(_ words: [String], _ table: CommandTable = .all) -> (CommandTable.Resolution, String) {
        let bytes = words.flatMap { Array($0.utf8) }
        var ranges: [Range<Int>] = []
        var at = 0
        for word in words {
            ranges.append(at..<at + word.utf8.count)
            at += word.utf8.count
        }
        let arguments = Arguments(bytes: bytes.span, ranges: ranges.span)
        let resolution = table.resolve(arguments)
        return (resolution, table.refusal(resolution, arguments))
    }

    private func name(_ words: [String]) -> String? {
        if case .command(let place) = resolve(words).0 { CommandTable.all[place].name } else { nil }
    }

    @Test func `names are found in any case, subcommands with their container`() {
        #expect(name(["ping"]) == "ping")
        #expect(name(["PiNg", "x"]) == "ping")
        #expect(name(["CLIENT", "setName", "x"]) == "client|setname")
        #expect(name(["COMMAND"]) == "command")
        #expect(name(["command", "DOCS"]) == "command|docs")
        #expect(name(["CLIENT", "HELP"]) == "client|help")
    }

    @Test func `a subcommand's whole name, and a name alone, are no commands`() {
        #expect(resolve(["client|setname", "x"]).0 == .unknown)
        #expect(resolve(["setname", "x"]).0 == .unknown)
        #expect(resolve(["client", "list|x"]).1 == "ERR unknown subcommand 'list|x'. Try CLIENT HELP.")
        #expect(resolve([""]).0 == .unknown)
        #expect(resolve(["pingx"]).0 == .unknown && resolve(["pin"]).0 == .unknown)
    }

    @Test func `refusals have Redis's words`() {
        #expect(resolve(["echo"]).1 == "ERR wrong number of arguments for 'echo' command")
        #expect(resolve(["ECHO", "a", "b"]).1 == "ERR wrong number of arguments for 'echo' command")
        #expect(resolve(["CLIENT"]).1 == "ERR wrong number of arguments for 'client' command")
        #expect(resolve(["client", "SETINFO", "x"]).1 == "ERR wrong number of arguments for 'client|setinfo' command")
        #expect(resolve(["Foo", "a", "b"]).1 == "ERR unknown command 'Foo', with args beginning with: 'a' 'b' ")
    }

    @Test func `what a client is told of its own words is cut`() {
        let long = String(repeating: "x", count: 1_000)
        #expect(resolve([long] + Array(repeating: long, count: 100)).1.utf8.count < 600)
        #expect(resolve(["client", long]).1.utf8.count < 250)
    }

    @Test func `all commands are found by their names`() {
        for command in CommandTable.all.listed {
            let words = [command.name] + Array(repeating: "x", count: max(0, abs(command.arity) - 1))
            if command.subcommands.isEmpty {
                #expect(name(words) == command.name)
            }
            for subcommand in command.subcommands {
                let words = subcommand.name.split(separator: "|").map(String.init)
                let more = Array(repeating: "x", count: max(0, abs(subcommand.arity) - 2))
                #expect(name(words + more) == subcommand.name)
            }
        }
    }
}

@Suite struct GlobTests {
    @Test(
        "patterns match as Redis has them",
        arguments: [
            ("*", "", true), ("*", "abc", true), ("a*c", "abc", true), ("a*c", "ab", false), ("?", "a", true),
            ("?", "", false), ("[ab]c", "bc", true), ("[^ab]c", "bc", false), ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true), ("\\*", "*", true), ("\\*", "a", false), ("**a**", "bab", true), ("[", "a", false),
            ("[]a", "a", false), ("max*", "maxmemory", true), ("a[\\]]b", "a]b", true), ("", "", true),
            ("", "a", false),
        ]
    )
    func matches(pattern: String, text: String, expected: Bool) {
        #expect(Glob(pattern).matches(text) == expected)
    }

    @Test func `many stars take no exponential time`() {
        let pattern = String(repeating: "*a", count: 2_000) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 4_000)))
    }
}
