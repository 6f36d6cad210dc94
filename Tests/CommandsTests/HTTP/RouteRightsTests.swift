import Access
import Commands
import Foundation
import TestSupport
import Testing

@testable import HTTPServer

/// Who may do what over HTTP, over the whole table of routes.
@Suite struct RouteRightsTests {
    /// A request, and who may send it: s(trangers, who say no user), n = a user without any grant, r(eader), w(riter),
    /// t(rainer) of `clicks_*`, a(dmin).
    struct Row: Sendable, CustomTestStringConvertible {
        let route: String
        let path: String
        let body: String?
        let who: String

        /// - Parameters:
        ///   - route: as the table has it.
        ///   - path: of one request to it; `nil` = the route's own.
        init(_ route: String, at path: String? = nil, body: String? = nil, _ who: String) {
            self.route = route
            self.path = path ?? String(route.split(separator: " ").last ?? "")
            self.body = body
            self.who = who
        }

        var verb: String { String(route.split(separator: " ").first ?? "") }
        var testDescription: String { "\(verb) \(path) \(body ?? "")" }
    }

    private static let keys = "{\"keys\":{\"user_id\":[1]}}"
    private static let tensors =
        "{\"inputs\":[{\"name\":\"user_id\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[1]}]}"

    static let rows: [Row] = [
        Row("GET /healthz", "snrwta"), Row("GET /readyz", "snrwta"), Row("GET /v2/health/live", "snrwta"),
        Row("GET /v2/health/ready", "snrwta"),
        Row("GET /metrics", "nrwta"), Row("GET /openapi.json", "nrwta"), Row("GET /style.css", "nrwta"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/clicks_s", body: keys, "rwta"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/clicks_s@3", body: keys, "rwta"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/other", body: keys, "a"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/nothing", body: keys, "a"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/other@clicks_s", body: keys, "a"),
        Row("POST /v1/serve/{service}", at: "/v1/serve/%6fther", body: keys, "a"),
        Row("POST /v1/predict/{model}", at: "/v1/predict/clicks_m", body: keys, "rwta"),
        Row("POST /v1/predict/{model}", at: "/v1/predict/other", body: keys, "a"),
        Row("GET /v1/views", "rwta"), Row("GET /v1/views/{view}", at: "/v1/views/clicks_a", "rwta"),
        Row("GET /v1/views/{view}", at: "/v1/views/orders", "a"),
        Row("GET /v1/views/{view}", at: "/v1/views/Clicks_a", "a"),
        Row("GET /v1/services", "rwta"), Row("GET /v1/services/{service}", at: "/v1/services/clicks_s", "rwta"),
        Row("GET /v1/services/{service}", at: "/v1/services/other", "a"),
        Row("GET /v1/models", "rwta"), Row("GET /v1/models/{model}", at: "/v1/models/clicks_m", "rwta"),
        Row("GET /v1/models/{model}", at: "/v1/models/other", "a"),
        Row("GET /v1/freshness", "rwta"), Row("GET /v1/freshness/{view}", at: "/v1/freshness/clicks_a", "rwta"),
        Row("GET /v1/freshness/{view}", at: "/v1/freshness/orders", "a"), Row("GET /v1/stats", "rwta"),
        Row("POST /api/v2/write", body: "clicks_a,user_id=1 n=1i", "wa"),
        Row("POST /api/v2/write", body: "orders,user_id=1 n=1i", "a"),
        Row("POST /api/v2/write", body: "clicks_a,user_id=1 n=1i\norders,user_id=1 n=1i", "a"),
        Row("POST /v1/write", body: "clicks_a,user_id=1 n=1i", "wa"),
        Row("POST /v1/write", body: "orders,user_id=1 n=1i", "a"),
        Row(
            "POST /get-online-features",
            body: "{\"feature_service\":\"clicks_s\",\"entities\":{\"user_id\":[1]}}",
            "rwta"
        ),
        Row("POST /get-online-features", body: "{\"feature_service\":\"other\",\"entities\":{\"user_id\":[1]}}", "a"),
        Row(
            "POST /get-online-features",
            body: "{\"features\":[\"clicks_a:n\"],\"entities\":{\"user_id\":[1]}}",
            "rwta"
        ),
        Row(
            "POST /get-online-features",
            body: "{\"features\":[\"clicks_a:n\",\"orders:n\"],\"entities\":{\"user_id\":[1]}}",
            "a"
        ),
        Row("POST /v2/models/{model}/infer", at: "/v2/models/clicks_m/infer", body: tensors, "rwta"),
        Row("POST /v2/models/{model}/infer", at: "/v2/models/other/infer", body: tensors, "a"),
        Row(
            "POST /v2/models/{model}/versions/{version}/infer",
            at: "/v2/models/clicks_m/versions/1/infer",
            body: tensors,
            "rwta"
        ),
        Row(
            "POST /v2/models/{model}/versions/{version}/infer",
            at: "/v2/models/other/versions/1/infer",
            body: tensors,
            "a"
        ),
        Row("GET /", "rwta"), Row("GET /views", "rwta"), Row("GET /views/{view}", at: "/views/clicks_a", "rwta"),
        Row("GET /views/{view}", at: "/views/orders", "a"), Row("GET /services", "rwta"),
        Row("GET /services/{service}", at: "/services/clicks_s", "rwta"),
        Row("GET /services/{service}", at: "/services/other", "a"),
        Row("GET /models", "rwta"), Row("GET /models/{model}", at: "/models/clicks_m", "rwta"),
        Row("GET /models/{model}", at: "/models/other", "a"), Row("GET /ledger", "rwta"),
        Row("GET /ledger", at: "/ledger?view=clicks_a", "rwta"), Row("GET /ledger", at: "/ledger?view=orders", "a"),
    ]

    /// One server for all rows.
    private final class Target: Sendable {
        static let shared: Result<Target, any Error> = Result { try Target() }

        let port: Int
        private let kept: Kept

        private struct Kept: @unchecked Sendable {
            // Sendable: kept, and not used again.
            let server: TestHTTPServer
            let store: ServedStore
            let written: WrittenStore
        }

        private static let yaml = """
            entities: { user: { key: user_id, type: int64 } }
            views:
              clicks_a: { entities: [user], features: { n: int64 } }
              orders: { entities: [user], features: { n: int64 } }
            services:
              clicks_s: [clicks_a.n]
              other: [orders.n]
            """

        init() throws {
            let (store, written) = (try ServedStore(Self.yaml), try WrittenStore(Self.yaml))
            let access = AccessControl()
            let verifier = ScramVerifier(password: Array("geheim".utf8), salt: [1], iterations: 2)
            let grants: [(String, [Grant])] = [
                ("n", []), ("r", [Grant(.reader, pattern: "clicks_*")]), ("w", [Grant(.writer, pattern: "clicks_*")]),
                ("t", [Grant(.trainer, pattern: "clicks_*")]), ("a", [Grant(.admin)]),
            ]
            access.replace(
                grants.enumerated().map { index, user in
                    Account(id: Int64(index + 1), name: user.0, verifier: verifier, grants: user.1)
                }
            )
            let server = try TestHTTPServer(
                Engine(access: access, reads: store.engine.reads, writes: written.writes)
            )
            port = server.port
            kept = Kept(server: server, store: store, written: written)
        }
    }

    @Test("each request is for those who may", arguments: rows)
    func rights(row: Row) throws {
        let target = try Target.shared.get()
        let isText = row.path.hasSuffix("write")
        for letter in "snrwta" {
            var headers: [(String, String)] = isText ? [("Content-Type", "text/plain; charset=utf-8")] : []
            if letter != "s" {
                headers.append(("Authorization", "Basic \(Data("\(letter):geheim".utf8).base64EncodedString())"))
            }
            let answer = try HTTPProbe.ask(target.port, row.verb, row.path, headers: headers, body: row.body)
            let expected = row.who.contains(letter) ? nil : letter == "s" ? 401 : 403
            // What it says to who may is other tests'.
            let isAsExpected = expected.map { answer.status == $0 } ?? ![401, 403].contains(answer.status)
            #expect(isAsExpected, "\(letter): \(answer)")
            if answer.status == 403 {
                #expect(answer.body.contains("this user may not"), "\(letter): \(answer)")
                #expect(!answer.body.contains("no view") && !answer.body.contains("no service"), "\(letter): \(answer)")
            }
        }
    }

    @Test func `no route of the table is left out, nor is there a row of none`() {
        let routes = Set(RouteTable.all.map { "\($0.verb) \($0.path)" })
        let rows = Set(Self.rows.map(\.route))
        #expect(routes.subtracting(rows).sorted() == [], "add a row that says who may ask")
        #expect(rows.subtracting(routes).sorted() == [])
        for row in Self.rows where row.who.contains("s") {
            #expect(RouteTable.all.contains { "\($0.verb) \($0.path)" == row.route && $0.isOpen }, "\(row.route)")
        }
    }
}
