import Postgres

extension Session {
    /// On whose behalf a server changes something: its user, and the client's address. The database's own role is known to
    /// PostgreSQL; this is what the server says of whom it let in.
    package struct Actor: Sendable, Hashable {
        package let user: String
        package let client: String

        package init(user: String, client: String) {
            self.user = user
            self.client = client
        }

        /// Of this transaction alone, so that a pooling proxy loses nothing.
        var statements: [String] {
            [
                "SET LOCAL asof.actor = \(SQLText.literal(user))",
                "SET LOCAL asof.client = \(SQLText.literal(String(client.prefix(128))))",
            ]
        }
    }
}
