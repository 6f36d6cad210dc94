import Columnar
import Features
import PointInTime
import Testing

@Suite struct JSONLinesTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var type: FeatureType
        var json: String
        var value: Value
        var testDescription: String { "\(type.text) \(json)" }

        init(_ type: FeatureType, _ json: String, _ value: Value) {
            self.type = type
            self.json = json
            self.value = value
        }
    }

    static let good: [Case] = [
        Case(.bool, "true", .bool(true)),
        Case(.bool, "null", .null),
        Case(.int64, "9007199254740993", .int64(9_007_199_254_740_993)),
        Case(.int64, "-9223372036854775808", .int64(.min)),
        Case(.int32, "-1", .int32(-1)),
        Case(.float64, "1", .float64(1)),
        Case(.float64, "1.5E+2", .float64(150)),
        Case(.float64, "123456789012345678901234567890", .float64(1.2345678901234568e29)),
        Case(.float64, "\"inf\"", .float64(.infinity)),
        Case(.float64, "Infinity", .float64(.infinity)),
        Case(.float64, "-Infinity", .float64(-.infinity)),
        Case(.float64, "\"1.5\"", .float64(1.5)),
        Case(.int64, "5.0", .int64(5)),
        Case(.int64, "1e3", .int64(1_000)),
        Case(.int64, "\"9007199254740993\"", .int64(9_007_199_254_740_993)),
        Case(.int32, "\"-7\"", .int32(-7)),
        Case(.vector(2), "\"[1,2]\"", .vector([1, 2])),
        Case(.vector(2), #"["1.5", Infinity]"#, .vector([1.5, .infinity])),
        Case(.listInt64, #"["9007199254740993", 1.0]"#, .listInt64([9_007_199_254_740_993, 1])),
        Case(.float32, "\"-Infinity\"", .float32(-.infinity)),
        Case(.string, "\"\"", .string("")),
        Case(.string, #""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#, .string("a\"\\/\u{8}\u{C}\n\r\té😀é")),
        Case(.bytes, #""\\x00ff""#, .bytes([0, 255])),
        Case(.timestamp, #""1970-01-01T00:00:01Z""#, .timestamp(Timestamp(microseconds: 1_000_000))),
        Case(.timestamp, "1", .timestamp(Timestamp(microseconds: 1_000_000))),
        Case(.vector(2), #"[ 1 , "inf" ]"#, .vector([1, .infinity])),
        Case(.listInt64, "[]", .listInt64([])),
        Case(.listInt64, "[9007199254740993]", .listInt64([9_007_199_254_740_993])),
        Case(.listString, #"["a\n",""]"#, .listString(["a\n", ""])),
    ]

    @Test("a JSON value becomes a feature value", arguments: good, [1, 100_000])
    func reads(good: Case, chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions(timeUnit: .s, isExtraIgnored: true)
        options.allowsEarly1970 = true
        options.chunkBytes = chunkBytes
        let path = try scratch.file(
            "a.jsonl",
            text: "\n {\"x\": {\"y\": [1, {}]}, \"v\" : \(good.json)}\r\n\n{\"\\u0076\":\(good.json),\"x\":1}"
        )
        let rows = try readAll(path, .jsonLines, [ColumnRequest(sourceName: "v", type: good.type)], options)
        #expect(rows == [[good.value], [good.value]])
    }

    static let bad: [(type: FeatureType, line: String, message: String)] = [
        (.int64, #"{"v":5.5}"#, ", column 'v': expected int64, got '5.5': it has a fraction"),
        (.int64, #"{"v":"x5"}"#, ", column 'v': expected int64, got 'x5': it has another form"),
        (.bool, #"{"v":"true"}"#, ", column 'v': expected bool, got 'true': it is a JSON string"),
        (.float64, #"{"v":1e400}"#, ", column 'v': expected float64, got '1e400': it is out of range"),
        (.bool, #"{"v":1}"#, ", column 'v': expected bool, got '1': it is a JSON number"),
        (.string, #"{"v":1}"#, ", column 'v': expected string, got '1': it is a JSON number"),
        (.string, #"{"v":{"a":1}}"#, ", column 'v': expected string, got '{\"a\":1}': it is a JSON object"),
        (
            .string, #"{"v":"\u0000"}"#,
            ", column 'v': expected string, got '\\u0000': it contains U+0000, which PostgreSQL cannot store in text"
        ),
        (.vector(2), #"{"v":[1]}"#, ", column 'v': expected vector(2), got '[1]': it has 1 elements"),
        (.listInt64, #"{"v":[1,null]}"#, ", column 'v': expected list(int64), got '[1,null]': it has a null element"),
        (
            .int64, #"{"w":1,"v":1}"#,
            ", column 'w': nobody asked for this key (--ignore-extra skips such keys); did you mean 'v'?"
        ),
        (.int64, #"{}"#, ", column 'v': the key is absent; write null, or say --missing null"),
        (.int64, #"{"v":1,"v":1}"#, ", column 'v': the object has this key twice"),
        (.int64, #"{"v":01}"#, ", column 'v': malformed JSON: a number starts with 0"),
        (.int64, #"{"v":+1}"#, ", column 'v': malformed JSON: expected a value, got '+'"),
        (.int64, #"{"v":NaN}"#, ", column 'v': expected int64, got 'NaN': it has another form"),
        (.string, #"{"v":NaN}"#, ", column 'v': expected string, got 'NaN': it is a JSON number"),
        (.int64, #"{"v":NaM}"#, ", column 'v': malformed JSON: expected a value, got 'N'"),
        (.int64, #"{"v":-Inf}"#, ", column 'v': malformed JSON: expected a value, got 'I'"),
        (.int64, #"{"v":1"#, ": malformed JSON: it is cut off"),
        (.int64, #"{"v":1,}"#, ": malformed JSON: expected a key in quotes, got '}'"),
        (.int64, #"{'v':1}"#, ": malformed JSON: expected a key in quotes, got '''"),
        (.int64, #"{"v":1} x"#, ": text follows the JSON object; write one object a line"),
        (.int64, #"[1]"#, ": each line is to be a JSON object, got a JSON array"),
        (.string, "{\"v\":\"a\tb\"}", ", column 'v': malformed JSON: a control character inside a string"),
        (.string, #"{"v":"\ud83d"}"#, ", column 'v': malformed JSON: half of a surrogate pair in a string"),
        (.string, #"{"v":"\x"}"#, ", column 'v': malformed JSON: an unknown escape in a string"),
    ]

    @Test("a bad line is refused by row, line and column", arguments: bad, [1, 100_000])
    func refuses(bad: (type: FeatureType, line: String, message: String), chunkBytes: Int) throws {
        let scratch = try Scratch()
        var options = InputOptions()
        options.chunkBytes = chunkBytes
        let path = try scratch.file("a.jsonl", text: "{\"v\":null}\n\n\(bad.line)\n")
        let text = message {
            _ = try readAll(path, .jsonLines, [ColumnRequest(sourceName: "v", type: bad.type)], options)
        }
        #expect(text == "\(path): row 2 (line 3)\(bad.message)")
    }

    @Test("text that is not UTF-8 is refused")
    func notUTF8() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.jsonl", Array("{\"v\":\"".utf8) + [0xC3, 0x28] + Array("\"}\n".utf8))
        let text = message { _ = try TableReader(path: path, format: .jsonLines) }
        #expect(
            text?.hasPrefix(
                "\(path): row 1 (line 1): it is not valid UTF-8: the byte at offset 6 of the line, 0xC3; convert it"
            ) == true
        )
    }

    @Test("an absent key is null where the request says so")
    func absentIsNull() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.jsonl", text: "{}\n{\"v\":1}\n")
        let request = ColumnRequest(sourceName: "v", type: .int64, absentIsNull: true)
        #expect(try readAll(path, .jsonLines, [request]) == [[.null], [.int64(1)]])
    }

    @Test("deep nesting is refused, not a stack overflow")
    func depth() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.jsonl", text: "{\"v\":" + String(repeating: "[", count: 100_000))
        let text = message { _ = try TableReader(path: path, format: .jsonLines) }
        #expect(text == "\(path): row 1 (line 1): values nested more than 100 deep")
    }
}
