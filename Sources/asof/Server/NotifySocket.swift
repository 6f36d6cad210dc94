import Glibc

/// The socket to which a service tells its manager how it is: sd_notify(3), one datagram a message.
struct NotifySocket: Sendable {
    /// A path, or `@name` in the abstract namespace.
    let name: String

    /// - Returns: `nil` where it is no name that a datagram can be sent to.
    init?(_ name: String) {
        guard name.hasPrefix("/") || name.hasPrefix("@"), (2...Self.bytesMax).contains(name.utf8.count) else {
            return nil
        }
        self.name = name
    }

    /// What the address of a socket has room for, the zero at its end not counted.
    private static let bytesMax = 107

    /// Sends the lines of one message; never waits.
    /// - Returns: why it was not taken; 0 = it was.
    func send(_ lines: [String]) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: name.utf8)
            if name.hasPrefix("@") { room[0] = 0 }
        }
        // An abstract name has no end of its own: its length is the address's.
        let length = MemoryLayout<sa_family_t>.size + name.utf8.count + (name.hasPrefix("@") ? 0 : 1)
        let message = Array(lines.joined(separator: "\n").utf8)
        let sent = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(
                    descriptor,
                    message,
                    message.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT),
                    $0,
                    socklen_t(length)
                )
            }
        }
        return sent == message.count ? 0 : errno
    }
}
