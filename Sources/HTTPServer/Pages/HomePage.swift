import Features
import Markup
import Serving

/// `/`: what needs somebody, first.
enum HomePage {
    /// Newest entries of the ledger.
    static let linesMax = 10
    /// Views; the page of views has all.
    private static let viewsMax = 20

    @Sendable static func make(_ scope: PageScope, _ ledger: PageLedger) -> Page {
        let views = scope.views.map { (view: $0, freshness: ViewFacts.Freshness($0, scope)) }
        let stale = views.filter { $0.freshness.isStale }
        // Stale ones first, of those the most overdue; then those whose newest event is newest.
        let sorted = views.sorted { one, other in
            if one.freshness.isStale != other.freshness.isStale { return one.freshness.isStale }
            if one.freshness.isStale { return one.freshness.overdue > other.freshness.overdue }
            return (one.freshness.newestUs ?? .min, other.view.name) > (other.freshness.newestUs ?? .min, one.view.name)
        }
        var rows = PageRows(viewRow, bytesMax: HTTPLimits.pageListBytesMax, rowsMax: viewsMax)
        _ = rows.add(sorted) { ViewFacts.row($0.view, scope) }
        var values: [String: Any] = [
            "hasViews": !views.isEmpty, "rows": rows.html, "cards": cards(scope, views.count, stale.count),
            "heading": stale.isEmpty ? "Views" : PageText.count(stale.count, "stale view") + " first",
            "restricted": scope.rights != nil, "command": "asof apply\nasof ingest VIEW FILE.csv",
        ]
        if rows.count < views.count { values["more"] = "All \(MarkupText.grouped(views.count)) views" }
        values["ledger"] = PageLedgerRows.table(ledger, scope)
        return Page(title: "Overview", section: "Overview", body: template.render(values))
    }

    private static func cards(_ scope: PageScope, _ views: Int, _ stale: Int) -> [[String: Any]] {
        func card(_ title: String, _ value: String, _ note: String, _ path: String? = nil) -> [String: Any] {
            var card: [String: Any] = ["title": title, "value": value, "note": note]
            card["path"] = path
            return card
        }
        let lag = scope.state?.lag ?? 0
        let (services, models) = (scope.services.count, scope.models.count)
        let answering = scope.models.count { $0.champion != nil }
        return [
            card(
                "Position",
                MarkupText.grouped(scope.position),
                lag == 0 ? "up to date" : "\(PageText.count(Int(lag), "position")) behind"
            ),
            card(
                "Views",
                MarkupText.grouped(views),
                stale == 0 ? "none is stale" : "\(MarkupText.grouped(stale)) stale",
                "/views"
            ),
            card(
                "Services",
                MarkupText.grouped(services),
                "definitions version \(MarkupText.grouped(scope.catalog.version))",
                "/services"
            ),
            card(
                "Models",
                MarkupText.grouped(models),
                "\(MarkupText.grouped(answering)) with a champion that answers",
                "/models"
            ),
            card(
                "PostgreSQL",
                scope.state?.downSince == nil ? "up" : "away",
                scope.state?.downSince == nil ? "every commit is followed" : "served from memory"
            ),
        ]
    }

    private static let viewRow = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name"><a href="{{{path}}}">{{name}}</a></th><td><span class="mark {{{mark}}}">{{state}}</span></td><td class="name">{{newest}}</td><td class="name">{{maxAge}}</td><td class="right">{{rows}}</td><td class="text"><bdi>{{owner}}</bdi></td></tr>

        """#
    )

    private static let template = MarkupTemplate(
        #"""
        <header><h1>Feature store</h1></header>
        <section class="cards">
        {{#cards}}
        <div class="card"><p class="quiet">{{#path}}<a href="{{{.}}}">{{title}}</a>{{/path}}{{^path}}{{title}}{{/path}}</p><p class="number">{{value}}</p><p class="quiet">{{note}}</p></div>
        {{/cards}}
        </section>
        <section>
        {{#hasViews}}
        <h2>{{heading}}</h2>
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col">view</th><th scope="col">state</th><th scope="col">newest event</th><th scope="col">max_age</th><th scope="col" class="right">rows</th><th scope="col">owner</th></tr></thead>
        <tbody>
        {{{rows}}}</tbody>
        </table></div>
        {{#more}}<p><a href="/views">{{.}}</a></p>{{/more}}
        {{/hasViews}}
        {{^hasViews}}
        <h2>Nothing here yet</h2>
        {{#restricted}}<p>There is no view that you may read.</p>{{/restricted}}
        {{^restricted}}<p>Describe views in features.yaml, apply it, and bring rows:</p><pre>{{command}}</pre>{{/restricted}}
        {{/hasViews}}
        </section>
        <section>
        <h2><a href="/ledger">Newest commits</a></h2>
        {{{ledger}}}</section>

        """#
    )
}
