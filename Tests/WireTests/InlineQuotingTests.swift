import TestSupport
import Testing
import Wire

/// The published cases of inline lines.
@Suite struct InlineQuotingTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var line: String
        var args: [String]?
        var error: String?
        var testDescription: String { line.debugDescription }
    }

    static let cases = Cases.read("resp_inline_quoting", Case.self, name: \.line)

    @Test(
        "inline lines are split as the published cases say, wherever they are cut",
        arguments: cases
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
