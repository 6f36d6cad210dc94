import CLibPQ

/// One connection to PostgreSQL, used by one thread at a time; every call blocks until the server has answered, or until
/// it has been silent for too long: then the error is of kind `noAnswer`, and the connection mostly gone.
///
/// A statement's bound is its transaction's (``TransactionOptions/silenceMs``); outside of one ``WaitLimits/shortMs``.
/// Results come in binary. Nothing here depends on session state that a transaction-pooling proxy would lose: no named
/// prepared statements, no `SET` outside a transaction.
package final class Connection {
    let handle: OpaquePointer
    let interruption: Interruption?
    /// What it was made with.
    let conninfo: String
    let check: ServerCheck
    /// From the environment: the longest silence of all.
    let silenceMsMax: Int?
    var isClosed = false
    /// Bounds the statements of the transaction that is open.
    var transactionSilenceMs = WaitLimits.shortMs
    /// Whether the COPY to the client that is under way has given something.
    var hasCopyBegun = false
    /// By when everything that this connection does is to be done, whatever the server sends meanwhile; whoever gives it
    /// work sets it. `nil` = each wait's own bound alone.
    package var deadline: ContinuousClock.Instant?

    /// Connects.
    ///
    /// libpq's own blocking way, on a thread beside: only it goes on to the server's next address when one does not answer in
    /// time, and nothing else ends it.
    /// - Parameters:
    ///   - conninfo: a libpq connection string or URI; what it leaves out comes from libpq's environment.
    ///   - connectTimeoutSeconds: for each of the server's addresses, unless `conninfo` says it; at least 2.
    ///   - connectMs: for all of it, whatever `conninfo` says.
    ///   - interruption: ends this connection's waits from another thread, connecting among them.
    ///   - check: when a server that is silent is asked whether it is there.
    /// - Throws: ``PostgresError`` of kind `connect` with libpq's reason.
    package init(
        _ conninfo: String,
        connectTimeoutSeconds: Int = 10,
        connectMs: Int = WaitLimits.connectMs,
        interruption: Interruption? = nil,
        check: ServerCheck = ServerCheck()
    ) throws(PostgresError) {
        self.interruption = interruption
        self.conninfo = conninfo
        self.check = check
        silenceMsMax = try WaitLimits.environment.get()
        if interruption?.isInterrupted == true {
            throw PostgresError(kind: .connect, message: "the work was cancelled")
        }
        try ConnectionString.check(conninfo)
        let password = try PasswordCommand.password()
        let settings: [(String, String)] =
            (password.map { [("password", $0)] } ?? []) + [
                ("fallback_application_name", "asof"), ("connect_timeout", String(connectTimeoutSeconds)),
                ("keepalives", "1"), ("keepalives_idle", "30"), ("keepalives_interval", "10"),
                ("keepalives_count", "3"),
                ("tcp_user_timeout", String(WaitLimits.tcpUserTimeoutMs)),
                // What the caller says overrides what stands before it, but not the encoding, in which all our text is.
                ("dbname", conninfo), ("client_encoding", "UTF8"),
            ]
        handle = try ConnectAttempt.run(settings, milliseconds: connectMs, interruption)
        guard PQstatus(handle) == CONNECTION_OK else {
            let message = Self.trimmed(PQerrorMessage(handle))
            PasswordCommand.forget()
            throw .connect(message, asksCommand: password != nil)
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        // From here on libpq gives back what would block, and `poll` waits.
        PQsetnonblocking(handle, 1)
    }

    deinit { PQfinish(handle) }

    /// The socket.
    var descriptor: Int32 { PQsocket(handle) }

    /// The server's version as one number: 150018 is 15.18.
    package var serverVersion: Int { Int(PQserverVersion(handle)) }

    /// The role that it logged in as.
    package var role: String { PQuser(handle).map { String(cString: $0) } ?? "" }

    package var isInTransaction: Bool {
        switch PQtransactionStatus(handle) {
        case PQTRANS_INTRANS, PQTRANS_INERROR, PQTRANS_ACTIVE: true
        default: false
        }
    }

    package var isAlive: Bool { !isClosed && PQstatus(handle) == CONNECTION_OK }

    /// Runs one or more statements without parameters, as one network message.
    ///
    /// - Parameter cancels: false = where the time is over the server is not asked to give up: a COMMIT that waits for a
    ///   standby would answer that with success, without the standby.
    /// - Returns: the rows of each statement, in text format.
    package func execute(_ sql: String, cancels: Bool = true) throws(PostgresError) -> [Rows] {
        try execute(sql, patience(cancels: cancels))
    }

    func execute(_ sql: String, _ patience: AnswerWait) throws(PostgresError) -> [Rows] {
        try refuseIfClosed()
        guard PQsendQuery(handle, sql) == 1 else { throw lostConnection() }
        return try collectResults(patience)
    }

    /// Runs one statement with parameters.
    ///
    /// - Returns: its rows, in binary format.
    package func query(_ sql: String, _ parameters: [Parameter] = []) throws(PostgresError) -> Rows {
        try refuseIfClosed()
        let types = parameters.map(\.typeID)
        let lengths = parameters.map { Int32($0.bytes?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        let sent = Self.withBytes(parameters.map(\.bytes)) { values in
            PQsendQueryParams(handle, sql, Int32(parameters.count), types, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw lostConnection() }
        guard let rows = try collectResults(patience()).last else {
            throw PostgresError(kind: .unexpectedResult, message: "the statement was empty")
        }
        return rows
    }

    /// Sends what is buffered and reads results until the server is ready for the next message; throws the first error
    /// among them.
    func collectResults(_ patience: AnswerWait) throws(PostgresError) -> [Rows] {
        var patience = patience
        var results: [Rows] = []
        var failure: PostgresError?
        do throws(PostgresError) {
            try flush(&patience)
            while true {
                try waitForResult(&patience)
                guard let result = PQgetResult(handle) else { break }
                switch PQresultStatus(result) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                    results.append(Rows(result))
                case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                    results.append(Rows(result))
                    if let failure { throw failure }
                    return results
                default:
                    failure = failure ?? error(from: result)
                    PQclear(result)
                }
            }
        } catch {
            // What the server said before its connection ended says more than that it ended.
            throw failure ?? error
        }
        settle(patience)
        if let failure {
            guard patience.hasExpired, failure.sqlState == SQLState.queryCanceled else { throw failure }
            throw patience.error
        }
        guard isAlive else { throw lostConnection() }
        return results
    }

    // MARK: Errors

    func lostConnection() -> PostgresError {
        PostgresError(kind: .connectionLost, message: Self.trimmed(PQerrorMessage(handle)))
    }

    func refuseIfClosed() throws(PostgresError) {
        guard isClosed else { return }
        throw PostgresError(
            kind: .connectionLost,
            message: "the connection was closed, since PostgreSQL did not answer"
        )
    }

    private func error(from result: OpaquePointer) -> PostgresError {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        guard let sqlState = field("C") else {
            return PostgresError(
                kind: isAlive ? .server(sqlState: "") : .connectionLost,
                message: Self.trimmed(PQresultErrorMessage(result))
            )
        }
        return PostgresError(
            kind: .server(sqlState: sqlState),
            message: field("M") ?? "no message",
            detail: field("D"),
            hint: field("H"),
            statementPosition: field("P").flatMap { Int($0) }
        )
    }

    private static func trimmed(_ text: UnsafePointer<CChar>?) -> String {
        var message = text.map { String(cString: $0) } ?? "no reason given"
        while message.last?.isNewline == true { message.removeLast() }
        return message.isEmpty ? "no reason given" : message
    }

    // MARK: C arrays

    static func withCStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        withBytes(strings.map { Array($0.utf8) + [0] }) { body($0) }
    }

    /// Calls `body` with a null-terminated array of pointers to each of `arrays`; null stays null.
    private static func withBytes<Result>(
        _ arrays: [[UInt8]?],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let total = arrays.reduce(0) { $0 + ($1?.count ?? 0) }
        // One byte more, so that an empty array has an address, too: libpq reads a null pointer as NULL.
        let storage = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: total + 1)
        let pointers = UnsafeMutableBufferPointer<UnsafePointer<CChar>?>.allocate(capacity: arrays.count + 1)
        defer {
            storage.deallocate()
            pointers.deallocate()
        }
        pointers.initialize(repeating: nil)
        guard let base = storage.baseAddress, let list = pointers.baseAddress else {
            preconditionFailure("allocations of at least one element have an address")
        }
        var offset = 0
        for (index, array) in arrays.enumerated() {
            guard let array else { continue }
            // Safe: `total` is the sum of all counts, so offset + count stays within `storage`.
            array.withUnsafeBufferPointer { source in
                if let start = source.baseAddress { (base + offset).initialize(from: start, count: source.count) }
            }
            pointers[index] = UnsafeRawPointer(base + offset).assumingMemoryBound(to: CChar.self)
            offset += array.count
        }
        return body(UnsafePointer(list))
    }
}
