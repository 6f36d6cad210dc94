import Foundation
import TestSupport
import Testing

/// A page of Markdown as tests need it: its fenced blocks, links and anchors.
struct DocumentPage {
    struct Block {
        /// The word behind the opening fence; empty where there is none.
        let language: String
        let text: String
        /// The line of the opening fence, from 1.
        let line: Int

        /// The block's first line, by which tables of tests name it.
        var title: String { String(text.prefix { $0 != "\n" }) }
    }

    /// From the repository's folder.
    let path: String
    let text: String
    let blocks: [Block]
    /// What stands in `](…)` outside of blocks and code, with its line.
    let links: [(target: String, line: Int)]
    /// What `#…` may name, in GitHub's spelling.
    let anchors: Set<String>

    init(_ path: String) throws {
        self.path = path
        text = try String(contentsOf: Cases.repository.appendingPathComponent(path), encoding: .utf8)
        var (blocks, links, anchors): ([Block], [(String, Int)], Set<String>) = ([], [], [])
        var open: (fence: Substring, language: String, line: Int, lines: [Substring])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let fence = line.prefix { $0 == "`" }
            if let (opening, language, start, lines) = open {
                if fence == opening, line == fence {
                    blocks.append(Block(language: language, text: lines.joined(separator: "\n"), line: start))
                    open = nil
                } else {
                    open?.lines.append(line)
                }
            } else if fence.count >= 3 {
                open = (fence, String(line.dropFirst(fence.count)), index + 1, [])
            } else {
                if line.hasPrefix("#") {
                    let slug = Self.slug(line.drop { $0 == "#" }.dropFirst())
                    // Headings that stand twice are told apart by numbers.
                    anchors.insert(anchors.contains(slug) ? slug + "-1" : slug)
                }
                let plain = line.replacing(/`[^`]*`/, with: "``")
                links += plain.matches(of: /\]\(([^)\s]+)\)/).map { (String($0.1), index + 1) }
            }
        }
        try #require(open == nil, "\(path): a block is not closed")
        (self.blocks, self.links, self.anchors) = (blocks, links, anchors)
    }

    private static func slug(_ heading: some StringProtocol) -> String {
        String(
            heading.lowercased().compactMap { character -> Character? in
                if character == " " { return "-" }
                return character.isLetter || character.isNumber || character == "-" || character == "_"
                    ? character : nil
            }
        )
    }

    /// The pages in a folder of the repository and below, by name.
    static func paths(in folder: String) throws -> [String] {
        let found = FileManager.default.enumerator(atPath: Cases.repository.appendingPathComponent(folder).path)
        return try #require(found).compactMap { $0 as? String }.filter { $0.hasSuffix(".md") }
            .map { folder + "/" + $0 }.sorted()
    }
}
