import Foundation
import Glibc
import TestSupport
import Testing

/// What lists, hints, figures and pages name: of views, services and models only those that their reader may read.
@Suite struct ToldNameTests {
    /// Each kind has names of `clicks_*`, which the reader may know, and of `orders_*`, which it may not.
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          clicks_day: { entities: [user], features: { n: int64 } }
          clicks_events: { entities: [user], events: { id: id }, features: { id: int64 } }
          clicks_recent: { entities: [user], windows: { of: clicks_events, features: { n: count over 1h } } }
          orders_day: { entities: [user], features: { n: int64 } }
          orders_recent: { entities: [user], windows: { of: clicks_events, features: { n: count over 1h } } }
        services:
          clicks_all: [clicks_day.n]
          orders_all: [orders_day.n]
        models:
          clicks_model: { service: clicks_all, task: binary, label: bought, algorithm: logistic }
          orders_model: { service: orders_all, task: binary, label: bought, algorithm: logistic }
        """

    private final class Place: Sendable {
        static let shared: Result<Place, any Error> = Result { try Place() }

        let port: Int
        let http: Int
        let pid: Int32
        private let keeper: Keeper

        private final class Keeper: @unchecked Sendable {
            // Sendable: kept, and not used.
            let served: ServedAsof
            init(_ served: ServedAsof) { self.served = served }
        }

        init() throws {
            let store = try ServedStore(ToldNameTests.yaml)
            for user in [["ada", "admin"], ["app", "writer", "clicks_*"]] {
                let added = try store.asof(["user", "add"] + user + ["--password-stdin"], input: "geheim\n")
                try #require(added.status == 0, "\(added.error)")
            }
            try #require(try store.asof(["user", "grant", "app", "trainer", "clicks_*"]).status == 0)
            let served = try ServedAsof(["-d", store.conninfo, "--http", "127.0.0.1:0"], in: store.scratch.path)
            port = served.port
            http = try served.httpPort()
            keeper = Keeper(served)
            pid = served.pid
            atexit { if let place = try? Place.shared.get() { _ = kill(place.pid, SIGKILL) } }
            let ada = try client("ada")
            let isLoaded = try Patience.wait(seconds: 60) {
                try ada.run("INFO", "persistence").text?.contains("loading:0") == true
            }
            try #require(isLoaded)
            for view in ["clicks_day", "orders_day"] {
                try #require(try ada.run("FS.SET", view, "1", "*", "n", "5").integer != nil)
            }
        }

        func client(_ user: String) throws -> RespClient {
            let client = try RespClient(port: port)
            try #require(try client.run("AUTH", user, "geheim") == .simple("OK"))
            return client
        }
    }

    /// What is asked, and whether it tells those who may read everything of `orders_*`.
    struct Row: Sendable, CustomTestStringConvertible {
        let request: String
        let body: String?
        let isTelling: Bool

        init(_ request: String, body: String? = nil, isTelling: Bool = true) {
            self.request = request
            self.body = body
            self.isTelling = isTelling
        }

        var testDescription: String { request }
    }

    /// Far from every name, so that all that are known stand in the hint; near one of another's.
    private static let (far, near) = ("clicks_qqqqqqqqqqqq", "rders_day")

    static let commands: [Row] = [
        Row("FS.VIEWS"), Row("FS.SERVICES"), Row("ML.MODELS"), Row("FS.STATS"), Row("FS.FRESHNESS"), Row("FS.WINDOWS"),
        Row("SCAN 0 COUNT 100"), Row("FS.GET \(far) 1"), Row("FS.MGET \(far) 1 1"), Row("FS.SET \(far) 1 * n 1"),
        Row("FS.DEL \(far) 1 *"), Row("FS.ASOF \(far) 1 *"), Row("FS.RANGE \(far) 1 - +"), Row("FS.CHANGES \(far) 0-0"),
        Row("FS.VIEW \(far)"), Row("FS.FRESHNESS \(far)"), Row("FS.WINDOWS \(far)"), Row("FS.WINDOWS clicks_day"),
        Row("FS.SERVE \(far) KEYS 1 user_id ROWS 1 1"), Row("FS.SERVICE \(far)"), Row("FS.SERVICE \(far)@3"),
        Row("ML.PREDICT \(far) KEYS 1 user_id ROWS 1 1"), Row("ML.MODEL \(far)"), Row("ML.MODEL \(far)@2"),
        Row("ML.STATS \(far)"), Row("ML.HISTORY \(far)"), Row("ML.DRIFT \(far)"), Row("ML.ALIAS \(far) champion 1"),
        Row("ML.ROLLBACK \(far) REASON x"), Row("INFO", isTelling: false), Row("ACL WHOAMI", isTelling: false),
        Row("COMMAND DOCS", isTelling: false), Row("CONFIG GET *", isTelling: false), Row("DBSIZE", isTelling: false),
        Row("FS.GET \(near) 1"), Row("FS.SERVE \(near) KEYS 0 ROWS 0"),
    ]

    private static let rows = "{\"keys\":{\"user_id\":[1]}}"
    private static let feast = "{\"features\":[\"\(far):n\"],\"entities\":{\"user_id\":[1]}}"

    static let routes: [Row] = [
        Row("/v1/views"), Row("/v1/services"), Row("/v1/models"), Row("/v1/freshness"), Row("/v1/stats"),
        Row("/metrics"), Row("/v1/views/\(far)"), Row("/v1/services/\(far)"), Row("/v1/models/\(far)"),
        Row("/v1/freshness/\(far)"), Row("/v1/serve/\(far)", body: rows), Row("/v1/predict/\(far)", body: rows),
        Row("/get-online-features", body: feast), Row("/"), Row("/views"), Row("/services"), Row("/models"),
        Row("/views/\(far)"), Row("/services/\(far)"), Row("/models/\(far)"), Row("/openapi.json", isTelling: false),
    ]

    private func check(_ row: Row, _ app: String, _ ada: String) {
        #expect(!app.contains("orders"), "\(app)")
        // What tells nobody would show nothing.
        #expect(ada.contains("orders") == row.isTelling, "\(ada)")
    }

    @Test("commands name what their reader may read", arguments: commands)
    func command(row: Row) throws {
        let place = try Place.shared.get()
        func ask(_ user: String) throws -> String { "\(try place.client(user).line(row.request))" }
        check(row, try ask("app"), try ask("ada"))
    }

    @Test func `so do hints of what was queued, and of lines of which some are good`() throws {
        let place = try Place.shared.get()
        func ask(_ user: String) throws -> String {
            let client = try place.client(user)
            var told = ""
            for line in ["MULTI", "FS.GET \(Self.far) 1", "FS.SERVICE \(Self.far)", "FS.VIEWS", "EXEC"] {
                told += "\(try client.line(line))"
            }
            for line in ["MULTI", "FS.SET \(Self.far) 1 * n 1", "EXEC"] { told += "\(try client.line(line))" }
            told += "\(try client.run("FS.WRITE", "clicks_day,user_id=1 n=1i\n\(Self.far),user_id=1 n=1i", "PARTIAL"))"
            return told
        }
        let (app, ada) = (try ask("app"), try ask("ada"))
        #expect(app.contains("clicks_day") && app.contains(Self.far), "\(app)")
        check(Row(""), app, ada)
    }

    @Test("routes and pages name what their reader may read", arguments: routes)
    func route(row: Row) throws {
        let place = try Place.shared.get()
        func ask(_ user: String) throws -> String {
            let basic = Data("\(user):geheim".utf8).base64EncodedString()
            return try HTTPProbe.ask(
                place.http,
                row.body == nil ? "GET" : "POST",
                row.request,
                headers: [("Authorization", "Basic \(basic)")],
                body: row.body
            ).body
        }
        check(row, try ask("app"), try ask("ada"))
    }

    @Test func `what a reader may read is in its hints`() throws {
        let app = try Place.shared.get().client("app")
        #expect(
            try app.line("FS.GET clicks_dey 1") == .error("FSNOVIEW no view 'clicks_dey'; did you mean 'clicks_day'?")
        )
        #expect(
            try app.line("FS.SERVICE clicks_al")
                == .error("FSNOSERVICE no service 'clicks_al'; did you mean 'clicks_all'?")
        )
        #expect(
            try app.line("ML.MODEL clicks_modl")
                == .error("MLNOMODEL no model 'clicks_modl'; did you mean 'clicks_model'?")
        )
    }
}
