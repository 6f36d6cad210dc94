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
        ("# 16 are allowed\ncpu" + tags(17) + " x=1", 2, 4 + tags(16).utf8.count + 1, "a point has at most 16 tags"),
        ("cpu " + fields(1_601), 1, 4 + fields(1_600).utf8.count + 2, "a point has at most 1600 fields"),
        ("cpu x=1" + String(repeating: ",x=1", count: 1_600), 1, 6_405, "a point has at most 1600 fields"),
        ("cpu,a\\,=1,a\\,=2 x=1", 1, 11, "the tag 'a,' is there twice"),
        (
            "cpu," + String(repeating: "k", count: 300) + "=1," + String(repeating: "k", count: 300) + "=2 x=1", 1, 308,
            "the tag '" + String(repeating: "k", count: 128) + "…' is there twice"
        ),
    ]

    /// As many tags as are said, each behind its comma.
    static func tags(_ count: Int) -> String { (0..<count).map { ",t\($0)=v" }.joined() }
    static func fields(_ count: Int) -> String { (0..<count).map { "f\($0)=1" }.joined(separator: ",") }

    @Test("a point has as many tags and fields as are allowed")
    func most() throws {
        let points = try Spelled.points(Array("cpu\(Self.tags(16)) \(Self.fields(1_600)) 5".utf8))
        #expect(points.map(\.tags.count) == [16])
        #expect(points.map(\.fields.count) == [1_600])
    }

    @Test("names are the same only byte for byte, however they are spelled")
    func sameNames() throws {
        // Equal as characters, not as bytes; escaped, so that texts are compared.
        let composed = try Spelled.points(Array("cpu,\u{E9}\\ =1,e\u{301}\\ =2 x=1".utf8))
        #expect(composed.map(\.tags.count) == [2])
        #expect(throws: LineProtocolError.self) { try Spelled.points(Array("cpu,a\\b=1,a\\b=2 x=1".utf8)) }
        #expect(try Spelled.points(Array("cpu,a\\ =1,a\\,=2,a=3 x=1".utf8)).map(\.tags.count) == [3])
    }

    /// Lines that took a minute and more where names were compared with all before them, or a bad line read what follows.
    static let long: [(name: String, text: @Sendable () -> String, points: Int, errors: Int)] = [
        ("one point of 60,000 tags", { "m" + tags(60_000) + " x=1\nm x=1" }, 1, 1),
        ("one point of 60,000 escaped tags", { "m" + (0..<60_000).map { ",\\ \($0)=\\," }.joined() + " x=1" }, 0, 1),
        ("one point of 60,000 fields", { "m " + fields(60_000) }, 0, 1),
        ("60,000 times the same tag", { "m" + String(repeating: ",a=b", count: 60_000) + " x=1" }, 0, 1),
        ("60,000 times the same field", { "m x=1" + String(repeating: ",x=1", count: 60_000) }, 0, 1),
        (
            "20,000 lines with a quote each that closes the one before",
            { String(repeating: "m x=\"a\n", count: 20_000) }, 0, 10_000
        ),
        ("100,000 measurements", { (0..<100_000).map { "m\($0) x=1\n" }.joined() }, 100_000, 0),
        (
            "a text of 1 MiB that is not closed, and lines",
            { "m x=\"" + String(repeating: "\\\\", count: 1 << 19) + "\nm x=1" }, 1, 1
        ),
        (
            "a tag of 1 MiB of escapes twice",
            {
                (0..<2).reduce("m") { text, _ in text + "," + String(repeating: "\\,", count: 1 << 18) + "=1" } + " x=1"
            }, 0, 1
        ),
    ]

    @Test("time is linear in the bytes, whatever they are", .timeLimit(.minutes(15)), arguments: long.indices)
    func linear(index: Int) {
        let bytes = Array(Self.long[index].text().utf8)
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var position = 0
        var (points, errors) = (0, 0)
        let started = ThreadWaits.cpuSeconds
        while true {
            do throws(LineProtocolError) {
                guard try decoder.next(bytes.span, from: &position, isEnd: true, into: &point) else { break }
                points += 1
            } catch {
                errors += 1
            }
        }
        let seconds = ThreadWaits.cpuSeconds - started
        // Of a processor, however busy the machine is; each takes less than one.
        #expect(seconds < 20, "\(Self.long[index].name)")
        #expect(points == Self.long[index].points, "\(Self.long[index].name)")
        #expect(errors == Self.long[index].errors, "\(Self.long[index].name)")
    }

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
