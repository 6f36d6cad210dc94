import EmbeddedPostgres
import Foundation
import Glibc
import Synchronization

/// A network between a client and a throw-away cluster: a TCP port of 127.0.0.1 whose connections can be cut, or go
/// silent without being closed, at any time or around a COMMIT.
///
/// Each connection has a thread, which forwards what either side sends. All of them end with the proxy.
package final class LoopbackProxy: @unchecked Sendable {
    // Sendable: the listener's descriptor never changes, everything else is behind mutexes.

    /// What becomes of a COMMIT.
    package enum AtCommit: Sendable, CaseIterable {
        /// The connection is cut instead of the COMMIT being delivered.
        case cutBefore
        /// It is delivered and answered; the connection is cut instead of the answer being delivered.
        case cutAfter
        /// It is not delivered, and neither side learns anything.
        case silentBefore
        /// It is delivered, and its answer is not; neither side learns anything.
        case silentAfter
    }

    private struct Trap {
        let marker: [UInt8]
        let fate: AtCommit
    }

    private struct Shared {
        var trap: Trap?
        var isSilent = false
        var isStopped = false
        var trapped = 0
        var questions = 0
    }

    private let shared = Mutex(Shared())
    private let listener: Int32
    private let target: String
    private let database: String
    package let port: Int

    /// - Parameter conninfo: as ``ThrowawayCluster/conninfo(database:)`` gives it; only the database's name counts.
    package init(to cluster: ThrowawayCluster, database conninfo: String) throws {
        target = cluster.folder + "/.s.PGSQL.\(ServerProcess.port)"
        let name = conninfo.split(separator: " ").first { $0.hasPrefix("dbname=") }
        database = name.map(String.init) ?? "dbname=postgres"
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (bound, descriptor) = (size, listener)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, bound) == 0 && listen(descriptor, 64) == 0
                    ? getsockname(descriptor, address, &size) : -1
            }
        }
        guard code == 0 else { throw RespClient.Failure(description: "a proxy cannot listen") }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in accept() }
    }

    /// How to connect to the database through it.
    package var conninfo: String { "host=127.0.0.1 port=\(port) \(database) user=asof" }

    /// The next COMMIT on a connection that has sent `marker`, in that message or before, meets this fate. One does.
    package func trap(_ fate: AtCommit, marker: String) {
        shared.withLock {
            $0.trap = Trap(marker: Array(marker.utf8), fate: fate)
            $0.trapped = 0
        }
    }

    /// Whether a COMMIT has met its fate.
    package var hasTrapped: Bool { shared.withLock { $0.trapped > 0 } }

    /// How often a client began to speak after the server had: messages that wait for an answer, on all connections.
    package var questionCount: Int { shared.withLock { $0.questions } }

    /// Stops to read and to write, on every connection and new ones, without closing any; or goes on.
    package func setSilent(_ isSilent: Bool) { shared.withLock { $0.isSilent = isSilent } }

    package func stop() {
        shared.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    deinit { close(listener) }

    private var isStopped: Bool { shared.withLock { $0.isStopped } }

    private func accept() {
        while !isStopped {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { continue }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            var one: Int32 = 1
            setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            Thread.detachNewThread { [self] in
                if let server = try? RespClient(path: target) {
                    forward(client, server)
                }
                close(client)
            }
        }
    }

    /// - Parameter server: a plain socket; that it is a client of another protocol does not matter.
    private func forward(_ client: Int32, _ server: RespClient) {
        var isMarked = false
        var fate: AtCommit?
        var isMute = false
        var hasServerSpoken = true
        while !isStopped {
            if isMute || shared.withLock({ $0.isSilent }) {
                usleep(10_000)
                continue
            }
            var pollers = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&pollers, 2, 20) > 0 else { continue }
            // Silence that came while it waited holds for what has come, too.
            if shared.withLock({ $0.isSilent }) { continue }
            if pollers[0].revents != 0 {
                guard let bytes = Self.read(client) else { return }
                if hasServerSpoken { shared.withLock { $0.questions += 1 } }
                hasServerSpoken = false
                if fate == nil { fate = trapped(bytes, &isMarked) }
                if fate == .cutBefore { return }
                if fate == .silentBefore {
                    isMute = true
                    continue
                }
                guard Self.write(bytes, to: server.descriptor) else { return }
            }
            if pollers[1].revents != 0 {
                guard let bytes = Self.read(server.descriptor) else { return }
                hasServerSpoken = true
                if fate == .cutAfter { return }
                if fate == .silentAfter {
                    isMute = true
                    continue
                }
                guard Self.write(bytes, to: client) else { return }
            }
        }
    }

    private static let commit = Array("COMMIT\0".utf8)

    private func trapped(_ bytes: [UInt8], _ isMarked: inout Bool) -> AtCommit? {
        guard let trap = shared.withLock({ $0.trap }) else { return nil }
        if !isMarked { isMarked = bytes.firstRange(of: trap.marker) != nil }
        guard isMarked, bytes.suffix(Self.commit.count) == Self.commit[...] else { return nil }
        return shared.withLock { shared in
            guard shared.trap != nil else { return nil }
            shared.trap = nil
            shared.trapped += 1
            return trap.fate
        }
    }

    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
