/// Why bytes are no request; the connection ends with it.
package enum RequestFault: Error, Hashable, Sendable {
    /// A line without its end within the limit, or with a NUL, at which Redis too stops looking for the end.
    case bigInline
    case bigCount
    case bigBulkHeader
    case count
    /// Also a bulk that CRLF does not follow, and one that would make the request too large.
    case bulk
    case unauthenticatedCount
    case unauthenticatedBulk
    /// A byte other than `$` where an argument starts.
    case expectedBulk(got: UInt8)
    case unbalancedQuotes

    /// What the client is told, with the code, in Redis's words.
    package var message: String {
        let reason =
            switch self {
            case .bigInline: "too big inline request"
            case .bigCount: "too big mbulk count string"
            case .bigBulkHeader: "too big bulk count string"
            case .count: "invalid multibulk length"
            case .bulk: "invalid bulk length"
            case .unauthenticatedCount: "unauthenticated multibulk length"
            case .unauthenticatedBulk: "unauthenticated bulk length"
            case .expectedBulk(let got): "expected '$', got '\(Self.shown(got))'"
            case .unbalancedQuotes: "unbalanced quotes in request"
            }
        return "ERR Protocol error: " + reason
    }

    private static func shown(_ byte: UInt8) -> String {
        if byte >= 0x20, byte < 0x7F { return String(UnicodeScalar(byte)) }
        let digits = String(byte, radix: 16)
        return "\\x" + (byte < 0x10 ? "0" : "") + digits
    }
}
