import Features
import TestSupport
import Testing

@testable import Windows

@Suite struct WindowParserTests {
    private static let texts: [(String, String)] = [
        ("count over 1h", "count over 1h"),
        ("  avg( delay )\tover 180m  where  delay > 0 ", "avg(delay) over 3h where delay > 0"),
        ("sum(delay) over 1w offset 168h", "sum(delay) over 7d offset 7d"),
        ("count over lifetime offset 0s", "count over lifetime"),
        (
            "count(dest) over 1s where dest = 'over lifetime where 1h'",
            "count(dest) over 1s where dest = 'over lifetime where 1h'"
        ),
        ("max(over)over 30d", "max(over) over 30d"),
        ("distinct(A_1) over 1ms", "distinct(A_1) over 1ms"),
        ("last ( item ,10 ) over 7d", "last(item, 10) over 7d"), ("top(item, 3) over 1h", "top(item, 3) over 1h"),
        ("histogram(item) over 1h", "histogram(item) over 1h"),
        ("approx_quantile( x ,0.950 ) over 1h", "approx_quantile(x, 0.95) over 1h"),
        ("approx_quantile(x, 1.0) over 1h", "approx_quantile(x, 1) over 1h"),
        ("approx_quantile(x, 0.000001) over 1h", "approx_quantile(x, 0.000001) over 1h"),
        ("approx_distinct(x) over 1h", "approx_distinct(x) over 1h"),
        ("seconds_since_last over lifetime", "seconds_since_last over lifetime"),
    ]

    @Test(arguments: texts)
    func `windows are read, and written one way`(text: String, normalized: String) throws {
        let definition = try WindowDefinition(text: text)
        #expect(definition.text == normalized)
        #expect(try WindowDefinition(text: normalized) == definition)
    }

    @Test func `a condition is left as it is and tells where it starts`() throws {
        let text = "first(x) over 1h where   é = 'a' \n"
        let filter = try #require(try WindowDefinition(text: text).filter)
        #expect(filter.text == "é = 'a'")
        #expect(Array(text.utf8)[filter.start...].starts(with: filter.text.utf8))
    }

    private static let faults: [(String, Int, String)] = [
        (
            "", 1,
            "expected an aggregate, one of count, sum, avg, variance, stddev, var_pop, stddev_pop, min, max, first, last, distinct, approx_distinct, approx_quantile, top, histogram, seconds_since_last, but found the end"
        ),
        (
            "median(x) over 1h", 1,
            "expected an aggregate, one of count, sum, avg, variance, stddev, var_pop, stddev_pop, min, max, first, last, distinct, approx_distinct, approx_quantile, top, histogram, seconds_since_last, but found 'median'"
        ),
        (
            "COUNT over 1h", 1,
            "expected an aggregate, one of count, sum, avg, variance, stddev, var_pop, stddev_pop, min, max, first, last, distinct, approx_distinct, approx_quantile, top, histogram, seconds_since_last, but found 'COUNT'"
        ),
        ("sum over 1h", 5, "sum needs a feature: expected '(FEATURE)' behind it, but found 'over'"),
        ("sum() over 1h", 5, "expected a feature of the events in sum(…), but found ')'"),
        ("sum(é) over 1h", 5, "'é' cannot be a feature: it does not start with a letter A-Z or a-z"),
        (
            "sum(x__y) over 1h", 5,
            "'x__y' cannot be a feature: it contains '__', which separates a view from its feature"
        ),
        ("sum(x, 10) over 1h", 6, "sum takes one feature: expected ')' behind it, but found ','"),
        ("last(x, 0) over 1h", 9, "expected a number from 1 to 1000, but found '0'"),
        ("last(x, many) over 1h", 9, "expected a number from 1 to 1000, but found 'many'"),
        (
            "approx_quantile(x) over 1h", 18,
            "approx_quantile needs a fraction behind the feature, as in approx_quantile(delay, 0.95)"
        ),
        (
            "approx_quantile(x, 1.01) over 1h", 20,
            "expected a fraction from 0 to 1 of at most six digits, as 0.95, but found '1.01'"
        ),
        (
            "approx_quantile(x, 0.1234567) over 1h", 20,
            "expected a fraction from 0 to 1 of at most six digits, as 0.95, but found '0.1234567'"
        ),
        (
            "approx_quantile(x, .5) over 1h", 20,
            "expected a fraction from 0 to 1 of at most six digits, as 0.95, but found '.'"
        ),
        ("top(x) over 1h", 6, "top needs a number behind the feature, as in top(item, 10)"),
        ("seconds_since_last(x) over 1h", 19, "expected 'over' behind seconds_since_last, but found '('"),
        ("sum(x over 1h", 7, "expected ')' behind the feature, but found 'over'"),
        ("sum(x) 1h", 8, "expected 'over' behind sum(x), but found '1h'"),
        ("count", 6, "expected 'over' behind count, but found the end"),
        ("count over", 11, "expected a length as 1h or 'lifetime', but the text ends"),
        (
            "count over 1y", 12,
            "'1y' is not a length: expected a length as 1h or 'lifetime', an integer and one of us ms s m h d w"
        ),
        ("count over 0h", 12, "a window of length 0 has no events"),
        (
            "count over 1h offset lifetime", 22,
            "'lifetime' is not an offset: expected a length as 7d, an integer and one of us ms s m h d w"
        ),
        ("count over 1h offset 1h offset 2h", 25, "a window has one offset"),
        ("count over 1h where  ", 22, "expected a condition behind 'where'"),
        ("count over 1h strict", 15, "expected 'offset', 'where' or the end, but found 'strict'"),
    ]

    @Test(arguments: faults)
    func `what is no window is told with its place`(text: String, column: Int, message: String) {
        #expect(throws: WindowError.text(column: column, message: message)) { try WindowDefinition(text: text) }
    }

    @Test func `a text that is too long is refused before it is read`() {
        let text = "count over 1h where " + String(repeating: "x", count: WindowLimits.textBytesMax)
        #expect(throws: WindowError.text(column: 1, message: "the window has 4116 bytes; 4096 are allowed")) {
            try WindowDefinition(text: text)
        }
    }

    @Test func `no text makes the parser trap`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let pieces = [
            "count", "sum", "(", ")", "x", "over", "1h", "lifetime", "offset", "where", " ", "é", "\u{0}", "9", ",",
            "99999999999999w",
        ]
        for _ in 0..<5_000 {
            let text = (0..<random.int(0...10)).map { _ in random.pick(pieces) }.joined(
                separator: random.oneIn(2) ? " " : ""
            )
            guard let definition = try? WindowDefinition(text: text) else { continue }
            #expect((try? WindowDefinition(text: definition.text)) == definition, "seed \(seed): \(text)")
        }
    }

    private static let typed: [(String, FeatureType)] = [
        ("count over 1h", FeatureType.int64), ("count(v) over 1h", .int64), ("sum(n) over 1h", .int64),
        ("sum(f) over 1h", .float64), ("avg(n) over 1h", .float64), ("max(s) over 1h", .string),
        ("min(f) over 1h", .float32), ("last(v) over 1h", .vector(3)), ("distinct(s) over 1h", .int64),
    ]

    @Test(arguments: typed)
    func `a window has the type that its aggregate and its feature give`(text: String, type: FeatureType) throws {
        #expect(try WindowDefinition(text: text).resultType { Self.types[$0] } == type)
    }

    private static let refused: [(String, String)] = [
        ("sum(s) over 1h", "sum(s): 's' is string; sum takes int32, int64, float32 and float64"),
        ("min(v) over 1h", "min(v): 'v' is vector(3); min takes int32, int64, float32, float64, string and timestamp"),
        (
            "distinct(v) over 1h",
            "distinct(v): 'v' is vector(3); distinct takes bool, int32, int64, float32, float64, string, bytes and timestamp"
        ),
        ("avg(z) over 1h", "the events have no feature 'z'"),
    ]

    @Test(arguments: refused)
    func `a feature that an aggregate cannot take is refused`(text: String, message: String) throws {
        let definition = try WindowDefinition(text: text)
        #expect(throws: WindowError.type(message: message)) { try definition.resultType { Self.types[$0] } }
    }

    private static let types: [String: FeatureType] = [
        "n": .int32, "f": .float32, "s": .string, "v": .vector(3),
    ]
}
