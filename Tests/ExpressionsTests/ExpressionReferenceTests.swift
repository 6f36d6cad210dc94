import Expressions
import Foundation
import TestSupport
import Testing

/// docs/reference/expressions.md has the tables by which expressions are typed.
@Suite struct ExpressionReferenceTests {
    private let page = Cases.repository.appendingPathComponent("docs/reference/expressions.md")
    private let begin = "<!-- From here on made by ASOF_WRITE_DOCS=1 swift test --filter ExpressionReferenceTests -->\n"
    private let end = "<!-- Until here -->"

    @Test func `the reference has the operators and functions that there are`() throws {
        let text = try String(contentsOf: page, encoding: .utf8)
        let start = try #require(text.range(of: begin))
        let stop = try #require(text.range(of: end))
        let tables = "\n" + ExpressionReference.markdown + "\n"
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] == "1" {
            let written = text[..<start.upperBound] + tables + text[stop.lowerBound...]
            try Data(written.utf8).write(to: page)
        }
        let found = try String(contentsOf: page, encoding: .utf8)
        #expect(
            found.contains(begin + tables + end),
            "run: ASOF_WRITE_DOCS=1 swift test --filter ExpressionReferenceTests"
        )
    }

    @Test func `every row has a cell for each of its table's columns`() {
        for table in ExpressionReference.tables {
            for row in table.rows { #expect(row.count == table.columns.count, "\(table.title): \(row)") }
        }
    }
}
