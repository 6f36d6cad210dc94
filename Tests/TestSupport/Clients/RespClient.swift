import Glibc

/// A blocking client of the server over a real socket; every wait is bounded.
package final class RespClient {
    package struct Failure: Error {
        package let description: String
    }

    package let descriptor: Int32
    private var parser = ReplyParser()
    /// The server has closed its side, or reset the connection.
    package private(set) var isClosed = false

    /// Connects to 127.0.0.1.
    /// - Parameter host: from 127.0.0.`host`, another address of this machine for whoever counts by addresses.
    package init(port: Int, from host: UInt32 = 1) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        if host != 1 {
            address.sin_addr.s_addr = UInt32(0x7F00_0000 + host).bigEndian
            let bound = withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard bound == 0 else { throw Self.failure("connecting from 127.0.0.\(host)") }
        }
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw Self.failure("connecting to port \(port)") }
        setTimeouts(seconds: 120)
    }

    /// Connects to a unix socket.
    package init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes.prefix($0.count - 1)) }
        let code = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw Self.failure("connecting to \(path)") }
        setTimeouts(seconds: 120)
    }

    private static func failure(_ what: String) -> Failure {
        Failure(description: "\(what): \(String(cString: strerror(errno)))")
    }

    package func setTimeouts(seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// - Returns: `false` where the server has closed the connection.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// An array of bulk strings.
    package static func request(_ arguments: [String]) -> [UInt8] {
        var bytes = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            bytes += Array("$\(argument.utf8.count)\r\n".utf8) + Array(argument.utf8) + Array("\r\n".utf8)
        }
        return bytes
    }

    /// Sends a request and waits for its reply.
    @discardableResult
    package func run(_ arguments: String...) throws -> Reply {
        guard send(Self.request(arguments)) else { throw Self.failure("sending \(arguments)") }
        return try reply()
    }

    /// The next reply.
    package func reply() throws -> Reply {
        while true {
            if let reply = try parser.next() { return reply }
            guard try receive() else { throw Failure(description: "closed; there was: \(parser.rest)") }
        }
    }

    /// The next bytes, as a text with a character for each.
    package func raw(_ count: Int) throws -> String {
        while parser.rest.count < count {
            guard try receive() else { throw Failure(description: "closed; there was: \(parser.rest)") }
        }
        return latin1(parser.take(count))
    }

    /// Everything up to the end.
    package func untilClosed() throws -> [UInt8] {
        while try receive() {}
        return parser.rest
    }

    /// - Returns: `false` where the server has closed.
    private func receive() throws -> Bool {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count > 0 {
                parser.append(room[..<count])
                return true
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { throw Failure(description: "no answer in time") }
            isClosed = true
            return false
        }
    }

    /// The client sends nothing more.
    package func closeOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes so that the server gets a reset.
    package func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close()
    }

    private var isOpen = true

    package func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    deinit { close() }
}
