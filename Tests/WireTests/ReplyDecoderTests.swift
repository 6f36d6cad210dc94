import NIOCore
import Testing
import Wire

/// Replies as a client reads them.
@Suite struct ReplyDecoderTests {
    static let stream =
        "+OK\r\n-ERR no\r\n:-5\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n_\r\n#t\r\n,inf\r\n,1.5\r\n"
        + "%1\r\n$1\r\nk\r\n*1\r\n_\r\n~1\r\n:1\r\n>1\r\n+x\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n(123\r\n|1\r\n+a\r\n:1\r\n+b\r\n%0\r\n"
    static let replies: [Reply] = [
        .text("OK"), .error("ERR no"), .integer(-5), .bulk(Array("a\r\n".utf8)), .null, .null, .array([]),
        .array([.integer(1), .array([.bulk([])])]), .null, .bool(true), .double(.infinity), .double(1.5),
        .map([.init(.bulk(Array("k".utf8)), .array([.null]))]), .array([.integer(1)]), .push([.text("x")]),
        .text("abc"), .error("ERR x"), .text("123"), .text("b"), .map([]),
    ]

    static func decode(_ pieces: [[UInt8]]) throws(ReplyFault) -> [Reply] {
        var decoder = ReplyDecoder()
        var replies: [Reply] = []
        for piece in pieces {
            decoder.append(piece)
            while let reply = try decoder.next() { replies.append(reply) }
        }
        return replies
    }

    @Test func `replies are the same however their bytes are cut`() throws {
        // "a\r\n" is announced with 3 bytes: a, CR, LF.
        let bytes = Array(Self.stream.utf8)
        #expect(try Self.decode([bytes]) == Self.replies)
        #expect(try Self.decode(bytes.map { [$0] }) == Self.replies)
        for cut in 1..<bytes.count {
            #expect(try Self.decode([Array(bytes[..<cut]), Array(bytes[cut...])]) == Self.replies)
        }
    }

    @Test(arguments: [
        "?\r\n", ":1 \r\n", ":\r\n", "$-2\r\n", "$9999999999\r\n", "*99999999999\r\n", "$1\r\nab\r\n", "#x\r\n",
        ",x\r\n",
        "+a\n", "$99999999999999999999999\r\n",
    ])
    func `bytes that are no reply are refused`(text: String) {
        #expect(throws: ReplyFault.self) { try Self.decode([Array(text.utf8)]) }
    }

    @Test func `what is announced takes no memory, and depth and lines have a limit`() throws {
        #expect(try Self.decode([Array("*60000000\r\n$500000000\r\n".utf8)]) == [])
        #expect(throws: ReplyFault.self) { try Self.decode([Array(String(repeating: "*1\r\n", count: 40).utf8)]) }
        #expect(throws: ReplyFault.self) { try Self.decode([[UInt8](repeating: 0x2B, count: 70_000)]) }
    }

    @Test func `a map's value is found by its key in both versions`() throws {
        let three = try Self.decode([Array("%1\r\n$1\r\na\r\n:7\r\n".utf8)])[0]
        let two = try Self.decode([Array("*2\r\n$1\r\na\r\n:7\r\n".utf8)])[0]
        #expect(three["a"] == .integer(7) && two["a"] == .integer(7) && three["b"] == nil)
    }
}
