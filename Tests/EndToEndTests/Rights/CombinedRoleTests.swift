import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// A role of PostgreSQL with several kinds of rights at once, as `asof grant-sql` gives and takes them; and what the audit
/// says of who did what under which role.
@Suite struct CombinedRoleTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { age: int64 } }
        services: { plain: [stats.age] }
        models:
          buys: { service: plain, task: binary, label: bought, algorithm: logistic }
        """

    /// A store of an owner's own, with roles beside it.
    private final class Place {
        let scratch: Scratch
        let admin: Session
        let owner: StoreRole
        let base: String

        init() throws {
            base = try ThrowawayCluster.shared().database()
            admin = try Session(conninfo: base)
            scratch = try Scratch()
            owner = try StoreRole("owner", base)
            try StoreRole.grant(admin, owner.name, "owner")
            var (rows, labels) = ("user_id,event_time,age\n", "user_id,at,bought\n")
            for user in 0..<40 {
                rows += "\(user),2026-01-01T00:00:00Z,\(20 + user)\n"
                for day in 2..<8 { labels += "\(user),2026-01-0\(day)T00:00:00Z,\((user + day * 3) % 7 > 3)\n" }
            }
            for (name, text) in [("features.yaml", CombinedRoleTests.yaml), ("rows.csv", rows), ("labels.csv", labels)]
            {
                _ = try scratch.write(name, text)
            }
            for words in [["init"], ["apply", "--yes"]] { try succeed(words, owner) }
            try succeed(["user", "add", "ada", "admin", "--password-stdin"], owner, input: "geheim\n")
        }

        func role(_ name: String, _ kinds: String...) throws -> StoreRole {
            let role = try StoreRole(name, base)
            for kind in kinds { try grant(role, kind) }
            return role
        }

        func grant(_ role: StoreRole, _ kinds: String) throws {
            try StoreRole.grant(try Session(conninfo: owner.conninfo), role.name, kinds)
        }

        func run(_ words: [String], _ role: StoreRole, input: String = "") throws -> AsofBinary.Output {
            try AsofBinary.run(words + ["-d", role.conninfo], in: scratch.path, input: input)
        }

        func succeed(_ words: [String], _ role: StoreRole, input: String = "") throws {
            let output = try run(words, role, input: input)
            #expect(output.status == 0, "\(words): \(output.out)\(output.error)")
        }

        /// Everything that a role may do with what the store consists of, now and with what is made later; nothing of its name.
        func rights(_ role: StoreRole) throws -> String {
            let rows = try admin.query(
                """
                WITH schemas AS (SELECT oid, nspname, nspacl FROM pg_namespace WHERE nspname IN ('asof', 'history', 'online')),
                all_rights AS (
                    SELECT format('schema %s', nspname) AS what, nspacl AS acl FROM schemas
                    UNION ALL SELECT format('%s %s.%s', c.relkind, s.nspname, c.relname), c.relacl
                        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
                    UNION ALL SELECT format('function %s', p.proname), p.proacl
                        FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
                    UNION ALL SELECT format('later %s', s.nspname), d.defaclacl
                        FROM pg_default_acl d JOIN schemas s ON s.oid = d.defaclnamespace)
                SELECT string_agg(format('%s %s %s', a.what, r.privilege_type, r.is_grantable), E'\\n'
                    ORDER BY a.what, r.privilege_type)
                FROM all_rights a, LATERAL aclexplode(a.acl) r WHERE r.grantee = $1::text::regrole
                """,
                [.text(SQLText.identifier(role.name))]
            )
            return rows.text(0, 0) ?? ""
        }
    }

    @Test func `a role has what its kinds need, whatever it had before and however often it is said`() throws {
        let place = try Place()
        let (reader, writer) = (
            try place.rights(place.role("r", "reader")), try place.rights(place.role("w", "writer"))
        )
        let trainer = try place.rights(place.role("t", "trainer"))
        let both = try place.rights(place.role("b", "writer,trainer"))
        // Of several it is all of them, in any order, and nothing more.
        func lines(_ text: String) -> Set<String> { Set(text.split(separator: "\n").map(String.init)) }
        #expect(lines(both) == lines(writer).union(lines(trainer)))
        #expect(lines(reader).isStrictSubset(of: lines(writer)) && lines(reader).isStrictSubset(of: lines(trainer)))
        #expect(!lines(writer).isSubset(of: lines(trainer)) && !lines(trainer).isSubset(of: lines(writer)))
        #expect(try both == place.rights(place.role("c", "trainer,writer")))
        #expect(try both == place.rights(place.role("d", "writer,trainer", "writer,trainer")))
        #expect(try both == place.rights(place.role("e", "reader", "trainer", "writer", "writer,trainer")))
        // What it had and needs no more is taken back, also of views that are made later.
        #expect(try reader == place.rights(place.role("f", "writer,trainer", "reader")))
        #expect(try trainer == place.rights(place.role("g", "writer", "trainer")))
        #expect(try writer == place.rights(place.role("h", "trainer", "writer")))
    }

    @Test func `what is no kind is refused, and so is the store's owner, who keeps its rights`() throws {
        for kinds in ["king", "writer,", "writer,king", "owner,writer", "writer trainer", ""] {
            let refused = try AsofBinary.run(["grant-sql", "etl", kinds], in: "/tmp")
            #expect(refused.status == 2 && refused.out.isEmpty, "\(kinds): \(refused)")
            #expect(refused.error.contains("trainer"), "\(refused.error)")
        }
        let place = try Place()
        let before = try place.rights(place.owner)
        let sql = try AsofBinary.run(["grant-sql", place.owner.name, "reader"], in: "/tmp").out
        let error = #expect(throws: StoreError.self) { try Session(conninfo: place.owner.conninfo).execute(sql) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("owns the store"))
        #expect(try place.rights(place.owner) == before)
        try place.succeed(["ingest", "stats", "rows.csv"], place.owner)
    }

    @Test
    func `a server that lets clients move names of models is a writer and a trainer, and the audit says who did what`()
        throws
    {
        let place = try Place()
        let (writer, trainer) = (try place.role("writes", "writer"), try place.role("trains", "trainer"))
        let serves = try place.role("serves", "writer,trainer")
        try place.succeed(["ingest", "stats", "rows.csv"], writer)
        try place.succeed(["rebuild-online", "stats"], writer)
        let train = ["train", "buys", "--spine", "labels.csv", "--label-time", "at"]
        try place.succeed(train + ["--promote", "always"], trainer)
        try place.succeed(train + ["--set", "penalty=50", "--promote", "never"], trainer)
        let export = ["export", "--spine", "labels.csv", "--label-time", "at", "--features", "plain", "--out"]
        try place.succeed(export + ["set.csv"], writer)
        let served = try ServedAsof(["-d", serves.conninfo, "--allow-flips"], in: place.scratch.path)
        let ada = try served.client()
        #expect(try ada.run("AUTH", "ada", "geheim") == .simple("OK"))
        #expect(
            try Patience.wait(seconds: 60) { try ada.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try ada.run("FS.SET", "stats", "1", "*", "age", "7").integer != nil)
        #expect(try Patience.wait(seconds: 60) { try !ada.line("ML.MODEL buys@2").isError })
        let flipped = try ada.line("ML.ALIAS buys champion 2")
        #expect(!flipped.isError, "\(flipped)")
        #expect(served.stop().status == 0)

        struct Line: Decodable {
            var action: String
            var role: String
            var user: String?
            var from: String?
            var position: Int64?
        }
        let told = try place.run(["audit", "--json"], try place.role("reads", "reader"))
        let lines = try told.out.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        func actions(_ role: StoreRole) -> Set<String> {
            Set(lines.filter { $0.role == role.name }.map { String($0.action.split(separator: " ")[0]) })
        }
        #expect(actions(place.owner) == ["definitions", "user"], "\(told.out)")
        // What is right is not rebuilt.
        #expect(actions(writer).subtracting(["rebuild"]) == ["export"], "\(told.out)")
        // A training set is part of a model's version.
        #expect(actions(trainer).subtracting(["export"]) == ["model"], "\(told.out)")
        #expect(actions(serves) == ["model"], "\(told.out)")
        let flip = try #require(lines.last { $0.role == serves.name })
        #expect(
            flip.user == "ada" && flip.from?.hasPrefix("127.0.0.1:") == true && flip.position != nil,
            "\(told.out)"
        )
        #expect(
            lines.filter { $0.role != serves.name }.allSatisfy { $0.user == nil && $0.from == nil },
            "\(told.out)"
        )
        #expect(Set(lines.map(\.role)) == Set([place.owner, writer, trainer, serves].map(\.name)), "\(told.out)")
        // A role of one kind is not enough.
        let lesser = try ServedAsof(["-d", writer.conninfo, "--allow-flips"], in: place.scratch.path)
        let client = try lesser.client()
        #expect(try client.run("AUTH", "ada", "geheim") == .simple("OK"))
        #expect(try Patience.wait(seconds: 60) { try !client.line("ML.MODEL buys@1").isError })
        let refused = try client.line("ML.ALIAS buys champion 1")
        #expect(refused.text?.hasPrefix("NOPERM the server's role in PostgreSQL may not do this") == true, "\(refused)")
    }
}
