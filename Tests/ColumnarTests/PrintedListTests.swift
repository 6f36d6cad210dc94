import Columnar
import Features
import PointInTime
import TestSupport
import Testing

@Suite struct PrintedListTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var type: FeatureType
        var text: String
        var value: Value
        var testDescription: String { "\(type.text) \(text)" }

        init(_ type: FeatureType, _ text: String, _ value: Value) {
            self.type = type
            self.text = text
            self.value = value
        }
    }

    private static func column(_ text: String, _ type: FeatureType) throws(ValueTextError) -> Column {
        let bytes = Array(text.utf8)
        return try TextColumn.column(bytes.span, as: type, times: TimeReading())
    }

    static let good: [Case] = [
        Case(.vector(3), "[1,2.5,-3]", .vector([1, 2.5, -3])),
        // PostgreSQL: float4[]; pgvector prints JSON.
        Case(.vector(3), "{1,2.5,-3}", .vector([1, 2.5, -3])),
        Case(.vector(2), "{NaN,-Infinity}", .vector([.nan, -.infinity])),
        // numpy: str() and repr() of arrays.
        Case(.vector(3), "[ 1.   2.5 -3. ]", .vector([1, 2.5, -3])),
        Case(.vector(3), "[1. 2.\n 3.]", .vector([1, 2, 3])),
        Case(.vector(2), "[1.e+00 2.5e-01]", .vector([1, 0.25])),
        Case(.vector(2), "[nan inf]", .vector([.nan, .infinity])),
        Case(.vector(2), "array([1., 2.], dtype=float32)", .vector([1, 2])),
        Case(.vector(2), "array([1., 2.])", .vector([1, 2])),
        // Python: str() of lists and tuples.
        Case(.vector(2), "[1.0, nan]", .vector([1, .nan])),
        Case(.vector(2), "[np.float64(1.5), np.float32(2.0)]", .vector([1.5, 2])),
        Case(.vector(2), "(1, 2)", .vector([1, 2])),
        Case(.vector(1), "(1,)", .vector([1])),
        Case(.vector(2), "[Infinity, -Infinity]", .vector([.infinity, -.infinity])),
        Case(.listInt64, "{1,2}", .listInt64([1, 2])),
        Case(.listInt64, "{}", .listInt64([])),
        Case(.listInt64, "[1 2 3]", .listInt64([1, 2, 3])),
        Case(.listInt64, "[np.int64(9007199254740993)]", .listInt64([9_007_199_254_740_993])),
        Case(.listInt64, "[1.0, 2.0]", .listInt64([1, 2])),
        Case(.listInt64, "[1. 2.]", .listInt64([1, 2])),
        Case(.listInt64, "()", .listInt64([])),
        Case(
            .listString,
            "{a,\"b c\",\"say \\\"hi\\\"\",\"NULL\",\"\"}",
            .listString(["a", "b c", "say \"hi\"", "NULL", ""])
        ),
        Case(.listString, "{ a b , c\\,d }", .listString(["a b", "c,d"])),
        Case(.listString, "['a', \"it's\", 'tab\\there']", .listString(["a", "it's", "tab\there"])),
        Case(.listString, "['a' 'b']", .listString(["a", "b"])),
        Case(.listString, "array(['a', 'b'], dtype='<U1')", .listString(["a", "b"])),
        Case(.listString, "('é', '\\xe9', '\\u20ac', '\\U0001f600', '\\\\')", .listString(["é", "é", "€", "😀", "\\"])),
        Case(.listString, "[np.str_('a')]", .listString(["a"])),
        Case(.listString, "['{', ']', ',']", .listString(["{", "]", ","])),
    ]

    @Test("lists are read as PostgreSQL, numpy and Python print them", arguments: good)
    func reads(good: Case) throws {
        #expect(bits(try Self.column(good.text, good.type).value(0)) == bits(good.value))
    }

    static let bad: [(type: FeatureType, text: String, error: ValueTextError)] = [
        (.vector(2), "{1,NULL}", .nullInList), (.vector(2), "[1.0, None]", .nullInList),
        (.listInt64, "[1 <NA>]", .nullInList),
        (.listString, "{a,null}", .nullInList), (.vector(3), "{1,2}", .dimensions(got: 2)),
        (.vector(9), "[1. 2. ... 8. 9.]", .elided),
        (.vector(2), "[1, 2 3]", .malformed), (.vector(2), "[1 2, 3]", .malformed), (.vector(2), "[1,,2]", .malformed),
        (.vector(2), "{1,,2}", .malformed), (.vector(2), "[[1. 2.]]", .malformed), (.vector(2), "{{1,2}}", .malformed),
        (.vector(2), "[1. 2.", .malformed), (.vector(2), "{1,2", .malformed), (.vector(2), "[1. 2.] x", .malformed),
        (.vector(2), "1 2", .malformed), (.vector(2), "", .malformed), (.vector(2), "[1. x]", .malformed),
        (.vector(2), "array([1., 2.]", .malformed), (.vector(2), "array([1., 2.], x)", .malformed),
        (.vector(2), "[f(1), f(2)]", .malformed), (.listInt64, "[1.5 2.]", .fraction), (.listInt64, "{a}", .malformed),
        (.listString, "[a, b]", .malformed), (.listString, "['a', b]", .malformed), (.listString, "['a]", .malformed),
        (.listString, "['\\q']", .malformed), (.listString, "['\\ud800']", .malformed),
        (.listString, "['\\x+1']", .malformed),
        (.listString, "['\\x00']", .nul), (.listString, "{a\"b}", .malformed), (.listString, "{a\\", .malformed),
        (.listInt64, String(repeating: "np.a(", count: 100_000), .malformed),
        (.listInt64, "[" + String(repeating: "np.a(", count: 100_000), .malformed),
    ]

    @Test("what is no list says why", arguments: bad)
    func refuses(bad: (type: FeatureType, text: String, error: ValueTextError)) {
        #expect(throws: bad.error) { try Self.column(bad.text, bad.type) }
    }

    @Test("no text makes the reader trap, or leaves half a value", arguments: [UInt64.random(in: .min ... .max)])
    func random(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let pieces = [
            "[", "]", "{", "}", "(", ")", ",", " ", "1", "2.", "nan", "'", "\"", "\\", "a", "np.x(", "array(", "...",
            "x4",
            "u00e9", "NULL", "é", "\n", "dtype=",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }
            .joined()
            let bytes = Array(text.utf8)
            for type in [FeatureType.vector(2), .listInt64, .listString] {
                var rows = TextColumnBuilder(type, times: TimeReading())
                let isRead = (try? rows.append(bytes.span)) != nil
                try #require(rows.rowCount == (isRead ? 1 : 0), "\(text)")
                rows.appendNull()
                try #require(rows.finish().rowCount == (isRead ? 2 : 1), "\(text)")
            }
        }
    }
}
