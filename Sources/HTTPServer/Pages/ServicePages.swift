import Access
import Commands
import Features
import Markup
import NIOHTTP1
import Reading
import Serving
import Store
import Wire

/// `/services` and `/services/S`: what FS.SERVICES and FS.SERVICE tell, and what each version changed.
enum ServicePages {
    static func list(_ scope: PageScope) -> Page {
        PageList<ServicePlan>(
            title: "Services",
            path: "/services",
            head: #"""
                <th scope="col">service</th><th scope="col" class="right">version</th><th scope="col">keys</th><th scope="col" class="right">columns</th><th scope="col">fingerprint</th><th scope="col">description</th>
                """#,
            row: row,
            empty: scope.rights == nil
                ? ("No services yet. Name features under services: in features.yaml, then", "asof apply")
                : (
                    "There is no service that you may read. An admin gives the right with",
                    "asof user grant NAME reader PATTERN"
                ),
            name: { $0.name },
            texts: {
                [$0.name, $0.definition.description, $0.definition.owner, PageText.tags($0.definition.tags)]
            },
            values: { service in
                let definition = service.definition
                let values: [String: Any] = [
                    "name": service.name, "path": PageLink.service(service.name), "version": "\(service.version)",
                    "keys": service.keys.map(\.name).joined(separator: ", "), "columns": "\(service.columns.count)",
                    "fingerprint": service.fingerprint,
                ]
                let about = PageText.about(definition.description, definition.owner, definition.tags)
                return values.merging(about) { $1 }
            }
        ).page(scope.services, scope)
    }

    static func service(_ scope: PageScope) throws(HTTPFault) -> Page {
        let service: ServicePlan
        do { service = try scope.catalog.service(named: Array(scope.name.utf8).span) } catch {
            let fault = HTTPFault(CommandFault(error))
            // Hints name what there is: only that which the reader may read.
            throw fault.status == .notFound
                ? scope.missing(.service, scope.name, among: scope.services.map(\.name)) : fault
        }
        let versions = scope.catalog.versions(ofService: service.name)
        let inForce = scope.catalog.services.first { $0.name == service.name }?.version
        var values: [String: Any] = [
            "name": service.name, "version": "\(service.version)", "isInForce": inForce == service.version,
            "facts": facts(service), "examples": PageExamples.of(service, scope),
        ]
        values["long"] = service.definition.description.map { PageText.long($0) }
        if inForce != service.version, inForce != nil { values["current"] = PageLink.service(service.name) }
        values.merge(columns(service, scope)) { $1 }
        var rows = PageRows(versionRow, bytesMax: HTTPLimits.pageListBytesMax / 2)
        for (index, version) in versions.enumerated() {
            let before = index + 1 < versions.count ? versions[index + 1] : nil
            guard rows.add(self.version(version, before, inForce, scope)) else { break }
        }
        values["versions"] = rows.html
        if rows.count < versions.count {
            values["older"] = PageText.count(versions.count - rows.count, "older version")
        }
        let models = scope.models.filter { ModelFacts.service($0) == service.name }
        var links = PageRows(link, bytesMax: HTTPLimits.pageSideListBytesMax)
        _ = links.add(models) { ["name": $0.name, "path": PageLink.model($0.name)] }
        values["hasModels"] = !models.isEmpty
        values["models"] = links.html
        return Page(title: service.name, section: "Services", body: template.render(values))
    }

    private static func facts(_ service: ServicePlan) -> [[String: Any]] {
        let definition = service.definition
        let facts: [(String, String?)] = [
            ("fingerprint", service.fingerprint), ("rules", service.rules.fingerprint),
            ("owner", definition.owner.map { PageText.short($0) }),
            ("tags", definition.tags.isEmpty ? nil : PageText.short(PageText.tags(definition.tags))),
            (
                "keys",
                service.keys.isEmpty
                    ? "none"
                    : PageText.short(service.keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", "))
            ),
            (
                "packed row",
                service.packedRefusal == nil
                    ? PageText.count(service.packedWidth, "number") : "no: it \(service.packedRefusal ?? "")"
            ),
        ]
        return facts.compactMap { fact in fact.1.map { ["name": fact.0, "value": $0] } }
    }

    private static func columns(_ service: ServicePlan, _ scope: PageScope) -> [String: Any] {
        let all = service.definition.columns
        let after = scope.request["after"]
        let start = after.flatMap { after in all.firstIndex { $0.outputName == after }.map { $0 + 1 } } ?? 0
        var rows = PageRows(columnRow, bytesMax: HTTPLimits.pageListBytesMax)
        let shown = rows.add(all[start...]) { column in
            var values: [String: Any] = ["name": column.outputName, "type": column.type.text]
            switch column {
            case .feature(let feature):
                guard scope.mayRead(.view, feature.view) else {
                    values["text"] = "a view that you may not read"
                    break
                }
                values["view"] = [
                    "name": feature.view, "path": PageLink.view(feature.view), "feature": feature.feature,
                ]
                values["text"] = feature.window.map { PageText.short(": \($0.text)") }
            case .request: values["text"] = "the request"
            case .derived(let derived): values["expression"] = PageText.short(derived.expression)
            }
            return values
        }
        let path = PageLink.service("\(service.name)@\(service.version)")
        var values: [String: Any] = [
            "columns": rows.html,
            "counted": shown == all.count
                ? PageText.count(all.count, "column")
                : "Columns \(start + min(shown, 1)) to \(start + shown) of \(all.count)",
        ]
        if start + shown < all.count, shown > 0 {
            values["next"] = PageLink.path(path, [("after", all[start + shown - 1].outputName)])
        }
        if start > 0 { values["first"] = path }
        return values
    }

    private static func version(
        _ version: Registry.StoredService,
        _ before: Registry.StoredService?,
        _ inForce: Int?,
        _ scope: PageScope
    ) -> [String: Any] {
        let name = "\(version.definition.name)@\(version.version)"
        let views = (version.definition.lookups + (before?.definition.lookups ?? [])).map(\.view)
        let changes: String
        if let before {
            // The words name views.
            changes =
                views.allSatisfy { scope.mayRead(.view, $0) }
                ? version.definition.changes(from: before.definition, version.rules, before.rules).joined(
                    separator: "; "
                )
                : "not told: it reads a view that you may not read"
        } else {
            changes = "the first"
        }
        return [
            "name": name, "path": PageLink.service(name), "isInForce": version.version == inForce,
            "fingerprint": version.definition.fingerprint, "changes": PageText.short(changes),
        ]
    }

    private static let link = MarkupTemplate("<li><a href=\"{{{path}}}\">{{name}}</a></li>\n")

    private static let row = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name"><a href="{{{path}}}">{{name}}</a></th><td class="right">{{version}}</td><td class="name">{{keys}}</td><td class="right">{{columns}}</td><td class="code name">{{fingerprint}}</td><td class="text"><bdi>{{description}}</bdi>{{#owner}}<span class="quiet">owner: <bdi>{{.}}</bdi></span>{{/owner}}{{#tags}}<span class="quiet">tags: <bdi>{{.}}</bdi></span>{{/tags}}</td></tr>

        """#
    )

    private static let columnRow = MarkupTemplate(
        #"""
        <tr><th scope="row" class="code">{{name}}</th><td class="code name">{{type}}</td><td class="text">{{#view}}<a href="{{{path}}}">{{name}}</a>.{{feature}}{{/view}}{{text}}{{#expression}}<span class="code">{{.}}</span>{{/expression}}</td></tr>

        """#
    )

    private static let versionRow = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name"><a href="{{{path}}}">{{name}}</a>{{#isInForce}} <span class="mark good">in force</span>{{/isInForce}}</th><td class="text">{{changes}}<span class="quiet code">{{fingerprint}}</span></td></tr>

        """#
    )

    private static let template = MarkupTemplate(
        #"""
        <header><p class="quiet">Service</p><h1>{{name}}@{{version}}</h1>
        <p>{{#isInForce}}<span class="mark good">in force</span>{{/isInForce}}{{^isInForce}}<span class="mark off">not in force</span>{{/isInForce}}{{#current}} <a href="{{{.}}}">the version in force</a>{{/current}}</p>
        {{#long}}<p class="text"><bdi>{{.}}</bdi></p>{{/long}}</header>
        <section>
        <h2>{{counted}}</h2>
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col">column</th><th scope="col">type</th><th scope="col">from</th></tr></thead>
        <tbody>
        {{{columns}}}</tbody>
        </table></div>
        \#(PageParts.pager)
        </section>
        <section>
        <h2>Facts</h2>
        \#(PageParts.facts)
        </section>
        <section>
        <h2>Versions</h2>
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col">version</th><th scope="col">against the one before</th></tr></thead>
        <tbody>
        {{{versions}}}</tbody>
        </table></div>
        {{#older}}<p class="quiet">{{.}}</p>{{/older}}
        </section>
        <section>
        <h2>Models that read it</h2>
        {{#hasModels}}<ul>{{{models}}}</ul>{{/hasModels}}
        {{^hasModels}}<p>None. Define one under <span class="code">models:</span> in features.yaml, then</p><pre>asof train MODEL --spine labels.csv --label-time at</pre>{{/hasModels}}
        </section>
        <section>
        <h2>Read it</h2>
        {{#examples}}<h3>{{title}}</h3><pre>{{text}}</pre>
        {{/examples}}
        </section>

        """#
    )
}
