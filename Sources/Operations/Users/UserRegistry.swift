package import Access
import Features
import Postgres
package import Store

/// The users of servers, in the store.
///
/// Each change is one transaction with one entry of the ledger, kind `users`, and moves the row that servers look at. Of a
/// password its verifier gets this far, never the password's text.
package struct UserRegistry {
    private let session: Session

    package init(_ session: Session) { self.session = session }

    /// A user with what `asof user list` tells.
    package struct Listing: Sendable {
        package let account: Account
        /// µs since 1970-01-01 UTC.
        package let createdAt: Int64
        package let changedAt: Int64
    }

    // MARK: Reading

    /// Moves with each change.
    package func version() throws(StoreError) -> Int64 {
        try session.query("SELECT version FROM asof.user_changes").int64(0, 0) ?? 0
    }

    /// By name. A user whose verifier is none, or which has a role that this binary does not know, cannot come in by it.
    package func listings() throws(StoreError) -> [Listing] {
        let users = try session.query(
            "SELECT id, name, verifier, previous, previous_until, created_at, changed_at FROM asof.users ORDER BY name"
        )
        let rights = try session.query("SELECT user_id, role, names FROM asof.user_grants ORDER BY role, names")
        var grants: [Int64: [Grant]] = [:]
        for row in 0..<rights.count {
            guard let role = rights.text(row, 1).flatMap(Role.init(rawValue:)),
                let grant = try? Grant(role, names: rights.text(row, 2) ?? "")
            else { continue }
            grants[rights.int64(row, 0) ?? 0, default: []].append(grant)
        }
        var listings: [Listing] = []
        for row in 0..<users.count {
            // Somebody whose verifier this binary cannot read is a user all the same: without any the server would be open.
            let verifier = users.text(row, 2).flatMap(ScramVerifier.init) ?? .none
            var previous: Account.Previous?
            if let old = users.text(row, 3).flatMap(ScramVerifier.init), let until = users.timestamp(row, 4) {
                previous = Account.Previous(verifier: old, untilUs: until)
            }
            let id = users.int64(row, 0) ?? 0
            let account = Account(
                id: id,
                name: users.text(row, 1) ?? "",
                verifier: verifier,
                previous: previous,
                grants: grants[id] ?? []
            )
            listings.append(
                Listing(
                    account: account,
                    createdAt: users.timestamp(row, 5) ?? 0,
                    changedAt: users.timestamp(row, 6) ?? 0
                )
            )
        }
        return listings
    }

    package func accounts() throws(StoreError) -> [Account] { try listings().map(\.account) }

    // MARK: Changing

    /// - Throws: ``StoreError/request(_:)`` where there is one of that name.
    @discardableResult
    package func add(_ name: String, _ verifier: ScramVerifier, _ grants: [Grant]) throws(StoreError) -> LedgerState {
        if let refusal = Account.refusal(of: name) {
            throw .request("the user's name '\(name.onOneLine(128))' \(refusal)")
        }
        try Self.check(count: grants.count, name)
        return try change("user '\(name)'") { () throws(StoreError) in
            let added = try session.query(
                "INSERT INTO asof.users (name, verifier) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id",
                [.text(name), .text(verifier.text)]
            )
            guard let id = added.count > 0 ? added.int64(0, 0) : nil else {
                throw .request("there is a user '\(name)' already; `asof user passwd \(name)` changes its password")
            }
            for grant in grants { try put(grant, id) }
        }
    }

    /// - Parameter overlapSeconds: how long the password before stays valid beside the new one; 0 = it ends at once, and so
    ///   do the connections of the user.
    @discardableResult
    package func setPassword(
        _ name: String,
        _ verifier: ScramVerifier,
        overlapSeconds: Int64
    ) throws(StoreError) -> LedgerState {
        try change("the password of '\(name)'") { () throws(StoreError) in
            let id = try id(of: name)
            try session.query(
                """
                UPDATE asof.users SET verifier = $2, changed_at = clock_timestamp(),
                    previous = CASE WHEN $3 > 0 THEN verifier END,
                    previous_until = CASE WHEN $3 > 0 THEN clock_timestamp() + $3 * interval '1 second' END
                WHERE id = $1
                """,
                [.int64(id), .text(verifier.text), .int64(overlapSeconds)]
            )
        }
    }

    @discardableResult
    package func remove(_ name: String) throws(StoreError) -> LedgerState {
        try change("the removal of user '\(name)'") { () throws(StoreError) in
            let id = try id(of: name)
            // First, so that the audit still has the name.
            try session.query("DELETE FROM asof.user_grants WHERE user_id = $1", [.int64(id)])
            try session.query("DELETE FROM asof.users WHERE id = $1", [.int64(id)])
        }
    }

    @discardableResult
    package func grant(_ name: String, _ grants: [Grant]) throws(StoreError) -> LedgerState {
        try change("rights of '\(name)'") { () throws(StoreError) in
            let id = try id(of: name)
            for grant in grants { try put(grant, id) }
            let count = try session.query("SELECT count(*) FROM asof.user_grants WHERE user_id = $1", [.int64(id)])
            try Self.check(count: Int(count.int64(0, 0) ?? 0), name)
        }
    }

    /// - Throws: ``StoreError/request(_:)`` for one that the user does not have; then none is taken.
    @discardableResult
    package func revoke(_ name: String, _ grants: [Grant]) throws(StoreError) -> LedgerState {
        try change("rights of '\(name)'") { () throws(StoreError) in
            let id = try id(of: name)
            for grant in grants {
                let gone = try session.query(
                    "DELETE FROM asof.user_grants WHERE user_id = $1 AND role = $2 AND names = $3 RETURNING role",
                    [.int64(id), .text(grant.role.rawValue), .text(grant.names)]
                )
                guard gone.count > 0 else {
                    throw .request(
                        "user '\(name)' has no grant '\(grant.text)'; `asof user list` shows what it has"
                    )
                }
            }
        }
    }

    private static func check(count: Int, _ name: String) throws(StoreError) {
        guard count <= AccessLimits.grantsMax else {
            throw .request(
                "user '\(name)' would have \(count) grants; \(AccessLimits.grantsMax) are allowed: use patterns"
            )
        }
    }

    private func put(_ grant: Grant, _ id: Int64) throws(StoreError) {
        try session.query(
            "INSERT INTO asof.user_grants (user_id, role, names) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.int64(id), .text(grant.role.rawValue), .text(grant.names)]
        )
    }

    private func id(of name: String) throws(StoreError) -> Int64 {
        let rows = try session.query("SELECT id, name FROM asof.users")
        for row in 0..<rows.count where rows.text(row, 1) == name { return rows.int64(row, 0) ?? 0 }
        let known = (0..<rows.count).compactMap { rows.text($0, 1) }
        throw .request(
            "no user '\(name.onOneLine(128))'"
                + (known.isEmpty ? "; `asof user add` makes one" : Name.hint(for: name, among: known))
        )
    }

    /// A transaction that takes a position.
    private func change(_ subject: String, _ body: () throws(StoreError) -> Void) throws(StoreError) -> LedgerState {
        try session.begin(.write)
        do throws(StoreError) {
            try session.lock(AdvisoryLock.users)
            let ledger = Ledger(session)
            let (batch, transactionID) = try ledger.takeBatch()
            // By which the triggers of asof.audit know it.
            try session.execute("SET LOCAL asof.batch = \(batch)")
            try body()
            try session.query("UPDATE asof.user_changes SET version = version + 1")
            return try ledger.commit(
                subject,
                batch: batch,
                transactionID: transactionID,
                [LedgerEntry(view: LedgerEntry.noView, kind: .users, rows: 0)]
            )
        } catch {
            session.connection.rollBack()
            throw error
        }
    }
}
