import Columnar
import Features
import PointInTime
import TestSupport
import Testing
import Wire

@Suite struct LineRowsTests {
    private static let types: [FeatureType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(2), .listInt64, .listString,
    ]

    private static func view(_ name: String, _ type: FeatureType, keys: [KeyColumn] = []) -> ViewDefinition {
        ViewDefinition(
            name: name,
            entities: keys.map(\.name),
            keys: keys,
            features: [FeatureDefinition(name: "x", type: type)]
        )
    }

    /// The rows that a text gives, or its first error.
    private static func rows(
        _ text: String,
        _ views: [ViewDefinition],
        _ precision: TimeUnit = .ns
    ) throws(LineProtocolError) -> [LineViewRows] {
        let bytes = Array(text.utf8)
        var rows = LineRows(views: views, precision: precision, allowsEarly1970: true)
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var (position, offset) = (0, 0)
        while try decoder.next(bytes.span, from: &position, isEnd: true, into: &point) {
            try rows.append(point, bytes.span, offset: offset, now: 77)
            offset += 1
        }
        return rows.take()
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var type: FeatureType
        var text: String
        /// `nil` = refused.
        var value: Value?
        var testDescription: String { "\(type.text) \(text)" }

        init(_ type: FeatureType, _ text: String, _ value: Value?) {
            self.type = type
            self.text = text
            self.value = value
        }
    }

    static let cases: [Case] = [
        Case(.bool, "t", .bool(true)), Case(.bool, "1i", nil), Case(.bool, "\"true\"", nil),
        Case(.int32, "-5i", .int32(-5)), Case(.int32, "5u", .int32(5)), Case(.int32, "2147483648i", nil),
        Case(.int32, "5", nil), Case(.int64, "5.0", nil), Case(.int64, "9223372036854775807u", .int64(.max)),
        Case(.int64, "9223372036854775808u", nil), Case(.float64, "0.1", .float64(0.1)),
        Case(.float64, "9007199254740992i", .float64(9_007_199_254_740_992)),
        Case(.float64, "9007199254740993i", nil), Case(.float64, "18446744073709551615u", nil),
        Case(.float32, "16777216i", .float32(16_777_216)), Case(.float32, "16777217i", nil),
        Case(.float32, "1e39", nil), Case(.float32, "0.1", .float32(0.1)),
        // Halfway between two floats as a double, above it as a text: rounded once it goes up.
        Case(.float32, "1.00000005960464477540", .float32(1.000_000_1)),
        Case(.string, "\"a\\\"b\\\\ \\n\"", .string("a\"b\\ \\n")), Case(.string, "1", nil),
        Case(.string, "\"a\0b\"", nil), Case(.bytes, "\"\\x00ff\"", .bytes([0, 255])), Case(.bytes, "\"00ff\"", nil),
        Case(.timestamp, "\"1970-01-01T00:00:01Z\"", .timestamp(Timestamp(microseconds: 1_000_000))),
        Case(.timestamp, "1i", nil), Case(.timestamp, "\"1\"", nil),
        Case(.vector(2), "\"[1,-0.5]\"", .vector([1, -0.5])), Case(.vector(2), "\"[1]\"", nil),
        Case(.listInt64, "\"[]\"", .listInt64([])), Case(.listString, #""[\"a\"]""#, .listString(["a"])),
    ]

    @Test("a field's value becomes the feature's type, or is refused by line, column, value and type", arguments: cases)
    func values(item: Case) throws {
        let text = "# first\nv x=\(item.text) 1000\n"
        guard let value = item.value else {
            let error = #expect(throws: LineProtocolError.self) { try Self.rows(text, [Self.view("v", item.type)]) }
            #expect(error?.line == 2 && error?.column == 5)
            #expect(error?.reason.hasPrefix("field 'x': expected \(item.type.text), got ") == true)
            return
        }
        let rows = try Self.rows(text, [Self.view("v", item.type)])
        #expect(rows.count == 1)
        #expect(rows[0].features[0].value(0) == value)
        #expect(rows[0].keys[0].value(0) == .int64(0))
        #expect(rows[0].eventTimes.value(0) == .timestamp(Timestamp(microseconds: 1)))
    }

    private static let keys = [KeyColumn(name: "k", type: .int64), KeyColumn(name: "s", type: .string)]

    @Test("points of several views come apart with their places; a refused point leaves nothing behind")
    func views() throws {
        let views = [Self.view("a", .int64, keys: Self.keys), Self.view("b", .string), Self.view("c", .bool)]
        let text = "b,x=tag\\ value y=1i\na,s=\\,,k=007 x=1i,x=2i 5\nb x=\"q\"\n"
        let bytes = Array(text.utf8)
        var rows = LineRows(views: views, precision: .s, allowsEarly1970: true)
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var position = 0
        let reason = "view 'b' has no field 'y'; did you mean 'x'?"
        #expect(throws: LineProtocolError(line: 1, column: 16, reason: reason, kind: .feature)) {
            _ = try decoder.next(bytes.span, from: &position, isEnd: true, into: &point)
            try rows.append(point, bytes.span, offset: 0, now: 77)
        }
        for offset in 1...2 {
            #expect(try decoder.next(bytes.span, from: &position, isEnd: true, into: &point))
            try rows.append(point, bytes.span, offset: offset, now: 77)
        }
        let taken = rows.take()
        #expect(taken.map(\.view) == [0, 1])
        #expect(taken.map(\.offsets) == [[1], [2]])
        #expect(taken[0].keys.map { $0.value(0) } == [.int64(7), .string(",")])
        #expect(taken[0].features[0].value(0) == .int64(2))
        #expect(taken[0].eventTimes.value(0) == .timestamp(Timestamp(microseconds: 5_000_000)))
        #expect(taken[1].eventTimes.value(0) == .timestamp(Timestamp(microseconds: 77)))
        #expect(rows.take().isEmpty)
    }

    @Test func `a view that takes nothing any more is told as what it is, and other names are not`() throws {
        let views = [Self.view("stats", .int64, keys: Self.keys)]
        for (name, hint) in [("gone", "; it is retired"), ("stat", "; did you mean 'stats'?")] {
            let bytes = Array("\(name),s=a,k=7 x=1i 5\n".utf8)
            var rows = LineRows(views: views, precision: .s, absent: ["gone": "; it is retired"])
            var decoder = LineProtocolDecoder()
            var point = DecodedLine()
            var position = 0
            let reason = "there is no view '\(name)'\(hint)"
            #expect(throws: LineProtocolError(line: 1, column: 1, reason: reason, kind: .view)) {
                _ = try decoder.next(bytes.span, from: &position, isEnd: true, into: &point)
                try rows.append(point, bytes.span, offset: 0, now: 77)
            }
        }
    }

    static let refused: [(text: String, column: Int, reason: String)] = [
        ("stat,k=1,s=a x=1i", 1, "there is no view 'stat'; did you mean 'stats'?"),
        ("stats,k=1 x=1i", 6, "the entity key 's' of view 'stats' is missing; it is a tag"),
        ("stats,k=1,s=a,z=1 x=1i", 15, "view 'stats' has no tag 'z'; did you mean 'k'?"),
        ("stats,k=1,s=a k=1i", 15, "view 'stats' has no field 'k'; it is an entity key, which is a tag"),
        ("stats,k=1,s=a y=1i", 15, "view 'stats' has no field 'y'; did you mean 'x'?"),
        ("stats,k=b,s=a x=\"c\"", 9, "tag 'k': expected int64, got 'b': it has another form"),
        ("stats,k=1,s=a,x=d x=\"c\"", 19, "the feature is there as a tag, too"),
        (
            "stats,k=1,s=a x=\"c\" 9223372036854775807", 1,
            "the time 9223372036854775807 s: it lies outside the years 1 to 9999"
        ),
        ("rates,k=1,s=a y=1", 1, "the feature 'x' is missing; view 'rates' does not allow null for it"),
    ]

    @Test("what a point lacks or has too much is named with what is known", arguments: refused)
    func refuses(item: (text: String, column: Int, reason: String)) {
        var rates = Self.view("rates", .float64, keys: Self.keys)
        rates.features.append(FeatureDefinition(name: "y", type: .float64))
        let views = [Self.view("stats", .string, keys: Self.keys), rates]
        let error = #expect(throws: LineProtocolError.self) { try Self.rows(item.text, views, .s) }
        #expect(error?.line == 1)
        #expect(error?.column == item.column)
        #expect(error?.reason == item.reason)
    }

    @Test("a missing feature is null where the view allows it")
    func missing() throws {
        var view = Self.view("v", .float64)
        view.features += Self.types.enumerated().map { FeatureDefinition(name: "f\($0)", type: $1) }
        view.missing = .null
        let rows = try Self.rows("v x=1\n", [view])
        #expect(rows[0].features.map { $0.value(0) } == [.float64(1)] + Self.types.map { _ in .null })
    }

    @Test("fields in any order and tags that name features find their columns")
    func anyOrder() throws {
        let count = 1_600
        var view = Self.view("v", .int64, keys: Self.keys)
        view.features = (0..<count).map { FeatureDefinition(name: "f\($0)", type: .int64) }
        var random = SeededRandom(seed: 7)
        for _ in 0..<3 {
            let order = (0..<count).shuffled(using: &random)
            let fields = order.map { "f\($0)=\($0)i" }.joined(separator: ",")
            let rows = try Self.rows("v,s=a,k=1 \(fields) 5\nv,k=2,s=b \(fields) 6\n", [view], .s)
            let part = try #require(rows.first)
            #expect(
                part.features.enumerated().allSatisfy { $1.value(0) == .int64(Int64($0)) && $1.value(1) == $1.value(0) }
            )
        }
    }

    @Test("points of 10,000 views find theirs, and of equal names the first counts")
    func manyViews() throws {
        let views = (0..<10_000).map { Self.view("v\($0)", .int64) } + [Self.view("v7", .string)]
        let text = (0..<30_000).map { "v\($0 &* 7_919 % 10_000) x=\($0)i\n" }.joined()
        let rows = try Self.rows(text, views)
        #expect(rows.map(\.view) == Array(0..<10_000))
        #expect(rows.allSatisfy { $0.offsets.count == 3 })
    }

    @Test("only the first hundred unknown names are compared with all that there are")
    func hints() {
        let views = [Self.view("stats", .int64)]
        let bytes = Array(String(repeating: "stat x=1i\n", count: 300).utf8)
        var rows = LineRows(views: views, precision: .ns, allowsEarly1970: true)
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var position = 0
        var reasons: [String] = []
        while (try? decoder.next(bytes.span, from: &position, isEnd: true, into: &point)) == true {
            do throws(LineProtocolError) {
                try rows.append(point, bytes.span, offset: 0, now: 77)
            } catch {
                reasons.append(error.reason)
            }
        }
        let known = Array(repeating: "there is no view 'stat'; did you mean 'stats'?", count: 100)
        #expect(reasons == known + Array(repeating: "there is no view 'stat'", count: 200))
    }

    @Test("names of many views are compared a few thousand times at most, and of more views than that never")
    func hintComparisons() throws {
        func reasons(views count: Int) -> [String] {
            var rows = LineRows(
                views: (0..<count).map { Self.view("v\(1_000 + $0)", .int64) },
                precision: .ns,
                allowsEarly1970: true
            )
            let bytes = Array(String(repeating: "w1000 x=1i\n", count: 5).utf8)
            var decoder = LineProtocolDecoder()
            var point = DecodedLine()
            var position = 0
            var reasons: [String] = []
            while (try? decoder.next(bytes.span, from: &position, isEnd: true, into: &point)) == true {
                do throws(LineProtocolError) {
                    try rows.append(point, bytes.span, offset: 0, now: 77)
                } catch {
                    reasons.append(error.reason)
                }
            }
            return reasons
        }
        let (plain, hint) = ("there is no view 'w1000'", "; did you mean 'v1000'?")
        #expect(reasons(views: 900) == [plain + hint, plain + hint, plain, plain, plain])
        #expect(reasons(views: 2_001) == [plain, plain, plain, plain, plain])
    }

    @Test("a long name is cut where a message shows it")
    func longName() {
        let name = String(repeating: "n", count: 1 << 20)
        for text in ["\(name) x=1i", "v,\(name)=1 x=1i", "v \(name)=1i"] {
            let error = #expect(throws: LineProtocolError.self) { try Self.rows(text, [Self.view("v", .int64)]) }
            #expect((error?.reason.utf8.count ?? .max) < 300)
        }
    }

    @Test("rows of nulls count as the bytes that they take, until they are taken")
    func nullBytes() throws {
        var view = Self.view("v", .float64)
        view.features += (0..<100).map { FeatureDefinition(name: "e\($0)", type: .vector(1_000)) }
        view.missing = .null
        let bytes = Array("v x=1\n".utf8)
        var rows = LineRows(views: [view], precision: .ns, allowsEarly1970: true)
        for offset in 0..<3 {
            var decoder = LineProtocolDecoder()
            var point = DecodedLine()
            var position = 0
            #expect(try decoder.next(bytes.span, from: &position, isEnd: true, into: &point))
            try rows.append(point, bytes.span, offset: offset, now: 77)
        }
        #expect(rows.byteCount >= 3 * 100 * 4_000)
        #expect(rows.take().map(\.offsets.count) == [3])
        #expect(rows.byteCount == 0)
    }
}
