import Features
import Foundation
import TestSupport
import Testing
import Wire

@Suite struct LineProtocolTests {
    @Test("lines, comments, blank lines and both line ends are told apart; errors do not stop what follows")
    func lines() {
        let text = "# a comment\r\n\n  \na x=1i 1\r\nb,t=1 x=\"two\nlines\" 2\nbad\n  c x=t   3  \n#end\nd x=1"
        #expect(
            Spelled.outcome(Array(text.utf8), chunk: 1_000).map { $0.prefix(2) } == [
                "4:", "5:", "7:", "8:", "10", "0 ",
            ]
        )
        #expect(Spelled.outcome(Array(text.utf8), chunk: 1) == Spelled.outcome(Array(text.utf8), chunk: 1_000))
    }

    @Test("a quote that is never closed costs its own line only")
    func openQuote() {
        let outcome = Spelled.outcome(Array("a x=\"b\nc x=1\nd x=2".utf8), chunk: 4)
        #expect(outcome.map { $0.prefix(2) } == ["1:", "2:", "3:", "0 "])
        #expect(outcome.first == "1:5 the quote that opens here is never closed")
    }

    static let bad: [(text: String, line: Int, column: Int, reason: String)] = [
        ("cpu", 1, 4, "expected a space and fields behind measurement and tags"),
        ("a x=1\ncpu ", 2, 5, "a field's key is empty"),
        ("cpu,a=1,a=2 x=1", 1, 9, "the tag 'a' is there twice"),
        ("cpu,a= x=1", 1, 7, "a tag's value is empty"),
        ("cpu,a=b=c x=1", 1, 8, "'=' in a tag's value is written '\\='"),
        ("cpu x=1.5i", 1, 7, "a number is malformed or out of range"),
        ("cpu x=9223372036854775808i", 1, 7, "a number is malformed or out of range"),
        ("cpu x=1e400", 1, 7, "a number is malformed or out of range"),
        ("cpu x=NaN", 1, 7, "expected a number, true, false or a text in quotes"),
        ("cpu x=+inf", 1, 7, "a number is malformed or out of range"),
        ("cpu x=tRUE", 1, 7, "expected t, true, True, TRUE, f, false, False or FALSE"),
        ("cpu x=\"a\nb", 1, 7, "the quote that opens here is never closed"),
        ("cpu x=\"a\nb\",y=z", 2, 6, "expected a number, true, false or a text in quotes"),
        ("cpu x=1 soon", 1, 9, "expected a time as an integer"),
        ("cpu x=1 99999999999999999999", 1, 9, "the time is out of range"),
        ("cpu x=1 1 2", 1, 11, "text follows where the line should end"),
        ("c\tpu x=1", 1, 2, "the measurement has a control character"),
        (",a=b x=1", 1, 1, "the measurement is empty"),
    ]

    @Test("a bad line is named by line, column and reason", arguments: bad)
    func refuses(bad: (text: String, line: Int, column: Int, reason: String)) {
        let error = #expect(throws: LineProtocolError.self) { try Spelled.points(Array(bad.text.utf8)) }
        #expect(error == LineProtocolError(line: bad.line, column: bad.column, reason: bad.reason))
    }

    @Test(
        "no bytes make the decoder trap, and how they are cut changes nothing",
        arguments: 1...200 as ClosedRange<UInt64>
    )
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pieces: [[UInt8]] =
            [
                "a", "b=1", ",", " ", "=", "\\", "\"", "\n", "\r\n", "\r", "#", "1i", "-", "1.5e3", "t", "\u{E9}",
                "x=\"y\"", " 17",
                "18446744073709551615u", "\t", "\u{7F}", "\0", "a,t=v f=1 5\n",
            ].map { Array($0.utf8) } + [[0xFF], [0xC3]]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...60, using: &random) { bytes += pieces.randomElement(using: &random) ?? [] }
        let whole = Spelled.outcome(bytes, chunk: bytes.count + 1)
        for chunk in [1, 2, 5] { #expect(Spelled.outcome(bytes, chunk: chunk) == whole, "seed \(seed)") }
        #expect(whole.last?.hasPrefix("0 left") == true, "seed \(seed)")
    }
}
