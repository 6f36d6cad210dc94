import NIOCore
import TestSupport
import Testing
import Wire

/// Replies that are more than they may be become one error, whoever writes what and how deep in it.
@Suite struct ReplyLimitTests {
    private static let limits = ReplyLimits(bytesMax: 1_000, valuesMax: 20)
    private static let refusal =
        "-FSLIMIT the reply has more than 1000 bytes or 20 values; ask for fewer entities, features or rows\r\n"

    @Test func `limits fit one another`() { WireLimits.check() }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var write: @Sendable (inout ReplyWriter) -> Void

        init(_ name: String, _ write: @escaping @Sendable (inout ReplyWriter) -> Void) {
            testDescription = name
            self.write = write
        }
    }

    static let tooLarge: [Case] = [
        Case("a text") { $0.bulk(String(repeating: "x", count: 1_000)) },
        Case("bytes") { reply in [UInt8](repeating: 7, count: 1_000).withUnsafeBytes { reply.bulk($0) } },
        Case("values, one after another") { reply in
            reply.array(20)
            for number in 0..<20 { reply.integer(Int64(number)) }
        },
        Case("maps in arrays in maps") { reply in
            reply.map(1)
            reply.bulk("a")
            reply.array(9)
            for _ in 0..<9 {
                reply.map(1)
                reply.bulk("b")
                reply.double(0.1)
            }
        },
        Case("nulls and bools") { reply in for index in 0..<21 { index % 2 == 0 ? reply.null() : reply.bool(true) } },
        Case("values of a caller's own") { $0.values(21, bytesMax: 100) { _ in 0 } },
        Case("bytes of a caller's own") { $0.values(1, bytesMax: 1_001) { _ in 0 } },
        Case("a bulk string in pieces") { $0.beginBulk(990) },
        Case("a reply that was made elsewhere") { reply in
            var other = ReplyWriter()
            other.bulk(String(repeating: "x", count: 1_000))
            reply.encoded(other)
        },
    ]

    @Test("a reply that is too large is one error, and what stood before it stays", arguments: tooLarge, [true, false])
    func refused(item: Case, hasBefore: Bool) {
        var reply = ReplyWriter(version: .resp3)
        if hasBefore { reply.simple("OK") }
        reply.begin(Self.limits)
        item.write(&reply)
        #expect(reply.isRefused)
        item.write(&reply)
        reply.bulk("more of it")
        reply.error("ERR and an error")
        reply.begin(Self.limits)
        reply.bulk("next")
        #expect(String(buffer: reply.buffer) == (hasBefore ? "+OK\r\n" : "") + Self.refusal + "$4\r\nnext\r\n")
    }

    @Test func `a reply at its limits is written`() {
        var reply = ReplyWriter(limits: Self.limits)
        reply.array(19)
        for _ in 0..<19 { reply.integer(1) }
        #expect(!reply.isRefused)
        #expect(reply.used == (5 + 19 * 4, 20))
        reply.begin(Self.limits)
        reply.bulk(String(repeating: "x", count: 1_000 - ReplyWriter.headerBytesMax - 2))
        #expect(!reply.isRefused)
    }

    @Test func `nothing is kept of what was too large, and nothing is written beyond the limit`() {
        var reply = ReplyWriter()
        reply.simple("OK")
        reply.begin()
        let text = String(repeating: "x", count: 1 << 20)
        reply.array(5_000)
        for _ in 0..<5_000 {
            reply.bulk(text)
            #expect(reply.buffer.writerIndex < WireLimits.replyBytesMax + 100)
        }
        #expect(reply.isRefused)
        #expect(reply.buffer.capacity < 1 << 20)
        #expect(
            String(buffer: reply.buffer).hasPrefix("+OK\r\n-FSLIMIT the reply has more than 256 MiB or 16777216 values")
        )
    }

    @Test func `bytes that were read from the buffer before do not move what is refused`() {
        var reply = ReplyWriter()
        reply.simple("FIRST")
        reply.simple("SECOND")
        reply.buffer.moveReaderIndex(forwardBy: 8)
        reply.begin()
        reply.array(3)
        for _ in 0..<3 { reply.bulk(String(repeating: "x", count: 100 << 20)) }
        #expect(String(buffer: reply.buffer).hasPrefix("+SECOND\r\n-FSLIMIT"))
    }

    @Test func `errors are written where there is no room for anything else`() {
        var reply = ReplyWriter(limits: ReplyLimits(bytesMax: 0, valuesMax: 0))
        reply.error("FSNOVIEW no view")
        #expect(String(buffer: reply.buffer) == "-FSNOVIEW no view\r\n")
    }

    @Test func `a reply that was made elsewhere is taken, with or without others before it`() {
        var made = ReplyWriter(version: .resp3)
        made.map(1)
        made.bulk("k")
        made.integer(5)
        for before in ["", "+OK\r\n"] {
            var reply = ReplyWriter(version: .resp3)
            if !before.isEmpty { reply.simple("OK") }
            reply.begin()
            reply.encoded(made)
            #expect(reply.used.values == 3)
            reply.begin()
            reply.null()
            #expect(String(buffer: reply.buffer) == before + "%1\r\n$1\r\nk\r\n:5\r\n_\r\n")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `random replies are within their limits or one error`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let limits = ReplyLimits(bytesMax: random.int(0...400), valuesMax: random.int(0...40))
            var (limited, free) = (ReplyWriter(version: .resp3), ReplyWriter(version: .resp3))
            limited.begin(limits)
            for _ in 0..<random.int(0...50) {
                let (kind, size) = (random.int(0...5), random.int(0...40))
                func write(_ reply: inout ReplyWriter) {
                    switch kind {
                    case 0: reply.null()
                    case 1: reply.integer(Int64(size) << 40)
                    case 2: reply.double(Double(size) / 3)
                    case 3: reply.bulk(String(repeating: "y", count: size))
                    case 4: reply.array(size)
                    default: reply.map(size)
                    }
                }
                write(&limited)
                write(&free)
            }
            let isOne = limited.isRefused
            let text = String(buffer: limited.buffer)
            #expect(isOne ? text == "-\(limits.refusal)\r\n" : text == String(buffer: free.buffer), "seed \(seed)")
            #expect(isOne || (limited.used.bytes <= limits.bytesMax && limited.used.values <= limits.valuesMax))
            // Headers and floats are counted with the most that they take.
            if free.used.bytes + 40 <= limits.bytesMax, free.used.values <= limits.valuesMax { #expect(!isOne) }
        }
    }
}
