import Features
import Testing

/// Entities as text: `shop=a,region=b`.
@Suite struct EntityTextTests {
    private static let shop = [KeyColumn(name: "shop", type: .string)]
    private static let both = shop + [KeyColumn(name: "region", type: .string)]

    @Test(
        arguments: [
            ("a,b", ["a,b"]), ("c=d", ["c=d"]), (#"shop=a\,b"#, ["a,b"]), ("shop=c=d", ["c=d"]),
            (#"shop=c\=d"#, ["c=d"]),
            (#"shop=a\,b,region=x\ y"#, ["a,b", "x y"]), (#"shop=a\,shop=b"#, ["a,shop=b"]),
        ]
    )
    func `commas and equals signs of values`(_ text: String, _ expected: [String]) throws {
        let keys = expected.count == 1 ? Self.shop : Self.both
        #expect(try EntityText.parse(text, keys: keys) == expected.map { .string($0) })
        let spelled = EntityText.text(expected.map { .string($0) }, keys: keys)
        #expect(try EntityText.parse(spelled, keys: keys) == expected.map { .string($0) })
    }

    @Test(arguments: ["shop=a,b", "shop=a,b=c", "region=x,shop=a,b"])
    func `a comma that may belong to a value is told how to be spelled`(_ text: String) {
        let error = #expect(throws: EntityTextError.self) {
            try EntityText.parse(text, keys: text.contains("region") ? Self.both : Self.shop)
        }
        let hint = #"; a comma within a value is spelled \, as in key=a\,b"#
        #expect(error?.description.hasSuffix(hint) == true, "\(String(describing: error))")
        let withFields = #expect(throws: EntityTextError.self) {
            try EntityText.parse(text, keys: Self.shop, fields: ["at"])
        }
        #expect(withFields?.description.hasSuffix(hint) == true, "\(String(describing: withFields))")
    }

    @Test func `without a comma nothing is said of commas`() {
        let error = #expect(throws: EntityTextError.self) { try EntityText.parse("a", keys: Self.both) }
        #expect(error?.description == "'a' is no entity; expected shop=…,region=…")
    }
}
