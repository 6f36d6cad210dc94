import Expressions
import Features
import TestSupport
import Testing

/// What is refused when it is applied: where, and what was expected.
@Suite struct ExpressionFaultTests {
    struct Bad: CustomTestStringConvertible, Sendable {
        let text: String
        let line: Int
        let column: Int
        let message: String

        init(_ text: String, _ line: Int, _ column: Int, _ message: String) {
            (self.text, self.line, self.column, self.message) = (text, line, column, message)
        }

        var testDescription: String { text }
    }

    static let syntax: [Bad] = [
        Bad("", 1, 1, "the expression is empty"),
        Bad("n +", 1, 4, "expected a column, a literal or a function, found the end"),
        Bad("n n", 1, 3, "expected an operator or the end, found 'n'"),
        Bad("(n", 1, 3, "expected ')' to close the parenthesis, found the end"),
        Bad("n)", 1, 2, "expected an operator or the end, found ')'"),
        Bad("n = 1 = 2", 1, 7, "'=' cannot follow another comparison: join them by 'and', or use parentheses"),
        Bad("'abc", 1, 1, "a string does not end: expected a closing '"),
        Bad("\"abc", 1, 1, "a name does not end: expected a closing \""),
        Bad("\"\"", 1, 1, "a name between quotes is empty"),
        Bad("1a", 1, 2, "a number goes on with another character: expected a blank or an operator"),
        Bad("1e+", 1, 4, "expected digits in a number's exponent"),
        Bad("n ^ 2", 1, 3, "'^' is no character of expressions: write power(a, b)"),
        Bad("n\n  + 'ñ' ~", 2, 9, "'~' is no character of expressions"),
        Bad("n--1", 1, 2, "'--' begins a comment in SQL, which expressions have not: write '- -'"),
        Bad("n /* x */", 1, 3, "expressions have no comments"),
        Bad("case n end", 1, 8, "expected 'when' in 'case', found 'end'"),
        Bad("case when late 1 end", 1, 16, "expected 'then' behind a condition of 'case', found '1'"),
        Bad("case when late then 1", 1, 22, "expected 'end' or 'when' or 'else' in 'case', found the end"),
        Bad("n in 1", 1, 6, "expected '(' behind 'in', found '1'"),
        Bad("n in ()", 1, 7, "expected a column, a literal or a function, found ')'"),
        Bad("n not like 'a'", 1, 7, "expected 'in' or 'between' behind 'not', found 'like'"),
        Bad("n between 1 or 2", 1, 13, "expected 'and' between the bounds of 'between', found 'or'"),
        Bad("n is 1", 1, 6, "expected null, true, false or unknown behind 'is', found '1'"),
        Bad("cast(n int4)", 1, 8, "expected 'as' in 'cast', found 'int4'"),
        Bad(
            "n::varchar",
            1,
            4,
            "'varchar' is no type that can be cast to; known: boolean, float4, float8, int4, int8, text, timestamptz"
        ),
        Bad("extract(hour label_time)", 1, 14, "expected 'from' behind the part of 'extract', found 'label_time'"),
        Bad("label_time at zone 'UTC'", 1, 15, "expected 'time' behind 'at', found 'zone'"),
        Bad(
            "label_time at time zone carrier",
            1,
            25,
            "expected the name of a time zone in single quotes, such as 'Europe/Paris', found 'carrier'"
        ),
        Bad(
            "interval '1 hour'",
            1,
            1,
            "there are no interval literals: compare extract(epoch from a - b) with seconds"
        ),
        Bad(
            "from + 1",
            1,
            1,
            "expected a column, a literal or a function, found 'from' (a column of that name stands in double quotes)"
        ),
        Bad("weather.", 1, 9, "expected a name behind '.', found the end"),
    ]

    static let types: [Bad] = [
        Bad("weather.tmep", 1, 1, "there is no column 'weather.tmep' here; did you mean 'weather.temp'?"),
        Bad("flor(n)", 1, 1, "there is no function 'flor'; did you mean 'floor'?"),
        Bad(
            "99999999999999999999",
            1,
            1,
            "99999999999999999999 is too large for int64: write it with a point, as a float64"
        ),
        Bad("1e999", 1, 1, "1e999 is out of float64's range"),
        Bad("n + carrier", 1, 3, "'+' does not take int32 and string; texts are joined by ||"),
        Bad("n + 'abc'", 1, 5, "'abc' is no int32: expected one"),
        Bad(
            "weather.temp % 2",
            1,
            14,
            "'%' does not take float64 and int32; floats have no rest: a - b * floor(a / b)"
        ),
        Bad(
            "label_time + 1",
            1,
            12,
            "'+' does not take timestamp and int32; of times only differences are taken, as in extract(epoch from a - b)"
        ),
        Bad(
            "label_time - weather._event_time",
            1,
            12,
            "a difference of times is no column's type: expected extract(epoch from a - b)"
        ),
        Bad(
            "label_time at time zone 'UTC'",
            1,
            12,
            "a local time is no column's type: expected extract(… from it), or at time zone '…' once more"
        ),
        Bad(
            "label_time at time zone 'EST'",
            1,
            25,
            "there is no time zone 'EST': expected UTC or a name of tzdata with its area, such as 'Europe/Paris'"
        ),
        Bad(
            "label_time > 'yesterday'",
            1,
            14,
            "'yesterday' is no timestamp: expected one, such as '2024-05-01T12:00:00Z'"
        ),
        Bad("n = carrier", 1, 3, "'=' does not compare int32 with string"),
        Bad("pixels = pixels", 1, 8, "values of vector(3) are not compared"),
        Bad("n and late", 1, 1, "and takes a bool, not int32"),
        Bad("case when n then 1 end", 1, 11, "when takes a bool, not int32"),
        Bad("coalesce(n, carrier)", 1, 13, "coalesce needs values of one type: this is string, those before are int32"),
        Bad("floor(carrier)", 1, 1, "expected floor(float64), found floor(string)"),
        Bad("mod(n, 1.5)", 1, 1, "expected mod(int32, int32) or mod(int64, int64), found mod(int32, float64)"),
        Bad("dot(pixels, other)", 1, 13, "expected vectors of one length, found vector(3) and vector(4)"),
        Bad("n[1]", 1, 2, "elements are taken of a vector, not of int32"),
        Bad(
            "extract(second from label_time)",
            1,
            9,
            "expected one of epoch, year, month, day, hour, minute, dow, isodow, doy, week, found 'second'"
        ),
        Bad(
            "extract(year from label_time - label_time)",
            1,
            9,
            "of a difference of times extract takes epoch, day, hour, minute, not year"
        ),
        Bad(
            "date_trunc('fortnight', label_time)",
            1,
            12,
            "expected one of second, minute, hour, day, week, month, quarter, year, found 'fortnight'"
        ),
        Bad("null", 1, 1, "null alone has no type: expected cast(null as …)"),
        Bad("raw::text", 1, 4, "bytes cannot be cast to text"),
        Bad("not n", 1, 5, "not takes a bool, not int32"),
        Bad("-carrier", 1, 1, "'-' takes a number, not string"),
        Bad(
            "raw || raw",
            1,
            5,
            "'||' joins strings, and values that can be cast to text with one, not bytes and bytes"
        ),
    ]

    @Test(arguments: syntax + types)
    func `a bad expression is refused with line, column and what was expected`(_ bad: Bad) throws {
        let error = #expect(throws: ExpressionError.self) { try Expression(bad.text, scope: Sample.flights.scope) }
        #expect(error?.message == bad.message)
        #expect(error?.line == bad.line)
        #expect(error?.column == bad.column)
    }

    @Test func `length, depth and number of parts are bounded`() throws {
        func message(_ text: String) -> String? {
            #expect(throws: ExpressionError.self) { try Expression(text, scope: Sample.flights.scope) }?.message
        }
        #expect(
            message(String(repeating: " ", count: 4_096) + "1") == "the expression has 4097 bytes; 4096 are allowed"
        )
        let deep = "the expression is nested deeper than 64; a long chain of operators is halved by parentheses"
        #expect(message("1" + String(repeating: "+1", count: 64)) == deep)
        #expect(message(String(repeating: "(", count: 200) + "1") == deep)
        #expect(message(String(repeating: "- ", count: 200) + "1") == deep)
        #expect(
            message("n in (" + String(repeating: "1,", count: 600) + "1)") == "the expression has more than 512 parts"
        )
        let most = "n in (" + String(repeating: "1,", count: 509) + "1)"
        #expect(try Sample.flights.value(most) == .bool(false))
        #expect(try Sample.flights.value("1" + String(repeating: "+1", count: 63)) == .int32(64))
        let nested = String(repeating: "(", count: 64) + "1" + String(repeating: ")", count: 64)
        #expect(try Sample.flights.value(nested) == .int32(1))
    }
}
