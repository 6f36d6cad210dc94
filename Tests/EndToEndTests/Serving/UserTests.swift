import Access
import Features
import Foundation
import Operations
import Postgres
import Store
import TestSupport
import Testing

/// Users of the built server, from `asof user` to what they may do.
@Suite struct UserTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          clicks_day: { entities: [user], features: { n: int64 } }
          orders: { entities: [user], features: { n: int64 } }
        services:
          clicks_model: [clicks_day.n]
        """

    private static let windowed = yaml.replacing(
        "services:",
        with: """
              clicks_events: { entities: [user], events: { id: id }, features: { id: int64 } }
              clicks_recent: { entities: [user], windows: { of: clicks_events, features: { n: count over 1h } } }
              orders_recent: { entities: [user], windows: { of: clicks_events, features: { n: count over 1h } } }
            services:
            """
    )

    private func store(_ users: [[String]], _ yaml: String = yaml) throws -> ServedStore {
        let store = try ServedStore(yaml)
        for (index, user) in users.enumerated() {
            let output = try store.asof(
                ["user", "add"] + user + ["--password-stdin"],
                input: "secret-\(index)-geheim\n"
            )
            try #require(output.status == 0, "\(output.error)")
            #expect(output.out.hasPrefix("user \(user[0]) added, position "), "\(output.out)")
        }
        return store
    }

    private static let three = [["ada", "admin"], ["etl", "writer", "clicks_*"], ["app", "reader", "clicks_*"]]

    private func wait(for served: ServedAsof, as user: String, _ password: String) throws -> RespClient {
        let client = try served.client()
        #expect(try client.run("HELLO", "3", "AUTH", user, password)["server"]?.text == "asof")
        _ = try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        return client
    }

    @Test func `each user does what it may, and is told what it may not`() throws {
        let store = try store(Self.three, Self.windowed)
        let served = try ServedAsof(["-d", store.conninfo, "--log-level", "trace"], in: store.scratch.path)
        let stranger = try served.client()
        #expect(try stranger.run("FS.GET", "clicks_day", "1") == .error("NOAUTH Authentication required."))
        #expect(try stranger.run("AUTH", "app", "secret-0-geheim").text?.hasPrefix("WRONGPASS invalid") == true)
        #expect(try stranger.run("AUTH", "nobody", "secret-0-geheim").text?.hasPrefix("WRONGPASS invalid") == true)
        let etl = try wait(for: served, as: "etl", "secret-1-geheim")
        #expect(try etl.run("ACL", "WHOAMI").text == "etl")
        #expect(try etl.run("FS.SET", "clicks_day", "1", "*", "n", "5").integer != nil)
        #expect(
            try etl.run("FS.SET", "orders", "1", "*", "n", "5")
                == .error("NOPERM this user may not run 'fs.set' on view 'orders'; it takes the role writer for it")
        )
        #expect(try etl.run("FS.WRITE", "clicks_day,user_id=2 n=6i")["accepted"] == .integer(1))
        let mixed = "clicks_day,user_id=3 n=6i\norders,user_id=3 n=6i"
        let refused = "NOPERM this user may not run 'fs.write' on view 'orders'; it takes the role writer for it"
        #expect(try etl.run("FS.WRITE", mixed) == .error(refused))
        #expect(try etl.run("FS.WRITE", mixed, "PARTIAL") == .error(refused))
        #expect(try store.number("SELECT count(*) FROM history.orders") == 0)
        #expect(try store.number("SELECT count(*) FROM history.clicks_day") == 2)
        #expect(try etl.run("CLIENT", "LIST").text?.hasPrefix("NOPERM") == true)

        let app = try wait(for: served, as: "app", "secret-2-geheim")
        #expect(try app.run("FS.GET", "clicks_day", "1")["n"] == .integer(5))
        #expect(try app.run("FS.SERVE", "clicks_model", "KEYS", "1", "user_id", "ROWS", "1", "1")["rows"] != nil)
        #expect(try app.run("FS.GET", "orders", "1").text?.hasPrefix("NOPERM") == true)
        #expect(try app.run("FS.SET", "clicks_day", "1", "*", "n", "5").text?.hasPrefix("NOPERM") == true)
        for command in ["FS.FRESHNESS", "FS.STATS"] {
            let told = "\(try app.run(command))"
            #expect(told.contains("clicks_day") && !told.contains("orders"), "\(told)")
            #expect("\(try etl.run(command))".contains("orders") == false)
        }
        for told in ["\(try app.run("FS.WINDOWS"))", "\(try app.run("FS.WINDOWS", "clicks_day"))"] {
            #expect(told.contains("clicks_recent") && !told.contains("orders"), "\(told)")
        }
        let ada = try wait(for: served, as: "ada", "secret-0-geheim")
        #expect(try ada.run("FS.SET", "orders", "7", "*", "n", "5").integer != nil)
        #expect("\(try ada.run("SCAN", "0", "COUNT", "100"))".contains("orders:7"))
        #expect("\(try ada.run("FS.FRESHNESS"))".contains("orders"))
        let scanned = "\(try app.run("SCAN", "0", "COUNT", "100"))"
        #expect(scanned.contains("clicks_day:1") && !scanned.contains("orders"), "\(scanned)")
        let lines = "\(try ada.run("ACL", "LIST"))"
        for line in ["user ada on admin", "user etl on writer clicks_*", "user app on reader clicks_*"] {
            #expect(lines.contains(line), "\(lines)")
        }
        #expect(try ada.run("CLIENT", "LIST").text?.contains("user=etl") == true)
        let info = try ada.run("INFO", "asof").text ?? ""
        #expect(info.contains("users:3") && info.contains("auth_failures:2"), "\(info)")
        // Passwords stand nowhere: neither in logs nor in the slow log, the list of users, the database or the audit.
        let slow = "\(try ada.run("SLOWLOG", "GET", "-1"))"
        let listed = try store.asof(["user", "list"]).out + store.asof(["user", "list", "--json"]).out
        let audit = try store.asof(["audit", "--json"]).out
        let kept = try store.session().query("SELECT string_agg(verifier, ' ') FROM asof.users").text(0, 0) ?? ""
        let output = served.stop()
        for text in [slow, lines, info, listed, audit, kept, output.out, output.error] {
            #expect(!text.contains("geheim"), "\(text)")
        }
        #expect(kept.split(separator: " ").count == 3 && kept.hasPrefix("SCRAM-SHA-256$4096:"))
        #expect(!(listed + audit + output.error).contains("SCRAM-SHA"))
    }

    @Test func `a user that is removed, or may do less, is out within a second, also where it waits`() throws {
        let store = try store(Self.three)
        let served = try ServedAsof(["-d", store.conninfo], in: store.scratch.path)
        let (etl, app) = (
            try wait(for: served, as: "etl", "secret-1-geheim"), try wait(for: served, as: "app", "secret-2-geheim")
        )
        let ada = try wait(for: served, as: "ada", "secret-0-geheim")
        app.send(RespClient.request(["FS.CHANGES", "clicks_day", "$", "BLOCK", "60000"]))
        let session = try store.session()
        func seconds(_ client: RespClient, _ change: () throws -> Void) throws -> Double {
            try change()
            let start = ContinuousClock.now
            _ = try client.untilClosed()
            return (ContinuousClock.now - start) / .seconds(1)
        }
        // Far more than a second on a machine that does much else, and far less than the wait.
        let bound = 15.0
        #expect(try seconds(app) { try UserRegistry(session).remove("app") } < bound)
        #expect(
            try seconds(etl) { try UserRegistry(session).revoke("etl", [Grant(.writer, names: "clicks_*")]) } < bound
        )
        #expect(try ada.run("PING") == .simple("PONG"))
        let again = try served.client()
        #expect(try again.run("AUTH", "app", "secret-2-geheim").text?.hasPrefix("WRONGPASS") == true)
        #expect(try again.run("AUTH", "etl", "secret-1-geheim") == .simple("OK"))
        #expect(try again.run("FS.GET", "clicks_day", "1").text?.hasPrefix("NOPERM") == true)
        #expect(try store.number("SELECT count(*) FROM asof.batches WHERE kind = 'users' AND view = -1") == 5)
    }

    @Test func `a server that everybody could use is for its users from the first one on`() throws {
        let store = try ServedStore(Self.yaml)
        let served = try store.serve()
        let client = try served.client()
        #expect(try client.run("PING") == .simple("PONG"))
        #expect(try client.run("ACL", "WHOAMI").text == "default")
        let added = try store.asof(["user", "add", "ada", "admin", "--password-stdin"], input: "word\n")
        #expect(added.status == 0, "\(added.error)")
        _ = try client.untilClosed()
        #expect(try served.client().run("PING") == .error("NOAUTH Authentication required."))
        #expect(try served.client().run("AUTH", "ada", "word") == .simple("OK"))
        // Nobody is let in again when the last user goes.
        let removed = try store.asof(["user", "remove", "ada"])
        #expect(removed.status == 0 && removed.error.contains("that was the last user"), "\(removed.error)")
        #expect(
            try Patience.wait { try served.client().run("AUTH", "ada", "word").text?.hasPrefix("WRONGPASS") == true }
        )
        #expect(try served.client().run("PING") == .error("NOAUTH Authentication required."))
    }

    @Test func `a user whose verifier cannot be read is a user, and the server is not open for it`() throws {
        let store = try store([["ada", "admin"]])
        try store.session().execute("UPDATE asof.users SET verifier = replace(verifier, '$4096:', '$400000:')")
        let served = try ServedAsof(["-d", store.conninfo], in: store.scratch.path)
        defer { served.stop() }
        let client = try served.client()
        #expect(try client.run("PING").isError || client.run("FS.VIEWS").isError)
        #expect(try client.run("AUTH", "ada", "secret-0-geheim").isError)
    }

    @Test func `users may come before definitions`() throws {
        let (conninfo, scratch) = (try ThrowawayCluster.shared().database(), try Scratch())
        func asof(_ arguments: [String], input: String = "") throws {
            let output = try AsofBinary.run(arguments + ["-d", conninfo], in: scratch.path, input: input)
            #expect(output.status == 0, "\(output.error)")
        }
        try asof(["init"])
        try asof(["user", "add", "ada", "admin", "--password-stdin"], input: "word\n")
        let served = try ServedAsof(["-d", conninfo], in: scratch.path)
        let ada = try wait(for: served, as: "ada", "word")
        #expect(try ada.run("FS.VIEWS") == .array([]))
        _ = try scratch.write("features.yaml", Self.yaml)
        try asof(["apply", "--yes"])
        #expect(try Patience.wait(seconds: 60) { try ada.run("FS.VIEWS").items?.count == 2 })
    }

    @Test func `both passwords are valid while they overlap`() throws {
        let store = try store([["ada", "admin"]])
        let served = try ServedAsof(["-d", store.conninfo], in: store.scratch.path)
        let old = try wait(for: served, as: "ada", "secret-0-geheim")
        let changed = try store.asof(["user", "passwd", "ada", "--password-stdin"], input: "new\n")
        #expect(changed.status == 0 && changed.out.contains("the old one is valid for 1d more"), "\(changed.error)")
        #expect(try Patience.wait { try served.client().run("AUTH", "ada", "new") == .simple("OK") })
        #expect(try served.client().run("AUTH", "ada", "secret-0-geheim") == .simple("OK"))
        #expect(try old.run("PING") == .simple("PONG"))
        let ended = try store.asof(["user", "passwd", "ada", "--password-stdin", "--overlap", "0s"], input: "newest\n")
        #expect(ended.status == 0 && ended.out.contains("the old one has ended"), "\(ended.error)")
        _ = try old.untilClosed()
        #expect(try served.client().run("AUTH", "ada", "new").text?.hasPrefix("WRONGPASS") == true)
        #expect(try served.client().run("AUTH", "ada", "newest") == .simple("OK"))
    }

    @Test func `guessing is slowed, counted and logged`() throws {
        let store = try store([["ada", "admin"]])
        let served = try ServedAsof(["-d", store.conninfo], in: store.scratch.path)
        let ada = try wait(for: served, as: "ada", "secret-0-geheim")
        let guesser = try served.client()
        let start = ContinuousClock.now
        var replies: [String] = []
        for guess in 0..<40 { replies.append(try guesser.run("AUTH", "ada", "guess-\(guess)").text ?? "") }
        let limited = replies.filter { $0.hasPrefix("WRONGPASS too many failed attempts from this address") }
        // Some more may have become free on a machine that does much else.
        #expect(limited.count >= 20, "\(replies)")
        #expect(replies.allSatisfy { $0.hasPrefix("WRONGPASS") })
        #expect(ContinuousClock.now - start > .milliseconds(200 * (40 - limited.count)))
        let info = try ada.run("INFO", "asof").text ?? ""
        #expect(info.contains("auth_limited:\(limited.count)\r\n"), "\(info)")
        #expect(info.contains("auth_failures:\(40 - limited.count)\r\n"), "\(info)")
        let output = served.stop()
        #expect(output.error.contains("too many failed passwords from 127.0.0.1"), "\(output.error)")
        #expect(!output.error.contains("guess-"))
    }

    @Test func `other machines reach a server only where it has users`() throws {
        let store = try ServedStore(Self.yaml)
        let refused = try AsofBinary.run(
            ["serve", "-d", store.conninfo, "--listen", "0.0.0.0:0"],
            in: store.scratch.path
        )
        #expect(refused.status == 2 && refused.error.contains("make users by `asof user add`"), "\(refused.error)")
        _ = try store.asof(["user", "add", "ada", "admin", "--password-stdin"], input: "word\n")
        // An address of this machine that no name says to be so.
        let served = try ServedAsof(["-d", store.conninfo, "--listen", "127.1:0"], in: store.scratch.path)
        #expect(try served.client().run("PING") == .error("NOAUTH Authentication required."))
        #expect(served.stop().error.contains("passwords and values travel in clear text"))
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var input = "word\n"
        var status: Int32
        var error: String
        var testDescription: String { arguments.joined(separator: " ") }
    }

    @Test(
        "what cannot be is refused with what to do",
        arguments: [
            Refusal(arguments: ["add", "ada", "king", "--password-stdin"], status: 2, error: "king"),
            Refusal(arguments: ["add", "a b", "admin", "--password-stdin"], status: 1, error: "letters, digits"),
            Refusal(
                arguments: ["add", "x'; DROP TABLE asof.users; --", "admin", "--password-stdin"],
                status: 1,
                error: "letters, digits"
            ),
            Refusal(
                arguments: ["add", "bob", "admin", "clicks_*", "--password-stdin"],
                status: 2,
                error: "without a pattern"
            ),
            Refusal(
                arguments: ["add", "bob", "reader", "a;b", "--password-stdin"],
                status: 2,
                error: "expected clicks_*"
            ),
            Refusal(arguments: ["add", "ada", "admin", "--password-stdin"], status: 1, error: "already"),
            Refusal(arguments: ["add", "bob", "admin"], status: 1, error: "--password-file FILE or --password-stdin"),
            Refusal(arguments: ["add", "bob", "admin", "--password-stdin"], input: "", status: 1, error: "has ended"),
            Refusal(arguments: ["add", "bob", "admin", "--password-stdin"], input: "\n", status: 1, error: "is empty"),
            Refusal(
                arguments: ["add", "bob", "admin", "--password-stdin"],
                input: "gehéim\n",
                status: 1,
                error: "printable ASCII"
            ),
            Refusal(arguments: ["passwd", "adda", "--password-stdin"], status: 1, error: "did you mean 'ada'"),
            Refusal(
                arguments: ["passwd", "ada", "--password-stdin", "--overlap", "31d"],
                status: 2,
                error: "up to 30d"
            ),
            Refusal(arguments: ["remove", "bob"], status: 1, error: "no user 'bob'"),
            Refusal(arguments: ["revoke", "ada", "reader", "x*"], status: 1, error: "has no grant 'reader x*'"),
            Refusal(arguments: ["grant", "bob", "reader"], status: 1, error: "no user 'bob'"),
        ]
    )
    func refuses(item: Refusal) throws {
        let store = try store([["ada", "admin"]])
        let before = try store.head()
        let output = try store.asof(["user"] + item.arguments, input: item.input)
        #expect(output.status == item.status, "\(output.error)")
        #expect(output.error.contains(item.error), "\(output.error)")
        #expect(output.out.isEmpty && !output.error.contains("geh"))
        #expect(try store.head() == before)
    }

    @Test func `the audit says who changed what, and nobody changes it`() throws {
        let store = try store([["ada", "admin"], ["etl", "writer", "clicks_*"]])
        _ = try store.asof(["user", "grant", "etl", "reader", "orders"])
        _ = try store.asof(["user", "revoke", "etl", "reader", "orders"])
        _ = try store.asof(["user", "passwd", "ada", "--password-stdin"], input: "x\n")
        _ = try store.asof(["user", "remove", "etl"])
        _ = try store.scratch.write(
            "features.yaml",
            Self.yaml.replacing("orders: {", with: "orders: { description: more,")
        )
        #expect(try store.asof(["apply", "--yes"]).status == 0)
        let text = try store.asof(["audit"]).out
        let lines = try store.asof(["audit", "--json"]).out.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let actions = lines.map {
            "\($0["action"] ?? "") \($0["subject"] as? String ?? "-") \($0["detail"] as? String ?? "-")"
        }
        #expect(
            actions.suffix(10) == [
                "user add ada -", "user grant ada admin *", "user add etl -", "user grant etl writer clicks_*",
                "user grant etl reader orders", "user revoke etl reader orders", "user passwd ada -",
                "user revoke etl writer clicks_*", "user remove etl -", "definitions - version 2",
            ],
            "\(text)"
        )
        #expect(lines.last?["position"] as? Int64 == (try store.head()))
        #expect(lines.allSatisfy { ($0["role"] as? String)?.isEmpty == false && $0["position"] is Int64 })
        let later = try store.asof(["audit", "--since", "2999-01-01T00:00:00Z", "--json"])
        #expect(later.status == 0 && later.out.isEmpty)
        let session = try store.session()
        for statement in [
            "UPDATE asof.audit SET role = 'x'", "DELETE FROM asof.audit", "TRUNCATE asof.audit",
            "DELETE FROM asof.audit_2026", "TRUNCATE asof.audit_2026",
        ] {
            let error = #expect(throws: StoreError.self) {
                try session.transaction(.write) { () throws(StoreError) in try session.execute(statement) }
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains("only grows"), "\(statement)")
        }
    }
}
