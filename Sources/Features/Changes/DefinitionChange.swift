/// One difference between the definitions of a file and those applied to the store: one line of `asof plan`.
package struct DefinitionChange: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
        case entity(String)
        case view(String)
        case feature(view: String, name: String)
        case service(String)
        case model(String)
        case stream(String)
    }

    package enum Kind: Hashable, Sendable {
        case added
        case removed
        case changed
    }

    /// What a change does to those who use the store; in ascending order.
    package enum Severity: Int, Hashable, Comparable, Sendable {
        case safe
        /// Something is no longer returned; its data stays until `--prune`.
        case retires
        /// `apply` does not do it.
        case refused

        package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    package var subject: Subject
    package var kind: Kind
    package var severity: Severity
    /// What is new or gone, or `old -> new`.
    package var detail: String
    /// For a refused change: what the user can do instead.
    package var wayOut: String?
    /// For a refused change: where the definitions say it, as `file:line:column`; `nil` where that is not known, or they do
    /// not say it any more.
    package var place: String?

    package init(
        _ subject: Subject,
        _ kind: Kind,
        _ severity: Severity,
        _ detail: String,
        wayOut: String? = nil
    ) {
        self.subject = subject
        self.kind = kind
        self.severity = severity
        self.detail = detail
        self.wayOut = wayOut
    }

    /// A safe change.
    package init(_ subject: Subject, _ kind: Kind, _ detail: String) { self.init(subject, kind, .safe, detail) }

    /// `+` added, `-` removed, `~` changed, `!` refused.
    package var mark: Character {
        if severity == .refused { return "!" }
        return switch kind {
        case .added: "+"
        case .removed: "-"
        case .changed: "~"
        }
    }

    /// `entity`, `view`, `feature`, `service`, `model` or `stream`.
    package var noun: String {
        switch subject {
        case .entity: "entity"
        case .view: "view"
        case .feature: "feature"
        case .service: "service"
        case .model: "model"
        case .stream: "stream"
        }
    }

    /// The subject's name; a feature's with its view.
    package var name: String {
        switch subject {
        case .entity(let name), .view(let name), .service(let name), .model(let name), .stream(let name): name
        case .feature(let view, let name): "\(view).\(name)"
        }
    }

    /// The change by itself, on one line.
    package var line: String { line(nameWidth: name.count) }

    private func line(nameWidth: Int) -> String {
        let columns = noun.padded(to: "feature".count) + "  " + name.padded(to: nameWidth)
        return "\(mark) \(columns)  \(place.map { "\($0): " } ?? "")\(detail)\(wayOut.map { "; \($0)" } ?? "")"
    }

    /// The changes as `asof plan` prints them, their details below one another.
    package static func lines(_ changes: [DefinitionChange]) -> [String] {
        let width = changes.map(\.name.count).max() ?? 0
        return changes.map { $0.line(nameWidth: width) }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
