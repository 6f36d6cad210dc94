/// A path as `include` names one, relative to a folder: `*` and `?` match within one name, `?` one Unicode scalar.
///
/// A name that starts with a dot is matched only where the pattern says the dot, as in a shell.
struct PathPattern {
    struct Part {
        var text: String
        var hasWildcards: Bool
    }

    let text: String
    /// Whether it starts at the root of the file system.
    let isAbsolute: Bool
    /// Without empty ones and `.`; at least one.
    let parts: [Part]

    /// - Throws: why the pattern is refused, as the end of a sentence that starts with it.
    init(_ text: String) throws(Refusal) {
        self.text = text
        isAbsolute = text.hasPrefix("/")
        parts = text.split(separator: "/").filter { $0 != "." }.map {
            Part(text: String($0), hasWildcards: $0.contains { $0 == "*" || $0 == "?" })
        }
        if parts.isEmpty { throw Refusal(reason: "names no file") }
        if text.hasSuffix("/") { throw Refusal(reason: "names a folder; expected files, as in \(text)*.yaml") }
        if parts.contains(where: { $0.text.contains("**") }) {
            throw Refusal(reason: "has '**'; * matches within one folder: write a pattern for each level")
        }
        if let other = text.first(where: { "[]{}\\".contains($0) }) {
            throw Refusal(reason: "has '\(other)'; only * and ? stand for something")
        }
    }

    struct Refusal: Error {
        let reason: String
    }

    var hasWildcards: Bool { parts.contains(where: \.hasWildcards) }
}

extension PathPattern.Part {
    /// - Complexity: O(name × pattern).
    func matches(_ name: String) -> Bool {
        guard hasWildcards else { return name == text }
        let (pattern, scalars) = (Array(text.unicodeScalars), Array(name.unicodeScalars))
        if scalars.first == ".", pattern.first != "." { return false }
        var (at, read) = (0, 0)
        /// The last star, and how far what it matches reaches: where the rest fails it takes one more.
        var star: (at: Int, end: Int)?
        while read < scalars.count {
            if at < pattern.count, pattern[at] == "*" {
                star = (at, read)
                at += 1
            } else if at < pattern.count, pattern[at] == "?" || pattern[at] == scalars[read] {
                at += 1
                read += 1
            } else if let last = star {
                star = (last.at, last.end + 1)
                at = last.at + 1
                read = last.end + 1
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == "*" }
    }
}
