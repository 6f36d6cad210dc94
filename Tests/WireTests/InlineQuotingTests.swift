import Foundation
import Testing
import Wire

/// The published cases of inline lines, where they are at hand.
@Suite struct InlineQuotingTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var line: String
        var args: [String]?
        var error: String?
        var testDescription: String { line.debugDescription }
    }

    private struct File: Decodable { var cases: [Case] }

    /// `nil` where the cases are not at hand.
    static let cases: [Case]? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder =
            ProcessInfo.processInfo.environment["ASOF_CASES"] ?? root.appendingPathComponent("../shared/cases").path
        guard let data = FileManager.default.contents(atPath: folder + "/resp_inline_quoting.json") else { return nil }
        return try? JSONDecoder().decode(File.self, from: data).cases
    }()

    @Test(
        "inline lines are split as the published cases say, wherever they are cut",
        .enabled(if: cases != nil, "the conformance cases are not at hand; ASOF_CASES names their folder"),
        arguments: cases ?? []
    )
    func splits(item: Case) {
        let sent = bytes(latin1: item.line)
        var expected = DecodedRequests()
        if let args = item.args, !args.isEmpty { expected.requests = [args] }
        if item.error != nil { expected.fault = .unbalancedQuotes }
        #expect(DecodedRequests.of(sent) == expected)
        #expect(DecodedRequests.of(sent, cuts: Array(0..<sent.count)) == expected)
        for cut in sent.indices { #expect(DecodedRequests.of(sent, cuts: [cut]) == expected, "cut at \(cut)") }
    }
}
