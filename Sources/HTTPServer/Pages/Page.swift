import Markup
import NIOCore
import NIOHTTP1
import Serving

/// A page without its frame.
struct Page {
    var status = HTTPResponseStatus.ok
    let title: String
    /// The entry of the menu that it belongs to.
    let section: String
    let body: String

    static let type = "text/html; charset=utf-8"
    /// Nothing is loaded from elsewhere, nothing runs, and no page of others shows this one.
    static let policy =
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    private static let menu = [
        ("Overview", "/"), ("Views", "/views"), ("Services", "/services"), ("Models", "/models"), ("Ledger", "/ledger"),
    ]

    private static let frame = MarkupTemplate(
        #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>{{title}} · Asof</title>
        <link rel="stylesheet" href="/style.css"/>
        <link rel="icon" href="data:,"/>
        </head>
        <body>
        <nav aria-label="Pages">{{#menu}}<a href="{{{path}}}"{{#isHere}} aria-current="page"{{/isHere}}>{{name}}</a>{{/menu}}</nav>
        <main>
        {{#away}}<p class="notice" role="status">{{.}}</p>{{/away}}
        {{{body}}}
        <footer class="quiet">{{footer}}</footer>
        </main>
        </body>
        </html>

        """#
    )

    /// - Parameter scope: `nil` = nothing is served yet.
    func reply(_ scope: PageScope?) -> HTTPReply {
        var values: [String: Any] = ["title": PageText.short(title), "body": body]
        values["menu"] = Self.menu.map { ["name": $0.0, "path": $0.1, "isHere": $0.0 == section] as [String: Any] }
        values["footer"] =
            scope.map {
                "Asof \($0.version) · position \(MarkupText.grouped($0.position)) · \(PageText.time($0.nowUs))"
            }
            ?? "Asof"
        if let scope, let since = scope.state?.downSince {
            values["away"] =
                "PostgreSQL is away since \(PageText.time(since)). What stands here is from memory and may be \(PageText.span(scope.staleUs)) old; what only PostgreSQL has is left out."
        }
        return Self.reply(status, Self.type, Self.frame.render(values))
    }

    static func reply(_ status: HTTPResponseStatus, _ type: String, _ text: String) -> HTTPReply {
        var reply = HTTPReply(status, type, ByteBuffer(string: text))
        reply.headers.append(("Content-Security-Policy", policy))
        reply.headers.append(("Referrer-Policy", "no-referrer"))
        return reply
    }

    private static let faultBody = MarkupTemplate(
        #"""
        <header><p class="quiet">{{status}}</p><h1>{{reason}}</h1></header>
        <section><p><bdi>{{message}}</bdi></p></section>

        """#
    )

    /// Why there is no page.
    static func reply(_ fault: HTTPFault, _ scope: PageScope?) -> HTTPReply {
        let reason = fault.status.reasonPhrase
        let body = faultBody.render([
            "status": "\(fault.status.code)", "reason": reason, "message": PageText.long(fault.message),
        ])
        var reply = Page(status: fault.status, title: reason, section: "", body: body).reply(scope)
        reply.headers += fault.headers
        return reply
    }

    /// That of all pages.
    static let style =
        PageStyle.base + PageStyle.dark + """
            a { color: var(--model); }
            nav { display: flex; flex-wrap: wrap; gap: 4px 18px; padding: 12px 18px; max-width: 960px; margin: 0 auto; }
            nav a { text-decoration: none; padding: 4px 0; }
            nav a[aria-current] { font-weight: 600; border-bottom: 2px solid currentColor; }
            main { padding-top: 12px; }
            footer { margin-top: 24px; overflow-wrap: anywhere; }
            .notice { background: var(--bad-page); color: var(--bad); border-radius: 8px; padding: 10px 14px; margin-bottom: 16px; }
            .mark { display: inline-block; border-radius: 4px; padding: 0 7px; font-size: 13px; white-space: nowrap; }
            .mark.bad { background: var(--bad-page); color: var(--bad); }
            .mark.good { background: var(--good-page); color: var(--good); }
            .mark.off { background: var(--off-page); color: var(--off); }
            .text { overflow-wrap: anywhere; min-width: 150px; }
            .code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
            .name { white-space: nowrap; }
            td .quiet { display: block; }
            pre:last-child { margin-bottom: 0; }
            table + p, .wide + p { margin-top: 12px; }
            th .quiet, th .mark { display: block; width: fit-content; }
            h3 { font-size: 14px; margin: 0 0 6px; color: var(--quiet); font-weight: 600; }
            form { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 14px; align-items: end; }
            label { display: flex; flex-direction: column; font-size: 13px; color: var(--quiet); gap: 2px; }
            input, button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--quiet);
              border-radius: 6px; padding: 5px 10px; max-width: 100%; }
            @media (max-width: 500px) {
              main, nav { padding-left: 12px; padding-right: 12px; }
              nav { gap: 2px 12px; font-size: 14px; }
              section { padding: 14px 12px; }
              th, td { padding-right: 10px; }
              .cards { grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); }
            }

            """
}
