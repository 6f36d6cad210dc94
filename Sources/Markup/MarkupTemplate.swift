import Mustache

/// HTML with gaps.
///
/// Text in a gap is escaped by ``MarkupText/escaped(_:)`` and stands inside of elements only. Mustache's own way goes by
/// characters, and a `<` behind certain marks (U+0600 and its relatives) is a part of theirs. What stands in three braces was
/// rendered before, or is a path of ours.
package struct MarkupTemplate: Sendable {
    private struct Escaping: MustacheContentType {
        func escapeText(_ text: String) -> String { MarkupText.escaped(text) }
    }

    private static let isRegistered: Void = MustacheContentTypes.register(Escaping(), named: "MARKUP")

    private let template: MustacheTemplate

    package init(_ text: String) {
        _ = Self.isRegistered
        // The template is ours, so that an error in it is a bug.
        guard let template = try? MustacheTemplate(string: "{{% CONTENT_TYPE:MARKUP}}" + text) else {
            preconditionFailure("a template cannot be read: \(text.prefix(200))")
        }
        self.template = template
    }

    package func render(_ values: [String: Any]) -> String { template.render(values) }
}
