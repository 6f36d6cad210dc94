import Features
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        "a", "Z", "user_stats", "clicks_7d", "a_", "no", "null", "select", "x1_2_3", String(repeating: "a", count: 48),
    ])
    func `letters, digits and single underscores make a name`(name: String) {
        #expect(Name.refusal(of: name) == nil)
    }

    @Test(arguments: [
        ("", "is empty"), ("_a", "start with a letter"), ("1a", "start with a letter"), ("-a", "start with a letter"),
        ("été", "start with a letter"), ("a-b", "character other than"), ("a b", "character other than"),
        ("a.b", "character other than"), ("a\u{E9}", "character other than"), ("a\n", "character other than"),
        ("a@", "character other than"), ("a[", "character other than"), ("a`", "character other than"),
        ("a{", "character other than"), ("a/", "character other than"), ("a:", "character other than"),
        ("a__b", "contains '__'"), ("a___b", "contains '__'"), ("ctid", "system column"), ("xmin", "system column"),
        (String(repeating: "a", count: 49), "has 49 characters; 48 are allowed"),
    ])
    func `other names are refused with the reason`(name: String, reason: String) throws {
        let refusal = try #require(Name.refusal(of: name))
        #expect(refusal.contains(reason), "\(refusal)")
    }

    @Test(arguments: [
        ("clickz", ["clicks", "ctr"], "; did you mean 'clicks'?"), ("CTR", ["clicks", "ctr"], "; did you mean 'ctr'?"),
        ("user_stat", ["user_stats", "weather"], "; did you mean 'user_stats'?"),
        ("q", ["weather", "ab"], "; known: ab, weather"), ("whatever", [], ""), ("ab", ["cd"], "; known: cd"),
    ])
    func `a hint names the nearest name, else the known ones`(name: String, known: [String], hint: String) {
        #expect(Name.hint(for: name, among: known) == hint)
    }

    @Test func `names that are longer or shorter by as much as a slip allows are near`() {
        let known = ["abcd", "abcde", "abcdef", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghij"]
        #expect(Name.nearest(to: "abcdefg", among: known) == ["abcdefg", "abcdef", "abcdefgh"])
        #expect(Name.nearest(to: "abcdefg", among: ["abcd", "abcde"]) == ["abcde"])
        #expect(Name.nearest(to: "abcdefg", among: ["abcdefghi", "abcdefghij"]) == ["abcdefghi"])
    }

    @Test func `a hint lists twenty names at most and gives up on a text that is no slip`() {
        let known = (10..<40).map { "view\($0)" }
        let list = (10..<30).map { "view\($0)" }.joined(separator: ", ")
        #expect(Name.hint(for: "zzzzzzz", among: known) == "; known: \(list), …")
        // Within a third of its length, and yet no slip of the hand.
        let long = String(repeating: "a", count: 97)
        #expect(Name.nearest(to: long, among: [String(repeating: "a", count: 90)]) == [])
        #expect(Name.nearest(to: String(long.dropLast()), among: [String(repeating: "a", count: 90)]).count == 1)
    }
}
