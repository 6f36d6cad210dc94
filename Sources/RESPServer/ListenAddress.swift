/// Where a server listens.
package enum ListenAddress: Hashable, Sendable {
    /// Port 0 = any free one.
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// - Parameter text: `HOST:PORT`, `[IPV6]:PORT`, `PORT`, or `unix:PATH`.
    /// - Returns: `nil` where it is none of them.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = text.dropFirst(5)
            // What a socket's address has room for.
            guard !path.isEmpty, path.utf8.count <= 107 else { return nil }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            guard let port = Self.port(text[...]) else { return nil }
            self = .tcp(host: "127.0.0.1", port: port)
            return
        }
        var host = text[..<colon]
        guard let port = Self.port(text[text.index(after: colon)...]) else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self = .tcp(host: host.isEmpty ? "127.0.0.1" : String(host), port: port)
    }

    private static func port(_ text: Substring) -> Int? {
        guard let port = UInt16(text), text.allSatisfy(\.isNumber) else { return nil }
        return Int(port)
    }

    package var text: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only this machine reaches it.
    package var isLocal: Bool {
        switch self {
        case .unix: return true
        case .tcp(let host, _):
            if host == "localhost" || host == "::1" { return true }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        }
    }
}
