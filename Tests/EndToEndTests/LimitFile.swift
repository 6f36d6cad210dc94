import Foundation
import TestSupport
import Testing

/// A module's file of bounds, `…Limits.swift`, as docs/reference/limits.md needs it.
struct LimitFile {
    struct Limit {
        let name: String
        /// What stands behind the `=`.
        let expression: String
        /// The first sentence of its comment, without its full stop.
        let sentence: String
        /// Whether that is the comment of the bound right before it.
        let isShared: Bool
    }

    struct Section {
        let title: String
        var limits: [Limit] = []
    }

    /// The section of what nobody meets.
    static let inside = "Inside"

    let module: String
    /// From the repository's folder on.
    let path: String
    let type: String
    private(set) var sections: [Section] = []

    /// All of them: files of that name, but types of values.
    static func all() throws -> [LimitFile] {
        let sources = Cases.repository.appendingPathComponent("Sources").path
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources).sorted()
            .filter { $0.hasSuffix("Limits.swift") }.compactMap { try LimitFile("Sources/" + $0) }
        try #require(files.count > 5)
        return files
    }

    private init?(_ path: String) throws {
        let url = Cases.repository.appendingPathComponent(path)
        let text = try String(contentsOf: url, encoding: .utf8)
        // A type of values, as `RequestLimits`, is no module's file of bounds.
        let name = url.deletingPathExtension().lastPathComponent
        guard text.contains("    // MARK: ") || text.contains("enum \(name)") else { return nil }
        try #require(
            text.contains("    // MARK: "),
            "\(path) has no section, so that docs/reference/limits.md would lack it"
        )
        self.path = path
        module = String(path.split(separator: "/")[1])
        type = url.deletingPathExtension().lastPathComponent
        try #require(text.contains(try Regex("(enum|struct) \(type)\\b")), "\(path) has no type of its name")

        let isBound = #/    (?:package |private )?(?:static let|static var|var) (\w+)(?:: \w+)? = (.+)/#
        var (comment, last) = ([Substring](), "")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("    // MARK: ") {
                sections.append(Section(title: String(line.dropFirst("    // MARK: ".count))))
            } else if line.hasPrefix("    ///") {
                comment.append(line.dropFirst("    ///".count))
                continue
            } else if let bound = line.wholeMatch(of: isBound), !sections.isEmpty {
                let sentence = comment.isEmpty ? last : Self.firstSentence(of: comment)
                sections[sections.count - 1].limits.append(
                    Limit(
                        name: String(bound.1),
                        expression: String(bound.2),
                        sentence: sentence,
                        isShared: comment.isEmpty
                    )
                )
                last = sentence
                comment = []
                continue
            }
            // A comment of anything else is none of the next bound's.
            (comment, last) = ([], "")
        }
    }

    private static func firstSentence(of lines: [Substring]) -> String {
        let paragraph = lines.prefix { !$0.allSatisfy(\.isWhitespace) }
            .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
        if let end = paragraph.firstRange(of: /\. (?=[A-Z])/) { return String(paragraph[..<end.lowerBound]) }
        return paragraph.hasSuffix(".") ? String(paragraph.dropLast()) : paragraph
    }

    /// `Type.name` → value, of all bounds that users meet, and of those inside that are numbers.
    static func values(of files: [LimitFile]) throws -> [String: Int] {
        var expressions: [String: (type: String, text: String)] = [:]
        for file in files {
            for limit in file.sections.flatMap(\.limits) {
                expressions["\(file.type).\(limit.name)"] = (file.type, limit.expression)
            }
        }
        var values: [String: Int] = [:]
        func value(_ name: String) throws -> Int? {
            if let known = values[name] { return known }
            guard let expression = expressions[name] else { return nil }
            values[name] = try LimitExpression.value(of: expression.text, in: expression.type, named: value)
            return values[name]
        }
        for file in files {
            for section in file.sections where section.title != inside {
                for limit in section.limits { _ = try value("\(file.type).\(limit.name)") }
            }
        }
        return values
    }
}
