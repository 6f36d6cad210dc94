import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// A role of PostgreSQL of a test's own, with the rights that `asof grant-sql` gives it.
struct StoreRole {
    let name: String
    /// As this role, where the cluster lets everybody of this machine in.
    let conninfo: String

    /// - Parameters:
    ///   - base: how to connect as a superuser.
    ///   - settings: what ALTER ROLE sets for it.
    init(_ prefix: String, _ base: String, settings: [String] = []) throws {
        let admin = try Session(conninfo: base)
        name = "\(prefix)_\(UUID().uuidString.prefix(8))"
        let role = SQLText.identifier(name)
        try admin.execute("CREATE ROLE \(role) LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
        for setting in settings { try admin.execute("ALTER ROLE \(role) SET \(setting)") }
        conninfo = Self.conninfo(base, as: name)
    }

    static func conninfo(_ base: String, as name: String) -> String {
        "\(base) user='\(name.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
    }

    /// Runs what `asof grant-sql` prints, as the store's owner does.
    static func grant(_ session: Session, _ role: String, _ kind: String) throws {
        let sql = try AsofBinary.run(["grant-sql", role, kind], in: "/tmp")
        try #require(sql.status == 0, "\(sql.error)")
        try session.execute(sql.out)
    }
}
