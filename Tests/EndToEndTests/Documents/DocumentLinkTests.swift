import Foundation
import TestSupport
import Testing

/// README.md and docs are one whole: what they name is there, and all of it is found from the index.
@Suite struct DocumentLinkTests {
    private static let pages: [String] = {
        let others = [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "python/README.md", "packaging/helm/asof/README.md",
            "examples/flights/README.md",
        ]
        return others + ((try? DocumentPage.paths(in: "docs")) ?? [])
    }()

    /// Where a relative link of a page leads, from the repository's folder.
    private static func resolved(_ target: String, from page: String) -> (path: String, anchor: String?) {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let base = URL(fileURLWithPath: "/" + page).deletingLastPathComponent()
        let path = parts[0].isEmpty ? "/" + page : base.appendingPathComponent(parts[0]).standardizedFileURL.path
        return (String(path.dropFirst()), parts.count > 1 ? parts[1] : nil)
    }

    @Test func `every relative link leads to a file that is there, and to a heading that it has`() throws {
        try #require(Self.pages.count > 100)
        for path in Self.pages {
            let page = try DocumentPage(path)
            for (target, line) in page.links where !target.contains("://") && !target.hasPrefix("mailto:") {
                let (file, anchor) = Self.resolved(target, from: path)
                let isThere = FileManager.default.fileExists(atPath: Cases.repository.appendingPathComponent(file).path)
                #expect(isThere, "\(path):\(line): '\(target)' leads to \(file), which is not there")
                guard isThere, let anchor, file.hasSuffix(".md") else { continue }
                #expect(try DocumentPage(file).anchors.contains(anchor), "\(path):\(line): \(file) has no '#\(anchor)'")
            }
        }
    }

    @Test func `the index leads to every page but single decisions and records of lanes`() throws {
        let index = try DocumentPage("docs/index.md")
        let linked = Set(index.links.map { Self.resolved($0.target, from: index.path).path })
        for path in try DocumentPage.paths(in: "docs") where path != index.path {
            let folder = ["docs/decisions", "docs/verified"].first { path.hasPrefix($0 + "/") }
            #expect(linked.contains(folder ?? path), "docs/index.md does not lead to \(folder ?? path)")
        }
    }

    @Test func `README.md has 200 lines at most`() throws {
        let lines = try DocumentPage("README.md").text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count - 1 <= 200)
    }

    /// Pages that a test makes up.
    private static let invented: Set<String> = ["docs/verified/good.md"]

    @Test(arguments: ["Sources", "Tests", "scripts", "packaging", "python", "bench", "examples", "migrations"])
    func `pages that code names are there`(_ folder: String) throws {
        let base = Cases.repository.appendingPathComponent(folder)
        let walk = try #require(
            FileManager.default.enumerator(at: base, includingPropertiesForKeys: [.isRegularFileKey])
        )
        var fileCount = 0
        for case let url as URL in walk {
            // Build products and caches of Python are not ours, and cases quote the pages of others.
            if [".build", "__pycache__", "build", ".venv", "Cases"].contains(url.lastPathComponent) {
                walk.skipDescendants()
            }
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true,
                let text = try? String(contentsOf: url, encoding: .utf8)
            else { continue }
            fileCount += 1
            // What stands behind another word is the path of an address, or of another project.
            for match in text.matches(of: /(?:^|[^\w\/.-])(docs\/[a-z0-9\/-]+\.md)\b/) {
                let page = String(match.1)
                guard !Self.invented.contains(page) else { continue }
                let isThere = FileManager.default.fileExists(atPath: Cases.repository.appendingPathComponent(page).path)
                #expect(isThere, "\(url.path) names \(page)")
            }
        }
        #expect(fileCount > 0)
    }
}
