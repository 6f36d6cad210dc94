import CLibPQ
import Foundation
import Synchronization

/// When a server that is silent while a statement runs is asked, by a new connection, whether it is there at all.
///
/// A statement that works for an hour and a server that hangs look alike on its connection: TCP tells of a network that is
/// gone, not of a process that is stopped or of a proxy that waits, and a unix socket of neither.
package struct ServerCheck: Sendable {
    /// After so long a silence.
    package var afterMs: Int
    /// From one answer, or its absence, to the next question.
    package var everyMs: Int
    /// How long it may take to answer; at least 2.
    package var timeoutSeconds: Int
    /// After so many questions in a row without an answer the connection is given up: one may go under in a moment of load.
    package var failuresMax: Int

    package init(afterMs: Int = 60_000, everyMs: Int = 30_000, timeoutSeconds: Int = 10, failuresMax: Int = 3) {
        self.afterMs = afterMs
        self.everyMs = everyMs
        self.timeoutSeconds = timeoutSeconds
        self.failuresMax = failuresMax
    }
}

/// A question to the server, on its way on a thread of its own.
final class ServerPing: Sendable {
    private let isThere: Mutex<Bool?>

    /// `nil` = that is not known yet.
    var answer: Bool? { isThere.withLock { $0 } }

    /// One whose answer is known.
    init(answer: Bool?) { isThere = Mutex(answer) }

    /// - Parameters:
    ///   - conninfo: of the connection.
    ///   - handle: the connection, whose address is asked of all those that `conninfo` may name.
    init(_ conninfo: String, _ handle: OpaquePointer, timeoutSeconds: Int) {
        isThere = Mutex(nil)
        var settings = [("dbname", conninfo), ("connect_timeout", String(timeoutSeconds))]
        for (name, value) in [("host", PQhost(handle)), ("hostaddr", PQhostaddr(handle)), ("port", PQport(handle))] {
            if let value, value.pointee != 0 { settings.append((name, String(cString: value))) }
        }
        let thread = Thread { [self, settings] in
            let status = Connection.withCStrings(settings.map(\.0)) { keywords in
                Connection.withCStrings(settings.map(\.1)) { values in PQpingParams(keywords, values, 1) }
            }
            // One that refuses is there; one that could not be asked may be.
            isThere.withLock { $0 = status != PQPING_NO_RESPONSE }
        }
        thread.stackSize = 1 << 20
        thread.start()
    }
}

/// What is known of a server while one of its answers is waited for.
struct ServerWatch {
    private let check: ServerCheck
    private var nextAt: ContinuousClock.Instant
    private var failures = 0
    private var ping: ServerPing?

    init(_ check: ServerCheck) {
        self.check = check
        nextAt = .now + .milliseconds(check.afterMs)
    }

    /// The server has sent or taken something.
    mutating func restart() { self = ServerWatch(check) }

    /// Asks where it is time for that.
    /// - Returns: whether the server is to be taken for gone.
    mutating func isGone(_ ask: (ServerCheck) -> ServerPing) -> Bool {
        if let ping {
            guard let isThere = ping.answer else { return false }
            self.ping = nil
            failures = isThere ? 0 : failures + 1
            nextAt = .now + .milliseconds(check.everyMs)
        } else if nextAt <= .now {
            ping = ask(check)
        }
        return failures >= check.failuresMax
    }
}
