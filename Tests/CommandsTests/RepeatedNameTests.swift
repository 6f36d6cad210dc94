import Features
import NIOCore
import TestSupport
import Testing
import Wire

@testable import Commands

/// A command names a thing twice only where that cannot multiply its reply.
@Suite struct RepeatedNameTests {
    private static func store() throws -> ServedStore {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              v: { entities: [user], features: { n: int64, s: string, e: vector(2), l: list(int64) } }
            """
        )
        try store.add(
            "v",
            [HistoryRow([.int64(1)], at: 5, [.int64(7), .string("text"), .vector([1, 2]), .listInt64([3])])]
        )
        return store
    }

    @Test func `HMGET answers numbers and unknown fields again, and refuses what may be long`() throws {
        let store = try Self.store()
        #expect(store.text("HMGET v:1 n n s x x e l").hasPrefix("*7|$1|7|$1|7|$4|text|_|_|$8|"))
        for (field, type) in [("s", "string"), ("e", "vector(2)"), ("l", "list(int64)")] {
            #expect(
                store.text("HMGET v:1 \(field) n \(field)")
                    == "-FSLIMIT HMGET names '\(field)' twice, which is a \(type); name it once|"
            )
        }
        #expect(store.text("HMGET none:1 s s") == "*2|_|_|")
    }

    @Test func `COMMAND DOCS and INFO name each command once`() throws {
        let store = try Self.store()
        for name in ["COMMAND|DOCS", "COMMAND|INFO"] {
            let command = try #require(CommandTable.all.command(name))
            var context = CommandContext(
                reply: ReplyWriter(),
                client: ClientState(id: 1, isAuthenticated: true),
                engine: store.engine
            )
            _ = command.run(&context, words: ["COMMAND", "X", "fs.get", "ping", "FS.GET"].map { Array($0.utf8) })
            #expect(String(buffer: context.reply.buffer) == "-ERR 'fs.get' is named twice; name each command once\r\n")
        }
    }

    @Test func `a command that reads its arguments on the event loop takes a bounded number`() {
        let table = CommandTable.all
        func resolution(_ name: String, _ count: Int) -> CommandTable.Resolution {
            let words = [Array(name.utf8)] + Array(repeating: [UInt8(ascii: "x")], count: count - 1)
            let bytes = words.flatMap(\.self)
            var ranges: [Range<Int>] = []
            var at = 0
            for word in words {
                ranges.append(at..<at + word.count)
                at += word.count
            }
            return table.resolve(Arguments(bytes: bytes.span, ranges: ranges.span))
        }
        for name in ["exists", "hmget", "info", "fs.set", "fs.get", "fs.write"] {
            guard case .command = resolution(name, CommandLimits.argumentsMax) else {
                Issue.record("\(name) refuses \(CommandLimits.argumentsMax) arguments")
                continue
            }
            guard case .tooMany = resolution(name, CommandLimits.argumentsMax + 1) else {
                Issue.record("\(name) takes more")
                continue
            }
        }
        for name in ["fs.mget", "fs.serve"] {
            guard case .command = resolution(name, WireLimits.argumentsMax) else {
                Issue.record("\(name) refuses what a request may have")
                continue
            }
        }
    }
}
