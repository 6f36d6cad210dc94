import CLibPQ
import Dispatch
import Foundation
import Synchronization

/// A connection that libpq makes on a thread of its own, so that whoever wants it can give it up.
///
/// libpq's call blocks, and so does the system's that resolves names, which takes as long as it likes.
final class ConnectAttempt: Sendable {
    private struct Handle: @unchecked Sendable {
        // Sendable: it is handed from the thread that made it to the one that uses it from then on.
        let pointer: OpaquePointer
    }

    private enum State {
        case connecting
        case ended(Handle?)
        /// Whoever wanted it has gone; the thread closes it.
        case givenUp
    }

    private let state = Mutex(State.connecting)
    private let done = DispatchSemaphore(value: 0)

    /// - Parameter settings: libpq's keywords and values, the last of each counts; `dbname` may be a connection string.
    /// - Returns: what libpq made, which may be a connection that failed.
    static func run(
        _ settings: [(String, String)],
        milliseconds: Int,
        _ interruption: Interruption?
    ) throws(PostgresError) -> OpaquePointer {
        let attempt = ConnectAttempt()
        let thread = Thread { attempt.connect(settings) }
        thread.stackSize = 1 << 20
        thread.start()
        return try attempt.result(milliseconds: milliseconds, interruption)
    }

    private func connect(_ settings: [(String, String)]) {
        let made = Connection.withCStrings(settings.map(\.0)) { keywords in
            Connection.withCStrings(settings.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }.map { Handle(pointer: $0) }
        let isWanted = state.withLock { state in
            if case .givenUp = state { return false }
            state = .ended(made)
            return true
        }
        if !isWanted, let made { PQfinish(made.pointer) }
        done.signal()
    }

    private func result(
        milliseconds: Int,
        _ interruption: Interruption?
    ) throws(PostgresError) -> OpaquePointer {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        var isDone = false
        while !isDone, end > .now, interruption?.isInterrupted != true {
            isDone = done.wait(timeout: .now() + .milliseconds(WaitLimits.sliceMs)) == .success
        }
        let made: Handle?? = state.withLock { state in
            if case .ended(let made) = state { return .some(made) }
            state = .givenUp
            return nil
        }
        guard let made else {
            throw PostgresError(
                kind: .connect,
                message: interruption?.isInterrupted == true
                    ? "connecting was given up: the work was cancelled"
                    : """
                    no connection within \(milliseconds / 1_000) s: the host's name may not resolve, or none of its addresses \
                    answers; `connect_timeout` in the connection string bounds each address
                    """
            )
        }
        guard let made else { throw PostgresError(kind: .connect, message: "out of memory") }
        return made.pointer
    }
}
