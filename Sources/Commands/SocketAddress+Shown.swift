package import NIOCore

extension SocketAddress {
    /// `127.0.0.1:6567`, `[::1]:6567`, or a socket's path: as INFO, CLIENT LIST and `AccessControl` have it.
    package var shown: String {
        if let host = ipAddress, let port { return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
        return pathname ?? ""
    }
}
