import Access
import Commands
import Features
import Foundation
import Markup
import Metrics
import Models
import NIOHTTP1
import Serving
import Store
import Wire

/// What pages say of a model in one place or another.
enum ModelFacts {
    /// The service that it reads, as ML.MODELS has it.
    static func service(_ entry: ModelShelf.Entry) -> String? {
        entry.definition?.service ?? entry.champion.flatMap { entry.ready($0)?.version.service }
    }
}

/// `/models` and `/models/M`: what ML.MODELS and ML.MODEL tell.
enum ModelPages {
    static func list(_ scope: PageScope) -> Page {
        PageList<ModelShelf.Entry>(
            title: "Models",
            path: "/models",
            head: #"""
                <th scope="col">model</th><th scope="col">champion</th><th scope="col" class="right">versions</th><th scope="col">task</th><th scope="col">service</th><th scope="col" class="right">calls</th><th scope="col">description</th>
                """#,
            row: row,
            empty: scope.rights == nil
                ? (
                    "No models yet. Define one under models: in features.yaml, then",
                    "asof apply\nasof train MODEL --spine labels.csv --label-time at"
                )
                : (
                    "There is no model that you may read. An admin gives the right with",
                    "asof user grant NAME reader PATTERN"
                ),
            name: { $0.name },
            texts: {
                [$0.name, $0.definition?.description, $0.definition?.owner, PageText.tags($0.definition?.tags ?? [:])]
            },
            values: { values($0, scope) }
        ).page(scope.models, scope)
    }

    static func model(_ scope: PageScope) throws(HTTPFault) -> Page {
        let name = scope.name.prefix { $0 != "@" }
        guard let entry = scope.catalog.models.entries[String(name)] else {
            throw scope.missing(.model, scope.name, among: scope.models.map(\.name))
        }
        var values = values(entry, scope)
        values["long"] = (entry.definition?.description).map { PageText.long($0) }
        values["facts"] = facts(entry)
        var versions = PageRows(versionRow, bytesMax: HTTPLimits.pageListBytesMax)
        let newest = Array(entry.versions.reversed())
        let shown = versions.add(newest) { version($0, entry, scope) }
        values["versionRows"] = versions.html
        values["hasVersions"] = !newest.isEmpty
        if shown < newest.count { values["older"] = PageText.count(newest.count - shown, "older version") }
        var aliases = PageRows(aliasRow, bytesMax: HTTPLimits.pageSideListBytesMax)
        _ = aliases.add(entry.aliases.sorted { $0.key < $1.key }) {
            ["name": $0.key, "version": "\(entry.name)@\($0.value.text)"]
        }
        values["aliases"] = aliases.html
        values["hasAliases"] = !entry.aliases.isEmpty
        if let served = entry.champion.flatMap({ entry.ready($0) }),
            let service = try? scope.catalog.service(
                named: Array("\(served.version.service)@\(served.version.serviceVersion)".utf8).span
            )
        {
            values["examples"] = PageExamples.of(model: entry.name, service, scope)
        } else {
            values["answersNot"] = true
        }
        return Page(title: entry.name, section: "Models", body: template.render(values))
    }

    private static func values(_ entry: ModelShelf.Entry, _ scope: PageScope) -> [String: Any] {
        let calls = entry.versions.reduce(0) { $0 + (entry.ready($1)?.counters.now.calls ?? 0) }
        var values: [String: Any] = [
            "name": entry.name, "path": PageLink.model(entry.name),
            "champion": entry.champion.map { "\(entry.name)@\($0)" } ?? "none",
            "mark": entry.champion == nil ? "off" : "good", "versions": "\(entry.versions.count)",
            "task": entry.definition?.task.rawValue ?? "no longer defined",
            "calls": MarkupText.grouped(calls),
        ]
        let definition = entry.definition
        values.merge(PageText.about(definition?.description, definition?.owner, definition?.tags ?? [:])) { $1 }
        if let service = ModelFacts.service(entry), scope.mayRead(.service, service) {
            values["service"] = ["name": service, "path": PageLink.service(service)]
        }
        return values
    }

    private static func facts(_ entry: ModelShelf.Entry) -> [[String: Any]] {
        let definition = entry.definition
        let facts: [(String, String?)] = [
            ("predicts", definition?.label), ("algorithm", definition?.algorithm.rawValue),
            ("owner", definition?.owner.map { PageText.short($0) }),
            ("tags", definition.flatMap { $0.tags.isEmpty ? nil : PageText.short(PageText.tags($0.tags)) }),
            ("label delay", definition?.labelDelay.text), ("logged", definition?.logText),
            ("defined", definition == nil ? "no more; its versions still answer" : nil),
        ]
        return facts.compactMap { fact in fact.1.map { ["name": fact.0, "value": PageText.short($0)] } }
    }

    private static func version(_ number: Int, _ entry: ModelShelf.Entry, _ scope: PageScope) -> [String: Any] {
        let names = entry.aliases.filter { $0.value.version == number }.keys.sorted().joined(separator: ", ")
        var values: [String: Any] = ["name": "\(entry.name)@\(number)"]
        values["aliases"] = names.isEmpty ? nil : PageText.short(names)
        guard let served = entry.ready(number) else {
            values["state"] = "not ready"
            values["mark"] = "bad"
            let reason = entry.notReady.first { $0.version == number }?.reason
            if reason == nil {
                values["state"] = "not kept"
                values["mark"] = "off"
            }
            values["metrics"] = PageText.short(reason ?? "retired, or older than those that a server keeps")
            return values
        }
        let version = served.version
        values["state"] = version.state.rawValue
        values["mark"] = version.state == .ready ? "good" : "off"
        values["algorithm"] = version.algorithm
        values["position"] = MarkupText.grouped(version.position)
        values["registered"] = scope.age(version.committedUs)
        values["metrics"] = PageText.short(metrics(version))
        if scope.mayRead(.service, version.service) {
            let name = "\(version.service)@\(version.serviceVersion)"
            values["service"] = ["name": name, "path": PageLink.service(name)]
        }
        return values
    }

    /// Those of the version itself, which training calls `new`, not of what it was compared with.
    private static func metrics(_ version: ModelVersion) -> String {
        guard let all = try? JSONDecoder().decode([String: [String: Double]].self, from: Data(version.metrics.utf8)),
            let own = all["new"]
        else { return "–" }
        return own.sorted { $0.key < $1.key }.map { "\($0.key) \(($0.value * 10_000).rounded() / 10_000)" }.joined(
            separator: ", "
        )
    }

    private static let row = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name"><a href="{{{path}}}">{{name}}</a></th><td><span class="mark {{{mark}}}">{{champion}}</span></td><td class="right">{{versions}}</td><td class="name">{{task}}</td><td class="name">{{#service}}<a href="{{{path}}}">{{name}}</a>{{/service}}</td><td class="right">{{calls}}</td><td class="text"><bdi>{{description}}</bdi>{{#owner}}<span class="quiet">owner: <bdi>{{.}}</bdi></span>{{/owner}}{{#tags}}<span class="quiet">tags: <bdi>{{.}}</bdi></span>{{/tags}}</td></tr>

        """#
    )

    private static let aliasRow = MarkupTemplate("<tr><td>{{name}}</td><td class=\"code\">{{version}}</td></tr>\n")

    private static let versionRow = MarkupTemplate(
        #"""
        <tr><th scope="row" class="name">{{name}}{{#aliases}}<span class="quiet">{{.}}</span>{{/aliases}}</th><td><span class="mark {{{mark}}}">{{state}}</span></td><td class="text">{{metrics}}</td><td class="name">{{#service}}<a href="{{{path}}}">{{name}}</a>{{/service}}</td><td class="name">{{algorithm}}</td><td class="name">{{registered}}</td><td class="right">{{position}}</td></tr>

        """#
    )

    private static let template = MarkupTemplate(
        #"""
        <header><p class="quiet">Model · {{task}}</p><h1>{{name}}</h1>
        <p>{{#service}}reads <a href="{{{path}}}">{{name}}</a>{{/service}}</p>
        {{#long}}<p class="text"><bdi>{{.}}</bdi></p>{{/long}}</header>
        <section>
        <h2>Names</h2>
        {{#hasAliases}}<table class="facts"><tbody>
        {{{aliases}}}</tbody></table>{{/hasAliases}}
        {{^hasAliases}}<p>No name stands for a version yet.</p>{{/hasAliases}}
        </section>
        <section>
        <h2>Versions</h2>
        {{#hasVersions}}
        <div class="wide" tabindex="0"><table>
        <thead><tr><th scope="col">version</th><th scope="col">state</th><th scope="col">metrics on its test rows</th><th scope="col">service</th><th scope="col">algorithm</th><th scope="col">registered</th><th scope="col" class="right">position</th></tr></thead>
        <tbody>
        {{{versionRows}}}</tbody>
        </table></div>
        {{#older}}<p class="quiet">{{.}}</p>{{/older}}
        {{/hasVersions}}
        {{^hasVersions}}<p>None yet. The first one comes with</p><pre>asof train {{name}} --spine labels.csv --label-time at</pre>{{/hasVersions}}
        </section>
        <section>
        <h2>Facts</h2>
        \#(PageParts.facts)
        </section>
        <section>
        <h2>Ask it</h2>
        {{#answersNot}}<p>No version of it answers here yet.</p>{{/answersNot}}
        {{#examples}}<h3>{{title}}</h3><pre>{{text}}</pre>
        {{/examples}}
        </section>

        """#
    )
}
