import Foundation
import Testing
import Wire

@Suite struct RequestDecoderTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var sent: String
        var requests: [[String]]
        var fault: RequestFault?
        var isForeign = false
        var isPartial = false

        init(
            _ sent: String,
            _ requests: [[String]] = [],
            fault: RequestFault? = nil,
            foreign: Bool = false,
            partial: Bool = false
        ) {
            self.sent = sent
            self.requests = requests
            self.fault = fault
            isForeign = foreign
            isPartial = partial
        }

        var testDescription: String { String(sent.debugDescription.prefix(60)) }
        var expected: DecodedRequests {
            DecodedRequests(requests: requests, fault: fault, isForeign: isForeign, isPartial: isPartial)
        }
    }

    static let cases: [Case] = [
        Case("*1\r\n$4\r\nPING\r\n", [["PING"]]),
        Case("*2\r\n$4\r\nECHO\r\n$0\r\n\r\nPING\r\n", [["ECHO", ""], ["PING"]]),
        Case("*2\r\n$4\r\nECHO\r\n$5\r\na\r\n\0b\r\n", [["ECHO", "a\r\n\0b"]]),
        Case("*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n  \r\n\n*1\r\n$1\r\na\r\n", [["a"]]),
        Case("*1\r\n$4\r\nPI", partial: true),
        Case("*", partial: true), Case("*1\r", partial: true), Case("*1\r\n$", partial: true),
        Case("PIN", partial: true),
        // Lengths.
        Case("*+1\r\n", fault: .count), Case("*01\r\n", fault: .count), Case("* 1\r\n", fault: .count),
        Case("*1 \r\n", fault: .count), Case("*\r\n", fault: .count), Case("*-\r\n", fault: .count),
        Case("*-0\r\n", fault: .count), Case("*00\r\n", fault: .count), Case("*1x\r\n", fault: .count),
        Case("*1.0\r\n", fault: .count), Case("*0x1\r\n", fault: .count), Case("*1\rX", fault: .count),
        Case("*1\r\r\n", fault: .count), Case("*9223372036854775807\r\n", fault: .count),
        Case("*9223372036854775808\r\n", fault: .count), Case("*-9223372036854775809\r\n", fault: .count),
        Case("*99999999999999999999999\r\n", fault: .count), Case("*1048577\r\n", fault: .count),
        Case("*1048576\r\n", partial: true), Case("*1\0\r\n", fault: .count),
        Case("*1\r\n$-1\r\n", fault: .bulk), Case("*1\r\n$+1\r\n", fault: .bulk), Case("*1\r\n$01\r\n", fault: .bulk),
        Case("*1\r\n$ 1\r\n", fault: .bulk), Case("*1\r\n$\r\n", fault: .bulk), Case("*1\r\n$1\rX", fault: .bulk),
        Case("*1\r\n$67108865\r\n", fault: .bulk), Case("*1\r\n$67108864\r\n", partial: true),
        Case("*1\r\n$9223372036854775807\r\n", fault: .bulk), Case("*1\r\n$99999999999999999999\r\n", fault: .bulk),
        Case("*1\r\n$4\r\nPINGXY", fault: .bulk), Case("*1\r\n$4\r\nPING\rX", fault: .bulk),
        Case("*1\r\n$3\r\nPING\r\n", fault: .bulk), Case("*1\r\n$4\r\nPING\n\r", fault: .bulk),
        // What stands where an argument should.
        Case("*1\r\nfoo\r\n", fault: .expectedBulk(got: UInt8(ascii: "f"))),
        Case("*1\r\n*1\r\n", fault: .expectedBulk(got: UInt8(ascii: "*"))),
        Case("*1\r\n:1\r\n", fault: .expectedBulk(got: UInt8(ascii: ":"))),
        Case("*2\r\n$1\r\na\r\n\r\n", fault: .expectedBulk(got: 13)),
        Case("*1\r\n\0", fault: .expectedBulk(got: 0)),
        Case("PING\r\n*1\r\nx", [["PING"]], fault: .expectedBulk(got: UInt8(ascii: "x"))),
        // Inline.
        Case("PING\n", [["PING"]]), Case("a\tb\u{0B}c\r\n", [["a", "b", "c"]]),
        Case("$4\r\nPING\r\n", [["$4"], ["PING"]]), Case(":1\r\n", [[":1"]]), Case("PING\r\r\n", [["PING"]]),
        Case("PI\0NG\r\n", fault: .bigInline), Case("\0", fault: .bigInline),
        Case("a \"b\r\n", fault: .unbalancedQuotes), Case("a\"b\"c\r\n", fault: .unbalancedQuotes),
        Case("\"\"\r\n", [[""]]), Case("'' \"\"\r\n", [["", ""]]),
        Case("\"\\x4\"\r\n", [["x4"]]), Case("\"\\xg0\\x41\"\r\n", [["xg0A"]]),
        Case("\"a\\\r\n", fault: .unbalancedQuotes),
        // Not ours.
        Case("GET / HTTP/1.1\r\nHost: x\r\n\r\n", foreign: true), Case("POST /a HTTP/1.0\r\n", foreign: true),
        Case("PING\r\nhost: a\r\n", [["PING"]], foreign: true), Case("Host:a\r\n", foreign: true),
        Case("OPTIONS * HTTP/1.1\r\n", foreign: true), Case("PRI * HTTP/2.0\r\n", foreign: true),
        Case("\u{16}\u{03}\u{01}\u{02}\0", foreign: true), Case("\u{16}", partial: true),
        Case("GETTING\r\n", [["GETTING"]]), Case("get x\r\n", [["get", "x"]]),
    ]

    @Test("bytes are the requests they stand for, wherever they are cut", arguments: cases)
    func decodes(item: Case) {
        let sent = bytes(latin1: item.sent)
        #expect(DecodedRequests.of(sent) == item.expected)
        #expect(DecodedRequests.of(sent, cuts: Array(0..<sent.count)) == item.expected, "a byte at a time")
        for cut in sent.indices {
            #expect(DecodedRequests.of(sent, cuts: [cut]) == item.expected, "cut at \(cut)")
        }
    }

    @Test func `lines and lengths without an end are refused at the limit and not before`() {
        let limits = RequestLimits(lineBytesMax: 100)
        for (marker, fault) in [("*", RequestFault.bigCount), ("*1\r\n$", .bigBulkHeader), ("", .bigInline)] {
            let at = Array((marker + String(repeating: "7", count: 100)).utf8)
            let above = at + [UInt8(ascii: "7")]
            let isLine = marker.isEmpty
            #expect(DecodedRequests.of(isLine ? at : Array(at.dropLast()), limits: limits).isPartial)
            #expect(DecodedRequests.of(above, limits: limits).fault == fault)
            #expect(DecodedRequests.of(above, cuts: Array(0..<above.count), limits: limits).fault == fault)
            // Whether the end comes later makes no difference.
            #expect(DecodedRequests.of(above + Array("\r\n".utf8), limits: limits).fault == fault)
        }
    }

    @Test func `before authentication less is accepted, and the words are others`() {
        let limits = RequestLimits(argumentsMax: 10, bulkBytesMax: 16_384, isAuthenticated: false)
        func outcome(_ text: String) -> RequestFault? { DecodedRequests.of(Array(text.utf8), limits: limits).fault }
        #expect(outcome("*10\r\n") == nil)
        #expect(outcome("*11\r\n") == .unauthenticatedCount)
        #expect(outcome("*3000000000\r\n") == .count)
        #expect(outcome("*1\r\n$16384\r\n") == nil)
        #expect(outcome("*1\r\n$16385\r\n") == .unauthenticatedBulk)
        #expect(outcome("*1\r\n$-1\r\n") == .bulk)
        #expect(outcome("a b c d e f g h i j\r\n") == nil)
        #expect(outcome("a b c d e f g h i j k\r\n") == .unauthenticatedCount)
    }

    @Test func `a request may be large only up to its limit`() {
        let limits = RequestLimits(bulkBytesMax: 100, requestBytesMax: 150)
        let argument = "$60\r\n" + String(repeating: "x", count: 60) + "\r\n"
        #expect(DecodedRequests.of(Array(("*2\r\n" + argument + argument).utf8), limits: limits).requests.count == 1)
        let three = DecodedRequests.of(Array(("*3\r\n" + argument + argument + argument).utf8), limits: limits)
        #expect(three.fault == .bulk)
    }

    @Test func `a declared length allocates nothing`() {
        var decoder = RequestDecoder()
        var (start, ranges) = (0, [Range<Int>]())
        let sent = Array("*1048576\r\n$1\r\na\r\n$67108864\r\nab".utf8)
        #expect(decoder.next(sent.span, from: &start, limits: RequestLimits(), into: &ranges) == .incomplete)
        #expect(ranges.capacity < 64)
        #expect(start == 0)
    }

    @Test func `a request that is given back comes again`() {
        let sent = Array("PING\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n".utf8)
        var decoder = RequestDecoder()
        var (start, ranges) = (0, [Range<Int>]())
        #expect(decoder.next(sent.span, from: &start, limits: RequestLimits(), into: &ranges) == .request)
        let end = start
        decoder.hold(&start)
        #expect(start == 0 && !decoder.isWithinRequest)
        #expect(decoder.next(sent.span, from: &start, limits: RequestLimits(), into: &ranges) == .request)
        #expect(start == end && decoder.arguments(in: sent.span, ranges.span).text(0) == "PING")
        #expect(decoder.next(sent.span, from: &start, limits: RequestLimits(), into: &ranges) == .request)
        decoder.hold(&start)
        // The bytes before it are gone meanwhile.
        let rest = Array(sent[start...])
        start = 0
        #expect(decoder.next(rest.span, from: &start, limits: RequestLimits(), into: &ranges) == .request)
        #expect(decoder.arguments(in: rest.span, ranges.span).text(1) == "b")
    }
}
