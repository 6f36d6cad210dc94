import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// What those commands left in asof.audit: whose they were, and that it stays.
extension RoleCommandTests {
    /// - Parameters:
    ///   - roles: those that the commands were run as.
    ///   - base: how to connect as a superuser.
    ///   - folder: of the runs.
    func expectAudit(_ roles: [RoleCommand.Role: StoreRole], _ base: String, in folder: String) throws {
        // A name is moved by a server's user, of which PostgreSQL knows nothing.
        let owner = try #require(roles[.owner])
        let admin = try Session(conninfo: base)
        let owning = try Session(conninfo: owner.conninfo)
        try owning.execute("SET default_transaction_read_only = off")
        let flipper = try StoreRole("flipper", base)
        for kind in ["writer", "trainer"] { try StoreRole.grant(owning, flipper.name, kind) }
        let added = try AsofBinary.run(
            ["user", "add", "eve", "trainer", "--password-stdin", "-d", owner.conninfo],
            in: folder,
            input: "geheim\n"
        )
        #expect(added.status == 0, "\(added.error)")
        let served = try ServedAsof(["-d", flipper.conninfo, "--allow-flips"], in: folder)
        let client = try served.client()
        #expect(try client.run("AUTH", "eve", "geheim") == .simple("OK"))
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        let flipped = try client.line("ML.ALIAS buys shadow 1")
        #expect(flipped.integer != nil, "\(flipped)")
        #expect(served.stop().status == 0)

        let reader = try #require(roles[.reader])
        let output = try AsofBinary.run(["audit", "--json", "-d", reader.conninfo], in: folder)
        #expect(output.status == 0, "\(output.error)")
        let entries = try output.out.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let who = Dictionary(grouping: entries) { $0["action"] as? String ?? "" }
            .mapValues { Set($0.compactMap { $0["role"] as? String }) }
        for (action, role) in [
            ("definitions", RoleCommand.Role.owner), ("export", .writer), ("model register", .trainer),
            ("model rollback", .trainer),
            ("model retire", .trainer), ("rebuild", .writer), ("forget", .owner), ("drop", .owner),
            ("user remove", .owner),
            ("user grant", .owner), ("user revoke", .owner), ("user passwd", .owner),
        ] { #expect(who[action] == [roles[role]?.name ?? ""], "\(action): \(who)") }
        #expect(who["model alias"] == [roles[.trainer]?.name ?? "", flipper.name], "\(who)")
        let last = try #require(entries.last { $0["action"] as? String == "model alias" })
        #expect(last["user"] as? String == "eve", "\(last)")
        #expect((last["from"] as? String)?.hasPrefix("127.0.0.1:") == true, "\(last)")
        #expect(last["position"] as? Int64 == flipped.integer, "\(last)")
        let doctor = try AsofBinary.run(["doctor", "-d", reader.conninfo], in: folder)
        #expect(doctor.out.contains(/audit .*KiB a day; kept until the owner drops a year/), "\(doctor.out)")

        // Whoever else wants to take something away may not; the owner drops whole years.
        for role in [RoleCommand.Role.reader, .writer, .trainer] {
            let session = try Session(conninfo: try #require(roles[role]).conninfo)
            for statement in [
                "UPDATE asof.audit SET role = 'x'", "DELETE FROM asof.audit", "TRUNCATE asof.audit",
                "DROP TABLE asof.audit_2026",
                "DELETE FROM asof.audit_2026", "ALTER TABLE asof.audit DISABLE TRIGGER ALL",
                "INSERT INTO asof.audit (action, role) VALUES ('x', 'y')", "DROP FUNCTION asof.note_user CASCADE",
            ] {
                let error = #expect(throws: StoreError.self) {
                    try session.transaction(.write) { () throws(StoreError) in try session.execute(statement) }
                }
                let text = error.map { "\($0)" } ?? ""
                #expect(
                    text.contains("permission denied") || text.contains("must be owner"),
                    "\(role) \(statement): \(text)"
                )
            }
        }
        let refused = #expect(throws: StoreError.self) {
            try owning.transaction(.write) { () throws(StoreError) in try owning.execute("DELETE FROM asof.audit") }
        }
        #expect("\(refused.map { "\($0)" } ?? "")".contains("only grows"))
        let before = try admin.query("SELECT count(*) FROM asof.audit").int64(0, 0) ?? 0
        let year =
            try admin.query("SELECT tableoid::regclass::text FROM asof.audit ORDER BY at DESC LIMIT 1").text(0, 0) ?? ""
        try owning.execute("DROP TABLE \(year)")
        #expect(try admin.query("SELECT count(*) FROM asof.audit").int64(0, 0) ?? 0 < before)
        let again = try AsofBinary.run(["user", "remove", "eve", "-d", owner.conninfo], in: folder)
        #expect(again.status == 0, "\(again.error)")
        #expect(try admin.query("SELECT count(*) FROM asof.audit WHERE action = 'user remove'").int64(0, 0) == 1)
    }
}
