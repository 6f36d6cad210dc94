/// By which of its rows a view answers: what of a view's definition is part of every version of a service that reads it.
package struct ViewRules: Hashable, Sendable {
    /// A value older than this is not returned, offline or online; `nil` = never expires.
    package var ttl: Interval?
    /// Offline only: a value counts as known this long after its event time.
    package var delay: Interval
    /// Offline only: whether the event time must lie strictly before the label time.
    package var isStrict: Bool

    package init(ttl: Interval? = nil, delay: Interval = .zero, isStrict: Bool = false) {
        self.ttl = ttl
        self.delay = delay
        self.isStrict = isStrict
    }

    /// `ttl 30d -> 7d`, `strict false -> true`: what differs, rule by rule.
    func changes(from old: ViewRules) -> [String] {
        var parts: [String] = []
        func add(_ rule: String, _ before: String, _ after: String) {
            if before != after { parts.append("\(rule) \(before) -> \(after)") }
        }
        add("ttl", old.ttl?.text ?? "none", ttl?.text ?? "none")
        add("delay", old.delay.text, delay.text)
        add("strict", "\(old.isStrict)", "\(isStrict)")
        return parts
    }
}

extension ViewDefinition {
    package var rules: ViewRules {
        get { ViewRules(ttl: ttl, delay: delay, isStrict: isStrict) }
        set { (ttl, delay, isStrict) = (newValue.ttl, newValue.delay, newValue.isStrict) }
    }
}
