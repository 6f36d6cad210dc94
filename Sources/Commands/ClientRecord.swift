package import Access
package import Synchronization

/// A connection as CLIENT LIST shows it; written on the connection's event loop, read anywhere.
package final class ClientRecord: Sendable {
    package struct Details: Sendable {
        package var name = ""
        package var libraryName = ""
        package var libraryVersion = ""
        package var version = 2
        package var user = "default"
        /// `nil` = it has not authenticated.
        package var caller: Caller?
    }

    package let id: Int64
    /// `host:port`, or the path of a unix socket.
    package let address: String
    package let localAddress: String
    package let connectedAtMs: Int64
    package let details = Mutex(Details())
    /// The last command, as its place in the table; -1 = none yet.
    package let lastCommand = Atomic<Int>(-1)
    package let lastActiveMs: Atomic<Int64>
    /// Commands queued by MULTI; -1 = no transaction.
    package let queued = Atomic<Int>(-1)
    /// Bytes of the request that is not complete, and of replies that the client has not taken.
    package let inputBytes = Atomic<Int>(0)
    package let outputBytes = Atomic<Int>(0)
    /// Ends the connection; from any thread.
    private let close: @Sendable () -> Void

    package init(
        id: Int64,
        address: String,
        localAddress: String,
        close: @escaping @Sendable () -> Void = {}
    ) {
        self.id = id
        self.address = address
        self.localAddress = localAddress
        self.close = close
        connectedAtMs = Clock.nowMs()
        lastActiveMs = Atomic(connectedAtMs)
    }

    package func kill() { close() }

    /// A line of CLIENT LIST, without its end.
    package func line(_ table: CommandTable) -> String {
        let now = Clock.nowMs()
        let details = details.withLock { $0 }
        let last = lastCommand.load(ordering: .relaxed)
        let command = last < 0 ? "NULL" : table[last].name
        let queued = queued.load(ordering: .relaxed)
        let fields = [
            "id=\(id)", "addr=\(address)", "laddr=\(localAddress)", "fd=-1", "name=\(details.name)",
            "age=\((now - connectedAtMs) / 1_000)",
            "idle=\(max(0, now - lastActiveMs.load(ordering: .relaxed)) / 1_000)",
            "flags=\(queued < 0 ? "N" : "x")", "db=0", "sub=0", "psub=0", "ssub=0", "multi=\(queued)",
            "qbuf=\(inputBytes.load(ordering: .relaxed))", "omem=\(outputBytes.load(ordering: .relaxed))",
            "cmd=\(command)", "user=\(details.user)", "redir=-1", "resp=\(details.version)",
            "lib-name=\(details.libraryName)", "lib-ver=\(details.libraryVersion)",
        ]
        return fields.joined(separator: " ")
    }
}
