import Features
import Markup
import Online
import Serving

/// What pages say of a view in one place or another.
enum ViewFacts {
    struct Freshness {
        let newestUs: Int64?
        /// Age beyond `max_age`, µs; the most where there is no event at all.
        let overdue: Int64
        let isStale: Bool

        init(_ view: ServedView, _ scope: PageScope) {
            newestUs = view.freshness.values.newestEventTime
            guard let maxAge = view.definition.maxAge?.microseconds else {
                (overdue, isStale) = (0, false)
                return
            }
            let age = newestUs.map { scope.nowUs.subtractingReportingOverflow($0).partialValue } ?? .max
            isStale = age > maxAge
            overdue = isStale ? age - maxAge : 0
        }
    }

    /// What the rows of lists have.
    static func row(_ view: ServedView, _ scope: PageScope) -> [String: Any] {
        let (definition, freshness) = (view.definition, Freshness(view, scope))
        let (state, mark): (String, String) =
            if freshness.isStale { ("stale", "bad") } else if freshness.newestUs == nil {
                ("no rows", "off")
            } else if definition
                .maxAge == nil
            { ("no max_age", "off") } else { ("fresh", "good") }
        var values: [String: Any] = [
            "name": view.name, "path": PageLink.view(view.name), "state": state, "mark": mark,
            "newest": scope.age(freshness.newestUs), "maxAge": definition.maxAge?.text ?? "–",
            "rows": view.memory.map { MarkupText.grouped($0.figures.rows) } ?? "–",
            "keys": definition.keys.map(\.name).joined(separator: ", "),
            "features": MarkupText.grouped(definition.features.count), "kind": kind(definition),
        ]
        values.merge(PageText.about(definition.description, definition.owner, definition.tags)) { $1 }
        return values
    }

    /// Where its rows come from.
    static func kind(_ definition: ViewDefinition) -> String {
        if definition.windows != nil { return "windows" }
        if definition.scoresOf != nil { return "scores" }
        if definition.source != nil { return "batch" }
        return definition.events == nil ? "ingested" : "events"
    }
}
