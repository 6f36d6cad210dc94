import Expressions
import PointInTime
import TestSupport
import Testing

@Suite struct ExpressionFuzzTests {
    private static let tokens = [
        "n", "m", "late", "carrier", "weather.temp", "label_time", "weather._event_time", "pixels", "raw", "visits",
        "1", "0", "2.5",
        "1e300", "'a'", "'2013-01-01'", "'UTC'", "null", "true", "+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=",
        "(", ")", "(", ")",
        "[", "]", ",", "and", "or", "not", "is", "in", "between", "case", "when", "then", "else", "end", "coalesce(",
        "nullif(",
        "cast(", "as", "int4", "::", "text", "extract(", "hour", "epoch", "from", "at time zone", "date_trunc(",
        "'day'", "sqrt(",
        "substr(", "left(", "greatest(", "cosine(", "\"n\"", ".", "'", "\"", "9223372036854775807", "interval", "ñ",
        "\u{0}", "--", "at",
    ]

    @Test func `no text makes it trap: it is an expression with a spelling of its own, or an error with a place`()
        throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("expressions: fuzz seed \(seed)")
        var random = SeededRandom(seed: seed)
        let sample = Sample.flights
        var understood = 0
        for _ in 0..<20_000 {
            let text = (0..<random.int(1...12)).map { _ in random.pick(Self.tokens) }.joined(
                separator: random.oneIn(9) ? "" : " "
            )
            do throws(ExpressionError) {
                let expression = try Expression(text, scope: sample.scope)
                understood += 1
                let result = expression.evaluate({ sample.columns[$0] }, rowCount: sample.rowCount)
                #expect(result.column.type == expression.type)
                let again = try Expression(expression.normalized, scope: sample.scope)
                #expect(again.normalized == expression.normalized)
            } catch {
                #expect(
                    error.offset <= text.utf8.count && error.line >= 1 && error.column >= 1 && !error.message.isEmpty
                )
            }
        }
        #expect(understood > 100)
    }
}
