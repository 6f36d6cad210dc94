import Foundation
import Glibc
import RESPServer
import Wire
import Workflows

/// A blocking connection to a server of `asof serve`, for one command's use.
final class ServerClient {
    /// How long an answer may take.
    private static let timeoutSeconds = 30

    private let address: ListenAddress
    private let descriptor: Int32
    private var decoder = ReplyDecoder()

    /// - Throws: where nobody listens there, with how to start a server.
    init(_ address: ListenAddress) throws {
        self.address = address
        switch address {
        case .unix(let path): descriptor = try Self.connect(path: path, address)
        case .tcp(let host, let port): descriptor = try Self.connect(host: host, port: port, address)
        }
        var timeout = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    /// Speaks RESP3 from here on.
    func greet(user: String, password: [UInt8]?) throws {
        var words = [Array("HELLO".utf8), Array("3".utf8)]
        if let password { words += [Array("AUTH".utf8), Array(user.utf8), password] }
        do {
            _ = try ask(words)
        } catch let error as ServerRefusal {
            switch error.code {
            case "NOAUTH":
                throw WorkflowError.refused("the server at \(address.text) wants a password: give --password-file FILE")
            case "WRONGPASS":
                throw WorkflowError.refused(
                    "the server at \(address.text) does not take the password of --password-file"
                )
            default: throw error
            }
        }
    }

    func ask(_ words: [String]) throws -> Reply { try ask(words.map { Array($0.utf8) }) }

    /// - Throws: ``ServerRefusal`` for an error reply.
    func ask(_ words: [[UInt8]]) throws -> Reply {
        var request = Array("*\(words.count)\r\n".utf8)
        for word in words { request += Array("$\(word.count)\r\n".utf8) + word + Array("\r\n".utf8) }
        try send(request)
        while true {
            do {
                while let reply = try decoder.next() {
                    if case .push = reply { continue }
                    if case .error(let message) = reply { throw ServerRefusal(message: message) }
                    return reply
                }
            } catch let fault as ReplyFault {
                throw WorkflowError.refused("\(address.text) does not answer as an Asof server does: \(fault)")
            }
            try receive()
        }
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if count < 0, errno != EINTR {
                throw lost()
            }
        }
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count > 0 { return decoder.append(buffer[..<count]) }
        if count < 0, errno == EINTR { return }
        throw count == 0 ? WorkflowError.refused("the server at \(address.text) closed the connection") : lost()
    }

    private func lost() -> WorkflowError {
        if errno == EAGAIN || errno == EWOULDBLOCK {
            return WorkflowError.refused("the server at \(address.text) did not answer within \(Self.timeoutSeconds) s")
        }
        return WorkflowError.refused("the connection to \(address.text) was lost: \(String(cString: strerror(errno)))")
    }

    // MARK: Connecting

    private static func connect(path: String, _ address: ListenAddress) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { room in
            // Room for 107 bytes and the zero, which is what addresses are checked for.
            room.copyBytes(from: path.utf8.prefix(room.count - 1))
        }
        let result = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let error = errno
            close(descriptor)
            throw nobody(address, String(cString: strerror(error)))
        }
        return descriptor
    }

    private static func connect(host: String, port: Int, _ address: ListenAddress) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &found)
        guard result == 0 else { throw nobody(address, String(cString: gai_strerror(result))) }
        defer { freeaddrinfo(found) }
        var error = ECONNREFUSED
        var next = found
        while let info = next {
            let descriptor = socket(info.pointee.ai_family, info.pointee.ai_socktype, info.pointee.ai_protocol)
            if Glibc.connect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 { return descriptor }
            error = errno
            close(descriptor)
            next = info.pointee.ai_next
        }
        throw nobody(address, String(cString: strerror(error)))
    }

    private static func nobody(_ address: ListenAddress, _ reason: String) -> WorkflowError {
        WorkflowError.refused(
            "no server answers at \(address.text) (\(reason)). Start one with `asof serve`, or name another with --server HOST:PORT"
        )
    }
}

/// An error reply.
struct ServerRefusal: Error, CustomStringConvertible {
    /// As the server sent it, its code first.
    let message: String

    var code: Substring { message.prefix { $0 != " " } }
    var description: String { "the server refused: \(message)" }
}
