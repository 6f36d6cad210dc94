import Access
import Commands
import Features
import Foundation
import Markup
import Store
import TestSupport
import Testing

@testable import HTTPServer

/// Pages over a served store: what stands in them, in which order, and for whom.
@Suite struct PageTests {
    static let policy = "default-src 'none'; style-src 'self'; img-src 'self' data:"

    private static let yaml = """
        entities: { user: { key: user_id, type: int64 }, airport: { key: origin, type: string } }
        views:
          stats:
            entities: [user]
            max_age: 1h
            owner: ads
            tags: { tier: gold }
            description: What a user did.
            features: { clicks: { type: int64, description: How often. }, ctr: float64 }
          weather: { entities: [airport], source: { sql: "SELECT 1 AS a WHERE :from < :to" }, features: { temp: float32 } }
          rates: { entities: [], features: { rate: float64 } }
          events: { entities: [user], events: { id: id }, features: { id: int64, price: float64 } }
          recent: { entities: [user], windows: { of: events, features: { n: count over 1h } } }
        services:
          ranking: { features: [stats.*, weather.temp], description: For the ranker., owner: ads }
          plain: [rates.rate]
        """

    private func pages(
        _ yaml: String = PageTests.yaml,
        versions: (Definitions) -> [Registry.StoredService] = { _ in [] }
    ) throws -> (store: ServedStore, server: TestHTTPServer) {
        let store = try ServedStore(yaml, versions: versions)
        return (store, try TestHTTPServer(store.engine))
    }

    /// A page that is whole, bounded and bound by the policy.
    private func get(_ server: TestHTTPServer, _ path: String, status: Int = 200) throws -> String {
        let answer = try server.get(path)
        #expect(answer.status == status, "\(path): \(answer)")
        #expect(answer.headers["content-type"] == Page.type, "\(path)")
        #expect(answer.headers["content-security-policy"]?.hasPrefix(Self.policy) == true, "\(path)")
        #expect(answer.body.utf8.count <= HTTPLimits.pageBytesMax, "\(path) has \(answer.body.utf8.count) bytes")
        #expect(answer.body.hasPrefix("<!doctype html>") && answer.body.hasSuffix("</html>\n"), "\(path)")
        return answer.body
    }

    private func links(_ page: String) -> Set<String> {
        Set(
            page.matches(of: /(?:href|action)="(\/[^"]*)"/).map { String($0.1).replacing("&amp;", with: "&") }
        )
    }

    @Test func `every link of every page leads to a page`() throws {
        let (_, server) = try pages()
        var (waiting, seen) = (["/"], Set<String>())
        while let path = waiting.popLast() {
            guard seen.insert(path).inserted else { continue }
            guard path != "/style.css" else {
                #expect(try server.get(path).headers["content-type"] == "text/css; charset=utf-8")
                continue
            }
            waiting += links(try get(server, path)).map { $0.replacing("%40", with: "@") }
        }
        for path in ["/views/stats", "/views/recent", "/services/ranking", "/services/ranking@3", "/models"] {
            #expect(seen.contains(path), "\(path) is linked nowhere")
        }
    }

    @Test func `a view's page has its features, whose they are, where rows come from and what uses it`() throws {
        let (_, server) = try pages()
        let stats = try get(server, "/views/stats")
        for part in [
            "<h1>stats</h1>", "What a user did.", "How often.", ">clicks<", ">int64<", ">ctr<", "ads", "tier=gold",
            "<a href=\"/services/ranking\">ranking@3</a>", "FS.GET stats 1 META", "store.execute(&quot;FS.GET&quot;",
            "/get-online-features", "online.&quot;stats&quot;", "user_id int64", "stale",
        ] { #expect(stats.contains(part), "\(part) is missing") }
        #expect(try get(server, "/views/weather").contains("SELECT 1 AS a WHERE :from &lt; :to"))
        let recent = try get(server, "/views/recent")
        #expect(recent.contains("<a href=\"/views/events\">events</a>") && recent.contains("count over"), "\(recent)")
        #expect(try get(server, "/views/events").contains("<a href=\"/views/recent\">recent</a>"))
        #expect(try get(server, "/views/rates").contains("No service reads it") == false)
    }

    @Test func `a service's page has its columns, versions and what they changed`() throws {
        let (_, server) = try pages { definitions in
            guard var old = definitions.services.first(where: { $0.name == "ranking" }) else { return [] }
            old.columns.removeLast()
            return [Registry.StoredService(old, version: 2, rules: definitions.rules(of: old))]
        }
        let page = try get(server, "/services/ranking")
        for part in [
            "<h1>ranking@3</h1>", "For the ranker.", "in force", "stats__clicks",
            "<a href=\"/views/weather\">weather</a>.temp",
            "<a href=\"/services/ranking%402\">ranking@2</a>", "+weather__temp", "the first", "asof1:",
            "FS.SERVE ranking@3 KEYS 2 user_id origin ROWS 1 1 a META", "asof train MODEL",
        ] { #expect(page.contains(part), "\(part) is missing") }
        let old = try get(server, "/services/ranking@2")
        #expect(old.contains("not in force") && !old.contains("weather.temp") && old.contains("the version in force"))
    }

    @Test func `stale views come first`() throws {
        let (store, server) = try pages()
        let home = try get(server, "/")
        let (stale, other) = (home.range(of: "/views/stats"), home.range(of: "/views/events"))
        #expect(try #require(stale).lowerBound < #require(other).lowerBound)
        #expect(home.contains("1 stale view first") && home.contains("77"), "position \(store.position)")
    }

    @Test func `an unknown name is a page that names the nearest one`() throws {
        let (_, server) = try pages()
        #expect(try get(server, "/views/stat", status: 404).contains("did you mean &#39;stats&#39;?"))
        #expect(try get(server, "/services/rankin", status: 404).contains("did you mean &#39;ranking&#39;?"))
        _ = try get(server, "/services/ranking@9", status: 404)
        _ = try get(server, "/models/m", status: 404)
        let hostile = try get(server, "/views/%3Cscript%3Ealert(1)%3C", status: 404)
        #expect(!hostile.contains("<script"))
        _ = try get(server, "/views/" + String(repeating: "%27", count: 10_000), status: 404)
    }

    @Test func `an empty store says what to type`() throws {
        let (_, server) = try pages("entities: {}")
        #expect(try get(server, "/").contains("asof apply\nasof ingest VIEW FILE.csv"))
        #expect(try get(server, "/views").contains("<pre>asof apply</pre>"))
        #expect(try get(server, "/services").contains("<pre>asof apply</pre>"))
        #expect(try get(server, "/models").contains("asof train MODEL --spine"))
        let none = try TestHTTPServer(Engine())
        #expect(try get(none, "/", status: 503).contains("asof serve -d DATABASE"))
    }

    /// Texts with which somebody may try to be more than text.
    static let hostile = [
        "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</bdi></td></table><h1>taken",
        "{{{body}}}{{name}}",
        "<\u{301}script>&lt;b&gt;&amp;", "\u{600}<b>bold\u{6dd}</b>",
        "\u{202e}evil\u{202c} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        String(repeating: "x", count: 10_000),
        String(repeating: "'", count: 10_000), String(repeating: "e\u{301}\u{302}\u{303}", count: 3_000),
    ]

    @Test(arguments: hostile.indices)
    func `hostile texts stay text`(index: Int) throws {
        let text = Self.hostile[index]
        let quoted = Value.string(text).json
        let (_, server) = try pages(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              plain: { entities: [user], description: \(quoted), owner: \(quoted), tags: { a: \(quoted) }, features: { n: { type: int64, description: \(quoted) } } }
            services:
              reads: { features: [plain.n], description: \(quoted), owner: \(quoted), tags: { a: \(quoted) } }
            models:
              says: { service: reads, task: binary, label: l, description: \(quoted), owner: \(quoted), tags: { a: \(quoted) } }
            """
        )
        let elements =
            /<(?=[A-Za-z\/!?])(?!\/?(?:!doctype|html|head|meta|title|link|body|nav|a|main|header|footer|section|div|form|label|input|button|table|thead|tbody|tr|th|td|p|h1|h2|h3|pre|span|bdi|ul|li)\b)/
        for path in ["/", "/views", "/views/plain", "/services", "/services/reads", "/models"] {
            let page = try get(server, path)
            // By scalars, as browsers read: a combining mark may follow a `<`.
            let plain = String(String.UnicodeScalarView(page.unicodeScalars.map { $0.isASCII ? $0 : "·" }))
            #expect(!plain.contains("<script") && !plain.contains("<img") && !plain.contains("<h1>taken"), "\(path)")
            #expect(plain.firstMatch(of: elements) == nil, "\(path): \(plain)")
            // In whole where it is short. This store has no models.
            if index < 3, path != "/", path != "/models" { #expect(page.contains(MarkupText.escaped(text)), "\(path)") }
        }
        let searched = try get(server, "/views?q=" + PageLink.encoded(String(text.prefix(2_000))))
        #expect(!searched.contains("<script") && !searched.contains("<img"))
    }

    @Test(arguments: hostile.indices, [0, 1, 5, 6, 7, 100, 240])
    func `a clipped text is the longest beginning that fits once it is escaped`(index: Int, bytesMax: Int) {
        let text = Self.hostile[index]
        let clipped = MarkupText.clipped(text, bytesMax: bytesMax)
        guard clipped != text else { return #expect(MarkupText.escaped(text).utf8.count <= bytesMax) }
        let kept = Array(clipped.unicodeScalars.dropLast())
        let all = Array(text.unicodeScalars)
        func bytes(_ scalars: ArraySlice<Unicode.Scalar>) -> Int {
            MarkupText.escaped(String(String.UnicodeScalarView(scalars))).utf8.count
        }
        #expect(clipped.unicodeScalars.last == "…" && kept == Array(all.prefix(kept.count)))
        #expect(bytes(all.prefix(kept.count)) <= bytesMax && bytes(all.prefix(kept.count + 1)) > bytesMax)
    }

    @Test func `what a user may not read is neither shown nor linked`() throws {
        let store = try ServedStore(Self.yaml)
        let access = AccessControl()
        let verifier = ScramVerifier(password: Array("geheim".utf8), salt: [1], iterations: 1)
        access.replace([
            Account(id: 1, name: "ada", verifier: verifier, grants: [Grant(.reader, pattern: "*")]),
            Account(
                id: 2,
                name: "bob",
                verifier: verifier,
                grants: [
                    Grant(.reader, kind: .view, pattern: "stats"), Grant(.reader, kind: .view, pattern: "recent"),
                    Grant(.reader, kind: .service, pattern: "ranking"),
                ]
            ),
            Account(id: 3, name: "eve", verifier: verifier, grants: []),
        ])
        let server = try TestHTTPServer(Engine(access: access, reads: store.engine.reads))
        func ask(_ user: String, _ path: String) throws -> HTTPAnswer {
            let word = Data("\(user):geheim".utf8).base64EncodedString()
            return try server.get(path, headers: [("Authorization", "Basic \(word)")])
        }
        #expect(try server.get("/views").status == 401)
        for path in ["/", "/views", "/views/stats", "/services", "/services/ranking", "/views/recent", "/models"] {
            let (all, some) = (try ask("ada", path), try ask("bob", path))
            #expect(all.status == 200 && some.status == 200, "\(path): \(all.status) \(some.status)")
            for hidden in ["/views/weather", "/views/rates", "/views/events", "/services/plain", "asof apply"] {
                #expect(!some.body.contains(hidden), "\(path) has \(hidden)")
            }
            #expect(try ask("eve", path).status == 403, "\(path)")
        }
        #expect(try ask("ada", "/views").body.contains("/views/weather"))
        #expect(try ask("bob", "/services/ranking").body.contains("a view that you may not read"))
        // Whether a name is there is not told either.
        for path in ["/views/weather", "/views/weathe", "/services/plain", "/services/plai", "/models/m"] {
            let answer = try ask("bob", path)
            #expect(answer.status == 403 && answer.body.contains("NOPERM") == false, "\(path): \(answer)")
        }
        #expect(try ask("bob", "/views/stats").body.contains("ranking@3"))
    }

    @Test func `ten thousand views are shown a page at a time, each once, and can be searched`() throws {
        var yaml = "entities: { user: { key: user_id, type: int64 } }\nviews:\n"
        for number in 0..<10_000 { yaml += "  v\(number): { entities: [user], features: { n: int64 } }\n" }
        let (_, server) = try pages(yaml)
        var (path, seen, count): (String?, Set<String>, Int) = ("/views", [], 0)
        while let here = path {
            let page = try get(server, here)
            let names = page.matches(of: /<a href="\/views\/(v\d+)"/).map { String($0.1) }
            #expect(names.count <= HTTPLimits.pageRowsMax && !names.isEmpty)
            count += names.count
            seen.formUnion(names)
            path = page.firstMatch(of: /<a href="([^"]*)" rel="next"/).map {
                String($0.1).replacing("&amp;", with: "&")
            }
        }
        #expect(seen.count == 10_000 && count == 10_000)
        let found = try get(server, "/views?q=V9999")
        #expect(found.contains("/views/v9999") && found.contains("1 view"))
        #expect(try get(server, "/views?q=nothing%20at%20all").contains("Nothing has that"))
        #expect(try get(server, "/").contains("All 10,000 views"))
    }

    @Test func `many long features are shown a page at a time`() throws {
        let description = Value.string(String(repeating: "<'", count: 600)).json
        var features = ""
        for number in 0..<700 { features += "      f\(number): { type: int64, description: \(description) }\n" }
        let (_, server) = try pages(
            "entities: { user: { key: user_id, type: int64 } }\nviews:\n  wide:\n    entities: [user]\n    features:\n\(features)services:\n  all: [wide.*]\n"
        )
        for (start, name) in [("/views/wide", /class="code">(f\d+)</), ("/services/all", /class="code">wide__(f\d+)</)]
        {
            var (path, seen): (String?, [String]) = (start, [])
            while let here = path {
                let page = try get(server, here)
                seen += page.matches(of: name).map { String($0.1) }
                path = page.firstMatch(of: /<a href="([^"]*)" rel="next"/).map { String($0.1) }
            }
            #expect(seen == (0..<700).map { "f\($0)" }, "\(start)")
        }
    }
}
