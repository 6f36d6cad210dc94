import Glibc
import TestSupport
import Testing

@testable import Features

@Suite struct PathPatternTests {
    @Test(arguments: [
        ("*.yaml", "a.yaml", true), ("*.yaml", ".a.yaml", false), (".*", ".a", true), ("?", ".", false),
        ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-b-b", false), ("*", "", true), ("?", "é", true), ("x*", "y", false),
    ])
    func `* is any text, ? one letter, and a dot at the beginning is said`(
        pattern: String,
        name: String,
        matches: Bool
    ) throws {
        #expect(try PathPattern(pattern).parts[0].matches(name) == matches)
    }

    /// `fnmatch` of libc is the twin; FNM_PERIOD asks for the dot.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `names match as libc's fnmatch has it`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let letters = ["a", "b", ".", "*", "?"]
            let pattern = (0...random.int(0...7)).map { _ in random.pick(letters) }.joined()
                .replacing("**", with: "*").replacing("**", with: "*")
            guard pattern != ".", !pattern.contains("**") else { continue }
            let name = (0...random.int(0...7)).map { _ in random.pick(["a", "b", "."]) }.joined()
            let expected = fnmatch(pattern, name, FNM_PERIOD) == 0
            #expect(
                try PathPattern(pattern).parts[0].matches(name) == expected,
                "seed \(seed): \(pattern) against \(name)"
            )
        }
    }

    @Test func `many stars take time in proportion to name and pattern, not to all ways to place them`() throws {
        let pattern = try PathPattern(String(repeating: "a*", count: 40) + "b")
        #expect(pattern.parts[0].matches(String(repeating: "a", count: 255)) == false)
    }
}
