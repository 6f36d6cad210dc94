import Access
import Features
import Markup
import NIOHTTP1
import Online
import Reading
import Serving
import Store

/// `/views` and `/views/V`: what FS.VIEWS, FS.VIEW and FS.FRESHNESS tell.
enum ViewPages {
    static func list(_ scope: PageScope) -> Page {
        PageList<ServedView>(
            title: "Views",
            path: "/views",
            head: #"""
                <th scope="col">view</th><th scope="col">state</th><th scope="col">newest event</th><th scope="col">rows come</th><th scope="col">keys</th><th scope="col" class="right">features</th><th scope="col">description</th>
                """#,
            row: row,
            empty: scope.rights == nil
                ? ("No views yet. Describe them in features.yaml under views:, then", "asof apply")
                : (
                    "There is no view that you may read. An admin gives the right with",
                    "asof user grant NAME reader PATTERN"
                ),
            name: { $0.name },
            texts: {
                [$0.name, $0.definition.description, $0.definition.owner, PageText.tags($0.definition.tags)]
            },
            values: { ViewFacts.row($0, scope) }
        ).page(scope.views, scope)
    }

    static func view(_ scope: PageScope) throws(HTTPFault) -> Page {
        guard let view = scope.catalog.readableView(named: Array(scope.name.utf8).span) else {
            throw scope.missing(.view, scope.name, among: scope.views.map(\.name))
        }
        let definition = view.definition
        var values = ViewFacts.row(view, scope)
        values["long"] = definition.description.map { PageText.long($0) }
        values["facts"] = facts(view, scope)
        values.merge(features(view, scope)) { $1 }
        values["source"] = definition.source.map { MarkupText.clipped($0.sql, bytesMax: HTTPLimits.pageSourceBytesMax) }
        if definition.windows == nil { values["commits"] = PageLink.path("/ledger", [("view", view.name)]) }
        values["isComputed"] = definition.windows != nil
        if let of = definition.windows?.of, scope.mayRead(.view, of) {
            values["of"] = ["name": of, "path": PageLink.view(of)]
        }
        values.merge(uses(view, scope)) { $1 }
        values["examples"] = PageExamples.of(view, scope)
        return Page(title: view.name, section: "Views", body: template.render(values))
    }

    private static func facts(_ view: ServedView, _ scope: PageScope) -> [[String: Any]] {
        let (definition, freshness) = (view.definition, view.freshness.values)
        var facts: [(String, String?)] = [
            ("owner", definition.owner.map { PageText.short($0) }),
            ("tags", definition.tags.isEmpty ? nil : PageText.short(PageText.tags(definition.tags))),
            ("entities", definition.isGlobal ? "none: one row for all" : definition.entities.joined(separator: ", ")),
            ("keys", definition.keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")),
            ("newest event", freshness.newestEventTime.map { "\(PageText.time($0)), \(scope.age($0))" } ?? "none yet"),
            ("may be", definition.maxAge.map { "\($0.text) old (max_age)" }),
            (
                "last commit",
                freshness.lastCommit.map { "position \(MarkupText.grouped($0.position)), \(scope.age($0.committedAt))" }
            ),
            ("ttl", definition.ttl?.text ?? "none: values never expire"),
            ("delay", definition.delay == .zero ? nil : definition.delay.text),
            ("strict", definition.isStrict ? "yes" : nil),
            ("history is kept", definition.retention?.text ?? "for ever"),
            ("latest values", definition.isOnline ? nil : "none: online is false"),
        ]
        if let figures = view.memory?.figures {
            facts.append(
                ("in memory", "\(PageText.count(figures.rows, "row")), \(MarkupText.grouped(figures.bytes)) bytes")
            )
        } else if definition.windows == nil, definition.isOnline {
            facts.append(("in memory", "no: rows are read from PostgreSQL"))
        }
        if let events = definition.events { facts.append(("events differ by", events.id)) }
        if let model = definition.scoresOf, scope.mayRead(.model, model) { facts.append(("scores of", model)) }
        let plan = RowPlan(view)
        facts += [("schema", plan.fingerprint), ("rules", plan.rules)]
        return facts.compactMap { fact in fact.1.flatMap { $0.isEmpty ? nil : ["name": fact.0, "value": $0] } }
    }

    private static func features(_ view: ServedView, _ scope: PageScope) -> [String: Any] {
        let all = view.definition.features
        let after = scope.request["after"]
        let start = after.flatMap { after in all.firstIndex { $0.name == after }.map { $0 + 1 } } ?? 0
        var rows = PageRows(featureRow, bytesMax: HTTPLimits.pageListBytesMax)
        let windows = view.definition.windows
        let shown = rows.add(all[start...]) { feature in
            var values: [String: Any] = [
                "name": feature.name, "type": feature.type.text, "description": PageText.short(feature.description),
                "isPII": feature.isPII,
            ]
            values["window"] = windows?.texts[feature.name].map { PageText.short($0) }
            return values
        }
        var values: [String: Any] = [
            "featureRows": rows.html, "hasWindows": windows != nil,
            "counted": shown == all.count
                ? PageText.count(all.count, "feature")
                : "Features \(start + min(shown, 1)) to \(start + shown) of \(all.count)",
        ]
        if start + shown < all.count, shown > 0 {
            values["next"] = PageLink.path(PageLink.view(view.name), [("after", all[start + shown - 1].name)])
        }
        if start > 0 { values["first"] = PageLink.view(view.name) }
        return values
    }

    /// Services in force that read the view, models that read these, and windows over it.
    private static func uses(_ view: ServedView, _ scope: PageScope) -> [String: Any] {
        let services = scope.services.filter { service in
            service.roles.contains { $0.view.name == view.name || $0.view.definition.windows?.of == view.name }
        }
        let names = Set(services.map(\.name))
        let models = scope.models.filter { ModelFacts.service($0).map { names.contains($0) } ?? false }
        let windows = scope.views.filter { $0.definition.windows?.of == view.name }
        func links(_ items: [(name: String, path: String)]) -> String {
            var rows = PageRows(link, bytesMax: HTTPLimits.pageSideListBytesMax)
            let shown = rows.add(items) { ["name": $0.name, "path": $0.path] }
            return rows.html
                + (shown < items.count ? "<li>and \(MarkupText.grouped(items.count - shown)) more</li>" : "")
        }
        return [
            "hasServices": !services.isEmpty,
            "services": links(services.map { ("\($0.name)@\($0.version)", PageLink.service($0.name)) }),
            "hasModels": !models.isEmpty, "models": links(models.map { ($0.name, PageLink.model($0.name)) }),
            "hasWindowViews": !windows.isEmpty, "windowViews": links(windows.map { ($0.name, PageLink.view($0.name)) }),
            "isUnused": services.isEmpty && windows.isEmpty && scope.rights == nil,
            "isUnusedByMine": services.isEmpty && windows.isEmpty && scope.rights != nil,
        ]
    }

    private static let link = MarkupTemplate("<li><a href=\"{{{path}}}\">{{name}}</a></li>\n")

    private static let row = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name"><a href="{{{path}}}">{{name}}</a></th><td><span class="mark {{{mark}}}">{{state}}</span></td><td class="name">{{newest}}</td><td class="name">{{kind}}</td><td class="name">{{keys}}</td><td class="right">{{features}}</td><td class="text"><bdi>{{description}}</bdi>{{#owner}}<span class="quiet">owner: <bdi>{{.}}</bdi></span>{{/owner}}{{#tags}}<span class="quiet">tags: <bdi>{{.}}</bdi></span>{{/tags}}</td></tr>

        """#
    )

    private static let featureRow = MarkupTemplate(
        #"""
        <tr><th scope="row" class="code">{{name}}{{#isPII}} <span class="mark off">personal</span>{{/isPII}}</th><td class="code name">{{type}}</td>{{#window}}<td class="code text">{{.}}</td>{{/window}}<td class="text"><bdi>{{description}}</bdi></td></tr>

        """#
    )

    private static let template = MarkupTemplate(
        #"""
        <header><p class="quiet">View · {{kind}}</p><h1>{{name}}</h1>
        <p><span class="mark {{{mark}}}">{{state}}</span></p>
        {{#long}}<p class="text"><bdi>{{.}}</bdi></p>{{/long}}</header>
        <section>
        <h2>{{counted}}</h2>
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col">feature</th><th scope="col">type</th>{{#hasWindows}}<th scope="col">window</th>{{/hasWindows}}<th scope="col">description</th></tr></thead>
        <tbody>
        {{{featureRows}}}</tbody>
        </table></div>
        \#(PageParts.pager)
        </section>
        <section>
        <h2>Facts</h2>
        \#(PageParts.facts)
        {{#commits}}<p><a href="{{{.}}}">Its newest commits</a></p>{{/commits}}
        </section>
        <section>
        <h2>Where it comes from</h2>
        {{#source}}<p>This query, by <span class="code">asof materialize {{name}}</span>:</p><pre>{{source}}</pre>{{/source}}
        {{^source}}
        {{#of}}<p>Computed of the events of <a href="{{{path}}}">{{name}}</a> when it is read.</p>{{/of}}
        {{^of}}{{#isComputed}}<p>Computed of the events of another view when it is read.</p>{{/isComputed}}{{^isComputed}}<p>Rows are brought by <span class="code">asof ingest</span>, by streams or by writes to a server.</p>{{/isComputed}}{{/of}}
        {{/source}}
        </section>
        <section>
        <h2>What uses it</h2>
        {{#isUnusedByMine}}<p>No service that you may read reads it.</p>{{/isUnusedByMine}}
        {{#isUnused}}<p>No service reads it. To serve it, name its features under <span class="code">services:</span> in features.yaml, then</p><pre>asof apply</pre>{{/isUnused}}
        {{#hasServices}}<h3>Services</h3><ul>{{{services}}}</ul>{{/hasServices}}
        {{#hasModels}}<h3>Models</h3><ul>{{{models}}}</ul>{{/hasModels}}
        {{#hasWindowViews}}<h3>Windows</h3><ul>{{{windowViews}}}</ul>{{/hasWindowViews}}
        </section>
        <section>
        <h2>Read it</h2>
        {{#examples}}<h3>{{title}}</h3><pre>{{text}}</pre>
        {{/examples}}
        </section>

        """#
    )
}
