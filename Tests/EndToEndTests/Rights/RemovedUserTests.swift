import Access
import Foundation
import Operations
import Store
import TestSupport
import Testing

/// Over HTTP a user that is removed, or guesses, fares as over RESP.
@Suite struct RemovedUserTests {
    /// A server with HTTP, and users whose passwords are `geheim`.
    private final class Place {
        let store: ServedStore
        let served: ServedAsof
        let http: Int

        init(_ users: [[String]]) throws {
            store = try ServedStore()
            for user in users {
                let added = try store.asof(["user", "add"] + user + ["--password-stdin"], input: "geheim\n")
                try #require(added.status == 0, "\(added.error)")
            }
            served = try ServedAsof(["-d", store.conninfo, "--http", "127.0.0.1:0"], in: store.scratch.path)
            http = try served.httpPort()
            let ada = try served.client()
            try #require(try ada.run("AUTH", users[0][0], "geheim") == .simple("OK"))
            _ = try Patience.wait(seconds: 60) {
                try ada.run("INFO", "persistence").text?.contains("loading:0") == true
            }
        }

        static func basic(_ user: String, _ password: String = "geheim") -> (String, String) {
            ("Authorization", "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())")
        }

        func status(_ user: String, _ password: String = "geheim") throws -> Int {
            try HTTPProbe.ask(http, "GET", "/v1/views/stats", headers: [Self.basic(user, password)]).status
        }
    }

    @Test func `servers look at users more than once a second`() {
        // What the documents promise is a second: a look, and the ends of connections behind it.
        #expect(OperationsLimits.userWatchMs <= 500)
    }

    @Test func `a user that is removed asks no more, also on a connection that it has`() throws {
        let place = try Place([["ada", "admin"], ["app", "reader"]])
        let kept = try RespClient(port: place.http)
        let (name, value) = Place.basic("app")
        kept.send("GET /v1/views/stats HTTP/1.1\r\nHost: localhost\r\n\(name): \(value)\r\n\r\n")
        #expect(try kept.raw(12) == "HTTP/1.1 200")
        #expect(try place.status("app") == 200)
        try UserRegistry(try place.store.session()).remove("app")
        #expect(try Patience.wait(seconds: 15) { try place.status("app") == 401 })
        kept.send("GET /v1/views/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\(name): \(value)\r\n\r\n")
        let rest = String(decoding: try kept.untilClosed(), as: UTF8.self)
        #expect(rest.contains("HTTP/1.1 401") && !rest.contains("HTTP/1.1 200"), "\(rest)")
        #expect(try place.status("ada") == 200)
    }

    @Test func `a user that is removed, or may do less, while its request waits is told so, and its connection ends`()
        throws
    {
        let place = try Place([["ada", "admin"], ["app", "reader"], ["etl", "writer"], ["late", "reader"]])
        let later = try place.store.head() + 1_000
        let body = "{\"keys\":{\"user_id\":[1]},\"min_position\":\(later)}"
        func waiting(_ authorization: String) throws -> RespClient {
            let client = try RespClient(port: place.http)
            client.send(
                "POST /v1/serve/model HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\nAuthorization: \(authorization)\r\n\r\n\(body)"
            )
            return client
        }
        let session = try place.store.session()
        // Passwords are looked at before.
        #expect(try place.status("app") == 200)
        #expect(try place.status("etl") == 200)
        #expect(try place.status("late") == 200)
        for user in ["app", "etl"] {
            let client = try waiting(Place.basic(user).1)
            Patience.pass(microseconds: 300_000, "until the request waits")
            if user == "app" {
                try UserRegistry(session).remove(user)
            } else {
                try UserRegistry(session).revoke(user, [Grant(.writer)])
            }
            let rest = String(decoding: try client.untilClosed(), as: UTF8.self)
            // Not the time-out of the wait, which comes after five seconds.
            #expect(rest.contains("HTTP/1.1 401") && rest.contains("WRONGPASS"), "\(user): \(rest)")
            #expect(!rest.contains("HTTP/1.1 504"), "\(rest)")
        }
        // One whose body has not come whole is looked at when it has.
        let halves = try RespClient(port: place.http)
        let (name, value) = Place.basic("late")
        halves.send(
            "POST /v1/serve/model HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\(name): \(value)\r\n\r\n\(body.dropLast(5))"
        )
        Patience.pass(microseconds: 300_000, "until the password has been looked at")
        try UserRegistry(session).remove("late")
        #expect(try Patience.wait(seconds: 15) { try place.status("late") == 401 })
        halves.send("\(body.suffix(5))")
        #expect(try halves.raw(12) == "HTTP/1.1 401")
        // Who stays goes on waiting.
        let ada = try waiting(Place.basic("ada").1)
        Patience.pass(microseconds: 300_000, "until the request waits")
        try UserRegistry(session).remove("etl")
        #expect(try ada.raw(12) == "HTTP/1.1 504")
    }

    @Test func `who guesses over HTTP is slowed, counted, and refused over RESP as well`() throws {
        let place = try Place([["ada", "admin"], ["app", "reader"]])
        let start = ContinuousClock.now
        for guess in 0..<AccessLimits.failuresMax { #expect(try place.status("app", "guess-\(guess)") == 401) }
        #expect(ContinuousClock.now - start >= .milliseconds(AccessLimits.failureDelayMs * AccessLimits.failuresMax))
        // Right or wrong; on a machine that does much else one more attempt may have become free before it.
        let client = try place.served.client()
        let isRefused = try Patience.wait(seconds: 60) {
            #expect(try place.status("app", "guess") == 401)
            return try client.run("AUTH", "app", "geheim").text?.hasPrefix("WRONGPASS too many failed attempts") == true
        }
        #expect(isRefused)
        // Another user from the same address is another matter.
        #expect(try client.run("AUTH", "ada", "geheim") == .simple("OK"))
        let info = try client.run("INFO", "asof").text ?? ""
        func count(_ name: String) -> Int {
            info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
                .flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        #expect(count("auth_failures") >= AccessLimits.failuresMax && count("auth_limited") >= 1, "\(info)")
        // The same as metrics, which name nobody.
        let metrics = try HTTPProbe.ask(place.http, "GET", "/metrics", headers: [Place.basic("ada")]).body
        func metric(_ name: String) -> Int? {
            metrics.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name) ") }
                .flatMap { Int($0.dropFirst(name.count + 1)) }
        }
        let wrong = metric("asof_auth_failures_total{reason=\"wrong\"}") ?? -1
        #expect(wrong >= AccessLimits.failuresMax, "\(metrics)")
        #expect(metric("asof_auth_failures_total{reason=\"limited\"}") ?? -1 >= 1, "\(metrics)")
        #expect(metric("asof_auth_failures_total{reason=\"busy\"}") == 0, "\(metrics)")
        #expect(metric("asof_users") == 2 && metric("asof_auth_waiting") == 0, "\(metrics)")
        #expect(metric("asof_authenticated_connections") == 1, "\(metrics)")
        #expect(metric("asof_commands_not_permitted_total") == 0, "\(metrics)")
        for name in ["ada", "app", "127.0.0.1", "guess-"] { #expect(!metrics.contains("\"\(name)"), "\(name)") }
        let output = place.served.stop()
        #expect(output.error.contains("too many failed passwords from 127.0.0.1"), "\(output.error)")
        #expect(!output.error.contains("guess-") && !output.error.contains("geheim"))
    }

    @Test func `a reader ends, pauses and changes nothing of anybody's`() throws {
        let place = try Place([["ada", "admin"], ["app", "reader"]])
        let (ada, app) = (try place.served.client(), try place.served.client())
        #expect(try ada.run("AUTH", "ada", "geheim") == .simple("OK"))
        #expect(try app.run("AUTH", "app", "geheim") == .simple("OK"))
        let id = try #require(try ada.run("CLIENT", "ID").integer)
        let position = try place.store.head()
        for line in [
            "CLIENT KILL ID \(id)", "CLIENT KILL USER ada", "CLIENT PAUSE 60000", "CLIENT LIST", "CLIENT UNBLOCK \(id)",
            "SLOWLOG RESET", "SLOWLOG GET", "ACL LIST", "ACL SETUSER app on allcommands", "CONFIG SET maxclients 1",
            "CONFIG RESETSTAT", "DEBUG SLEEP 60", "SHUTDOWN NOSAVE", "FLUSHALL", "KEYS *", "MONITOR",
            "REPLICAOF NO ONE",
            "EVAL return 0", "SCRIPT KILL", "FS.SET marks 1 * n 1", "FS.DEL marks 1 *", "FS.WRITE marks,user_id=1 n=1i",
            "ML.ALIAS m champion 1", "ML.ROLLBACK m REASON x", "LATENCY HISTOGRAM",
        ] {
            #expect(try app.line(line).isError, "\(line)")
            #expect(try ada.run("PING") == .simple("PONG"), "\(line)")
        }
        #expect(try place.store.head() == position)
        #expect(try app.run("FS.GET", "stats", "1").isError == false)
    }
}
