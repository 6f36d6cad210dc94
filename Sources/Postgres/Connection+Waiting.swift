import CLibPQ
import Glibc

/// Until when a connection waits for the next sign of the server.
struct AnswerWait {
    /// How long the server may be silent.
    let silenceMs: Int
    /// By when the whole work is to be done, whatever the server sends.
    let deadline: ContinuousClock.Instant?
    /// Whether the server is asked to give up what takes too long, and gets a moment for that.
    let cancels: Bool
    private let begin: ContinuousClock.Instant
    private var end: ContinuousClock.Instant
    /// Sent when the time was over.
    private(set) var request: CancelRequest?
    private(set) var hasExpired = false
    var watch: ServerWatch

    init(silenceMs: Int, deadline: ContinuousClock.Instant?, cancels: Bool, check: ServerCheck) {
        self.silenceMs = silenceMs
        watch = ServerWatch(check)
        self.deadline = deadline
        self.cancels = cancels
        begin = .now
        end = begin + .milliseconds(silenceMs)
        if let deadline, deadline < end { end = deadline }
    }

    /// The server has sent or taken something.
    mutating func restart() {
        guard !hasExpired else { return }
        watch.restart()
        end = .now + .milliseconds(silenceMs)
        if let deadline, deadline < end { end = deadline }
    }

    var remainingMs: Int {
        let left = ContinuousClock.now.duration(to: end).components
        return left.seconds < 0 || left.attoseconds < 0
            ? 0 : Int(clamping: left.seconds) * 1_000 + Int(left.attoseconds / 1_000_000_000_000_000) + 1
    }

    /// The time is over.
    mutating func expired(_ request: CancelRequest?) {
        hasExpired = true
        self.request = request
        end = .now + .milliseconds(WaitLimits.cancelMs)
    }

    var error: PostgresError {
        PostgresError(kind: .noAnswer, message: "PostgreSQL has not answered for \(seconds) s")
    }

    /// The server does not take connections either.
    var goneError: PostgresError {
        PostgresError(
            kind: .noAnswer,
            message: "PostgreSQL has not answered for \(seconds) s, and answers no new connection"
        )
    }

    private var seconds: Int64 { max(begin.duration(to: .now).components.seconds, 1) }
}

/// How a connection waits: libpq never blocks, `poll` does, and never without an end.
///
/// When the time is over, the server is asked to cancel, and gets ``WaitLimits/cancelMs`` to say so; then the connection
/// is closed.
extension Connection {
    /// For the answer to a statement.
    func patience(cancels: Bool = true) -> AnswerWait {
        patience(silenceMs: isInTransaction ? transactionSilenceMs : WaitLimits.shortMs, cancels: cancels)
    }

    func patience(silenceMs: Int, cancels: Bool = true) -> AnswerWait {
        AnswerWait(
            silenceMs: min(silenceMs, silenceMsMax ?? silenceMs),
            deadline: deadline,
            cancels: cancels,
            check: check
        )
    }

    /// Does `body` with another deadline than the connection's own.
    func within<Result>(
        milliseconds: Int,
        _ body: () throws(PostgresError) -> Result
    ) throws(PostgresError) -> Result {
        let own = deadline
        defer { deadline = own }
        deadline = .now + .milliseconds(milliseconds)
        return try body()
    }

    /// Waits until all that libpq has buffered is in the kernel's hands.
    func flush(_ patience: inout AnswerWait) throws(PostgresError) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may be waiting for us to read what it sends, before it reads.
                let events = try wait(for: Int16(POLLIN | POLLOUT), &patience)
                if events & Int16(POLLIN) != 0 { try consume(&patience) } else { patience.restart() }
            default: throw lostConnection()
            }
        }
    }

    /// Waits until ``PQgetResult`` has something to give without blocking.
    func waitForResult(_ patience: inout AnswerWait) throws(PostgresError) {
        while PQisBusy(handle) == 1 {
            try wait(for: Int16(POLLIN), &patience)
            try consume(&patience)
        }
    }

    /// Takes what has come.
    func consume(_ patience: inout AnswerWait) throws(PostgresError) {
        guard PQconsumeInput(handle) == 1 else { throw lostConnection() }
        patience.restart()
    }

    /// Waits for the socket.
    /// - Returns: poll's events.
    @discardableResult
    func wait(for events: Int16, _ patience: inout AnswerWait) throws(PostgresError) -> Int16 {
        while true {
            if interruption?.isInterrupted == true {
                if patience.cancels { _ = CancelRequest.send(handle) }
                close()
                throw PostgresError(
                    kind: .connectionLost,
                    message: "waiting for PostgreSQL was given up: the work was cancelled"
                )
            }
            let remaining = patience.remainingMs
            guard remaining > 0 else {
                try expire(&patience)
                continue
            }
            var poller = pollfd(fd: PQsocket(handle), events: events, revents: 0)
            let count = poll(&poller, 1, Int32(min(remaining, WaitLimits.sliceMs)))
            if count > 0 { return poller.revents }
            if patience.watch.isGone({ ServerPing(conninfo, handle, timeoutSeconds: $0.timeoutSeconds) }) {
                let error = patience.goneError
                close()
                throw error
            }
            guard count == 0 || errno == EINTR else { throw lostConnection() }
        }
    }

    private func expire(_ patience: inout AnswerWait) throws(PostgresError) {
        let request = patience.hasExpired || !patience.cancels ? nil : CancelRequest.send(handle)
        guard let request else {
            let error = patience.error
            close()
            throw error
        }
        patience.expired(request)
    }

    /// After a statement that ended although its time was over: waits until the cancel request has been taken, so that it
    /// cannot hit another statement.
    func settle(_ patience: AnswerWait) {
        guard let request = patience.request else { return }
        if !request.wait(milliseconds: WaitLimits.cancelMs) { close() }
    }

    /// Gives the connection up; the server notices, and so does everything that uses it from now on.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        shutdown(PQsocket(handle), Int32(SHUT_RDWR))
    }
}
