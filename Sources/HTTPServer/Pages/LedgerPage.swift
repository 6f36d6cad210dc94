import Access
import Features
import Markup
import Serving
import Store

/// `/ledger`: the newest commits, as `asof log` lists them.
enum LedgerPage {
    @Sendable static func make(_ scope: PageScope, _ ledger: PageLedger) throws(HTTPFault) -> Page {
        let view = scope.request["view"]
        if let view, scope.catalog.view(named: Array(view.utf8).span) == nil {
            throw scope.missing(.view, view, among: scope.views.map(\.name))
        }
        var values: [String: Any] = ["ledger": PageLedgerRows.table(ledger, scope)]
        values["view"] = view.map { ["name": $0, "path": PageLink.view($0)] }
        values["command"] = "asof log" + (view.map { " --view \($0)" } ?? "")
        return Page(title: "Ledger", section: "Ledger", body: template.render(values))
    }

    private static let template = MarkupTemplate(
        #"""
        <header><h1>Newest commits</h1>{{#view}}<p>of <a href="{{{path}}}">{{name}}</a> · <a href="/ledger">of all views</a></p>{{/view}}</header>
        <section>
        {{{ledger}}}<p class="quiet">Older ones: <span class="code">{{command}}</span></p>
        </section>

        """#
    )
}

/// Entries of the ledger as rows of a table.
enum PageLedgerRows {
    static func table(_ ledger: PageLedger, _ scope: PageScope) -> String { template.render(values(ledger, scope)) }

    private static func values(_ ledger: PageLedger, _ scope: PageScope) -> [String: Any] {
        switch ledger {
        case .notAsked: return [:]
        case .away(let reason): return ["ledgerAway": "The ledger cannot be read now: \(PageText.short(reason))."]
        case .lines(let lines):
            let isChosen = scope.rights != nil || scope.request["view"] != nil
            var rows = PageRows(row, bytesMax: HTTPLimits.pageListBytesMax)
            _ = rows.add(lines) { values($0, scope) }
            return [
                "rows": rows.html, "hasLedger": !lines.isEmpty, "ledgerEmpty": lines.isEmpty && !isChosen,
                "ledgerNone": lines.isEmpty && isChosen,
            ]
        }
    }

    private static func values(_ line: Ledger.Line, _ scope: PageScope) -> [String: Any] {
        var values: [String: Any] = [
            "position": MarkupText.grouped(line.position), "time": scope.age(line.committedAt.microseconds),
            "kind": line.kind, "rows": MarkupText.grouped(line.rows),
            "role": scope.rights == nil ? PageText.short(line.role) : "",
        ]
        if let view = line.view {
            values["view"] = view
            // What is gone, or hidden, has no page.
            if scope.catalog.view(named: Array(view.utf8).span) != nil { values["path"] = PageLink.view(view) }
        }
        if let (first, last) = line.earliest.flatMap({ first in line.latest.map { (first, $0) } }) {
            values["times"] = first == last ? first.text : "\(first.text) to \(last.text)"
        }
        return values
    }

    private static let row = MarkupTemplate(
        #"""
        <tr><td class="right">{{position}}</td><td class="name">{{time}}</td><td class="name">{{kind}}</td><td class="name">{{#path}}<a href="{{{.}}}">{{view}}</a>{{/path}}{{^path}}{{view}}{{/path}}</td><td class="right">{{rows}}</td><td class="name">{{times}}</td><td class="text"><bdi>{{role}}</bdi></td></tr>

        """#
    )

    private static let template = MarkupTemplate(
        #"""
        {{#ledgerAway}}<p>{{.}}</p>{{/ledgerAway}}
        {{#ledgerEmpty}}<p>Nothing was committed yet. The first rows come with</p><pre>asof ingest VIEW FILE.csv</pre>{{/ledgerEmpty}}
        {{#ledgerNone}}<p>None of the newest commits is of what is asked for and you may read.</p>{{/ledgerNone}}
        {{#hasLedger}}
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col" class="right">position</th><th scope="col">committed</th><th scope="col">kind</th><th scope="col">view</th><th scope="col" class="right">rows</th><th scope="col">event times</th><th scope="col">role</th></tr></thead>
        <tbody>
        {{{rows}}}</tbody>
        </table></div>
        {{/hasLedger}}

        """#
    )
}
