package import Wire

/// What a connection keeps between its commands; confined to the connection's event loop.
package final class ClientState {
    package let id: Int64
    package var version = ProtocolVersion.resp2
    package var name = ""
    package var isAuthenticated: Bool

    package init(id: Int64, isAuthenticated: Bool) {
        self.id = id
        self.isAuthenticated = isAuthenticated
    }
}
