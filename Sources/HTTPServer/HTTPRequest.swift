import NIOCore
import NIOHTTP1

/// A request whose head has come, with its body once that has.
struct HTTPRequest {
    let method: HTTPMethod
    /// Without the query, as it was sent.
    let path: String
    /// In order, decoded.
    let query: [(name: String, value: String)]
    let headers: HTTPHeaders
    let isKeepAlive: Bool
    /// Not compressed.
    var body = ByteBuffer()

    /// - Returns: `nil` where the target is no path, or its escapes are none.
    init?(_ head: HTTPRequestHead) {
        guard head.uri.hasPrefix("/") else { return nil }
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = Self.decoded(parts[0], plusIsBlank: false) else { return nil }
        self.path = path
        var query: [(String, String)] = []
        if parts.count > 1 {
            for pair in parts[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Self.decoded(sides[0], plusIsBlank: true),
                    let value = Self.decoded(sides.count > 1 ? sides[1] : "", plusIsBlank: true)
                else { return nil }
                query.append((name, value))
            }
        }
        self.query = query
        method = head.method
        headers = head.headers
        isKeepAlive = head.isKeepAlive
    }

    /// The value of a query's parameter; empty where it stands alone, as in `?writes`.
    subscript(parameter: String) -> String? { query.last { $0.name == parameter }?.value }

    /// Whether a flag is given and not switched off.
    func isSet(_ flag: String) -> Bool { self[flag].map { !["0", "false", "no"].contains($0.lowercased()) } ?? false }

    private static func decoded(_ text: Substring, plusIsBlank: Bool) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plusIsBlank {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
