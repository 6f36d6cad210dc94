import Commands
import TestSupport
import Testing
import Wire

/// What a client sends is bounded where it would be looked at, or kept, for nothing.
@Suite struct RequestLengthTests {
    private func reply(to words: [String], in scene: Scene = Scene()) -> String {
        scene.send(RespClient.request(words))
        return scene.reply()
    }

    @Test(arguments: [
        ["INFO"], ["CONFIG", "GET"], ["COMMAND", "DOCS"], ["CLIENT", "SETINFO", "LIB-NAME"], ["FS.VIEW"], ["EXISTS"],
        ["HGET", "v:1"], ["FS.ASOF", "v", "1"], ["SELECT"],
    ])
    func `a request of a few names and patterns has few bytes`(words: [String]) {
        let long = String(repeating: "x", count: CommandLimits.requestBytesMax)
        let reply = reply(to: words + [long])
        #expect(reply.hasPrefix("-FSLIMIT '"), "\(reply.prefix(200))")
        #expect(reply.contains("bytes; \(CommandLimits.requestBytesMax) are allowed"), "\(reply.prefix(200))")
    }

    @Test func `values and lines may be long`() {
        let long = String(repeating: "x", count: CommandLimits.requestBytesMax)
        for words in [["PING"], ["ECHO"]] { #expect(reply(to: words + [long]).hasPrefix("$\(long.utf8.count)\r\n")) }
        for words in [["FS.SET", "v", "1", "*", "f"], ["FS.WRITE"], ["FS.MGET", "v", "1"]] {
            #expect(reply(to: words + [long]).contains("this server has no store"))
        }
    }

    @Test func `a request that is too long is none of a transaction's`() {
        let scene = Scene()
        scene.send("MULTI\r\n")
        #expect(reply(to: ["INFO", String(repeating: "x", count: 5 << 20)], in: scene).contains("-FSLIMIT 'info'"))
        scene.send("EXEC\r\n")
        #expect(scene.reply() == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    }

    @Test(arguments: [["CLIENT", "SETNAME"], ["HELLO", "3", "SETNAME"]])
    func `a connection's name is short, since CLIENT LIST tells all of them`(words: [String]) {
        let scene = Scene()
        #expect(!reply(to: words + [String(repeating: "n", count: 256)], in: scene).hasPrefix("-"))
        let reply = reply(to: words + [String(repeating: "n", count: 257)], in: scene)
        #expect(reply == "-ERR Client names have at most 256 bytes, got 257.\r\n")
        scene.send("CLIENT GETNAME\r\n")
        #expect(scene.reply() == "$256\r\n\(String(repeating: "n", count: 256))\r\n")
    }
}
