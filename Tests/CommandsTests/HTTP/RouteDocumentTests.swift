import Foundation
import TestSupport
import Testing

@testable import HTTPServer

/// docs/reference/http.md has the routes of the table. `ASOF_WRITE_DOCS=1` writes them.
@Suite struct RouteDocumentTests {
    @Test func `the page has every route with its summary and parameters`() throws {
        let url = Cases.repository.appendingPathComponent("docs/reference/http.md")
        let page = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(page.range(of: "RouteDocumentTests -->\n")).upperBound
        let end = try #require(page.range(of: "<!-- end of routes -->")).lowerBound
        var table = "| route | | query |\n|---|---|---|\n"
        for route in RouteTable.all {
            let parameters = route.parameters.map { "`\($0.name)`: \($0.summary)" }.joined(separator: "; ")
            table += "| `\(route.verb) \(route.path)` | \(route.summary) | \(parameters) |\n"
        }
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] != nil {
            let written = page.replacingCharacters(in: start..<end, with: table)
            try written.write(to: url, atomically: true, encoding: .utf8)
            return
        }
        #expect(page[start..<end] == table, "ASOF_WRITE_DOCS=1 swift test --filter RouteDocumentTests writes it")
    }
}
