import Expressions
import Features
import PointInTime
import TestSupport
import Testing

@Suite struct ExpressionTests {
    private let sample = Sample.flights

    @Test(
        arguments: [
            ("1 + 2 * 3", .int32(7)), ("(1 + 2) * 3", .int32(9)), ("-7 / 2", .int32(-3)), ("-7 % 2", .int32(-1)),
            ("m + n", .int64(3_000_000_007)), ("n / 2.0", .float64(3.5)), ("2147483648", .int64(2_147_483_648)),
            ("-2147483648", .int32(.min)), ("-9223372036854775808", .int64(.min)),
            ("\"weather\".temp - 0.5", .float64(20)), ("weather.wind_dir * 2", .float64(90)),
            ("weather.wind_dir + weather.wind_dir", .float32(90)), ("radians(180)", .float64(.pi)),
            ("round(2.5) + round(3.5)", .float64(6)), ("2.5::int4 + cast(3.5 as INTEGER)", .int32(6)),
            ("n::text || '-' || carrier", .string("7-UA")), ("1e20::text", .string("1e+20")),
            ("0.1::float4::text", .string("0.1")), ("1e23::text", .string("9.999999999999999e+22")),
            ("(1e10::float4 * 3::float4)::text", .string("3.0000001e+10")), ("(-0.0)::text", .string("-0")),
            ("1e-5::text", .string("1e-05")), ("123456.7::float8::text", .string("123456.7")),
            ("label_time::text", .string("2013-07-01 12:34:56.5+00")),
            ("upper(left(lower(carrier), 1))", .string("U")), ("strpos('añb', 'b')", .int32(3)),
            ("substr('añb', 2, 1)", .string("ñ")), ("right('añb', -1)", .string("ñb")), ("length(' ñ ')", .int32(3)),
            ("trim('  a ')", .string("a")), ("length(raw)", .int32(2)),
            ("pixels[2]", .float32(2)), ("pixels[4]", .null), ("dot(pixels, pixels)", .float64(14)),
            ("norm(pixels)", .float64(14.0.squareRoot())), ("cosine(pixels, pixels)", .float64(1)),
            ("n between 7 and 8 and carrier in ('AA', 'UA')", .bool(true)), ("n not between 7 and 8", .bool(false)),
            ("case when n > 9 then 'a' when n > 6 then 'b' else 'c' end", .string("b")),
            ("case carrier when 'AA' then 1 when 'UA' then 2 end", .int32(2)),
            ("coalesce(null, nullif(n, 7), 4)", .int32(4)), ("greatest(n, m, null)", .int64(3_000_000_000)),
            ("least('b', 'a')", .string("a")), ("late is not true", .bool(false)), ("not late is null", .bool(true)),
            ("extract(hour from label_time)", .float64(12)),
            ("extract(hour from label_time at time zone 'America/New_York')", .float64(8)),
            ("extract(hour from weather._event_time at time zone 'America/New_York')", .float64(23)),
            ("extract(epoch from label_time - weather._event_time)", .float64(15_669_296.5)),
            ("extract(day from label_time - weather._event_time)", .float64(181)),
            ("extract('week' from label_time)", .float64(27)), ("label_time > '2013-06-30'", .bool(true)),
            ("date_trunc('month', label_time)", Sample.time("2013-07-01T00:00:00Z")),
            (
                "date_trunc('day', label_time at time zone 'America/New_York') at time zone 'America/New_York'",
                Sample.time("2013-07-01T04:00:00Z")
            ),
        ] as [(String, Value)]
    )
    func `an expression gives what PostgreSQL gives`(_ text: String, _ expected: Value) throws {
        #expect(try sample.value(text).identity == expected.identity)
    }

    @Test(
        arguments: [
            ("1 / (n - 7)", 1), ("coalesce(1 / (n - 7), 5)", 1), ("case when n = 7 then 0 else 1 / (n - 7) end", 0),
            ("n = 7 or 1 / (n - 7) > 0", 0), ("n <> 7 and 1 / (n - 7) > 0", 0), ("1 / (n - 7) > 0 or n = 7", 1),
            ("1 / (n - 7) is null", 1), ("n in (7, 1 / (n - 7))", 0), ("n in (1 / (n - 7), 7)", 1),
            ("ln(n)", 1), ("carrier::int4", 1), ("n + 2147483647", 1), ("1e300 * n * 1e300", 2),
            ("cosine(pixels, pixels)", 1), ("sqrt(-m)", 1), ("nullif(n, 1 / (n - 7))", 1),
            ("greatest(n, 1 / (n - 7))", 1),
            ("case 1 / (n - 7) when 5 then 1 else 2 end", 1), ("coalesce(n, 1 / (n - 7))", 0),
        ]
    )
    func `what PostgreSQL raises an error for is null and counted, where it is reached`(
        _ text: String,
        _ errors: Int
    ) throws {
        let result = try sample.evaluate(text)
        #expect(result.errors == errors)
        #expect(result.values.count { $0 == .null } >= errors)
    }

    @Test(
        arguments: [
            ("N+1 -- no", "n + 1"), ("n+1", "n + 1"), ("  ( ( n ) )", "n"), ("(1+2)*3", "(1 + 2) * 3"),
            ("1+(2*3)", "1 + 2 * 3"), ("n::INT8", "cast(n as int8)"),
            ("CASE WHEN late THEN 1 END", "case when late then 1 end"),
            ("n != 1 AND NOT (late OR late)", "n <> 1 and not (late or late)"), ("- - n", "- -n"),
            ("\"weather\".\"temp\"+1E2", "weather.temp + 1e2"), ("n NOT IN(1,2)", "n not in (1, 2)"),
            ("Extract('HOUR' from label_time)", "extract(hour from label_time)"),
            ("a - (b - c)", "a - (b - c)"), ("(a - b) - c", "a - b - c"), ("'it''s'", "'it''s'"),
        ]
    )
    func `texts that mean the same have one spelling`(_ text: String, _ expected: String) throws {
        var sample = sample
        for name in ["a", "b", "c"] { sample.add(name, .int32, [.int32(1), .int32(2)]) }
        guard !text.contains("--") else {
            #expect(throws: ExpressionError.self) { try Expression(text, scope: sample.scope) }
            return
        }
        let expression = try Expression(text, scope: sample.scope)
        #expect(expression.normalized == expected)
        #expect(try Expression(expression.normalized, scope: sample.scope).normalized == expected)
    }

    @Test func `inputs are the columns that are read, each asked for once`() throws {
        let expression = try Expression("case when n > 1 then m + n else m end", scope: sample.scope)
        #expect(expression.inputs.map { sample.entries[$0].name } == ["n", "m"])
        var asked: [Int] = []
        _ = expression.evaluate(
            { place in
                asked.append(place)
                return sample.columns[place]
            },
            rowCount: sample.rowCount
        )
        #expect(asked.sorted() == expression.inputs)
    }

    @Test func `an expression without columns has as many rows as asked for, none among them`() throws {
        let expression = try Expression("1 + 1", scope: ExpressionScope([]))
        for rows in [0, 1, 3] {
            let column = expression.evaluate({ _ in preconditionFailure() }, rowCount: rows).column
            #expect((0..<rows).map { column.value($0) } == [Value](repeating: .int32(2), count: rows))
            #expect(column.rowCount == rows)
        }
        let failing = try Expression("1 / 0", scope: ExpressionScope([])).evaluate(
            { _ in preconditionFailure() },
            rowCount: 3
        )
        #expect(failing.errorCount == 3)
        #expect(failing.column.nullCount == 3)
    }

    @Test func `a null has a slot of zero or an empty text, whatever was computed there`() throws {
        let texts = [
            "m + 1 / (n - 7)", "(n + 1) / (n - 7)", "weather.temp * 2 + 1", "carrier || 'x'", "nullif(n, 7)",
            "coalesce(carrier, null)",
            "nullif(late, true)",
        ]
        for text in texts {
            let column = try Expression(text, scope: sample.scope).evaluate({ sample.columns[$0] }, rowCount: 2).column
            for row in 0..<2 where column.isNull(row) {
                switch column.values {
                case .bool(let values): #expect(values[row] == false)
                case .int32(let values): #expect(values[row] == 0)
                case .int64(let values): #expect(values[row] == 0)
                case .float64(let values): #expect(values[row] == 0)
                case .text(let values): #expect(values[row].isEmpty)
                default: Issue.record("another type: \(column.type.text)")
                }
            }
            #expect(column.nullCount >= 1)
        }
    }

    @Test func `how rows are cut into batches changes nothing`() throws {
        var random = SeededRandom(seed: 11)
        var sample = Sample(rowCount: 300)
        let types: KeyValuePairs<String, FeatureType> = [
            "f": .float64, "g": .float64, "i": .int32, "s": .string, "x": .timestamp, "b": .bool, "v": .vector(2),
            "w": .vector(2),
        ]
        for (name, type) in types { sample.add(name, type, (0..<300).map { _ in random.value(type) }) }
        let texts = [
            "case when b then f / i else g end", "coalesce(s || i, lower(s))",
            "cosine(v, w) > dot(v, v) or v[i % 3] is null",
            "extract(week from x at time zone 'Europe/Dublin')", "case when b then v when i > 0 then w end",
            "s in ('a', '') and not b",
        ]
        for text in texts {
            let expression = try Expression(text, scope: sample.scope)
            let whole = expression.evaluate({ sample.columns[$0] }, rowCount: 300)
            var (pieces, errors): ([[UInt8]], Int) = ([], 0)
            for start in stride(from: 0, to: 300, by: 7) {
                let rows = start..<min(start + 7, 300)
                let piece = expression.evaluate({ sample.columns[$0].slice(rows) }, rowCount: rows.count)
                pieces += piece.column.boxed.map(\.identity)
                errors += piece.errorCount
            }
            #expect(pieces == whole.column.boxed.map(\.identity), "\(text)")
            #expect(errors == whole.errorCount)
        }
    }

    @Test func `versions of libm and tzdata are told`() {
        #expect(ExpressionVersion.libm.wholeMatch(of: /glibc [0-9.]+ [0-9a-f]{16}/) != nil)
        #expect(ExpressionVersion.tzdata.wholeMatch(of: /20[0-9]{2}[a-z]/) != nil)
    }
}
