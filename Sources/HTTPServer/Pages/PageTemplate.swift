import Mustache

/// HTML with gaps.
///
/// Text is escaped by Mustache and stands inside of elements only, as in the page of a training report. What stands in three
/// braces was rendered before, or is a path of ``PageLink``.
struct PageTemplate: Sendable {
    private let template: MustacheTemplate

    init(_ text: String) {
        // The template is ours, so that an error in it is a bug.
        guard let template = try? MustacheTemplate(string: text) else {
            preconditionFailure("a template of pages cannot be read: \(text.prefix(200))")
        }
        self.template = template
    }

    func render(_ values: [String: Any]) -> String { template.render(values) }
}

/// The rows of a list, as many as a page has room for.
struct PageRows {
    private let template: PageTemplate
    private let bytesMax: Int
    private let rowsMax: Int
    private(set) var html = ""
    private(set) var count = 0

    init(_ template: PageTemplate, bytesMax: Int, rowsMax: Int = HTTPLimits.pageRowsMax) {
        self.template = template
        self.bytesMax = bytesMax
        self.rowsMax = rowsMax
    }

    /// - Returns: whether there was room for the row; the first always has it.
    mutating func add(_ values: [String: Any]) -> Bool {
        guard count < rowsMax else { return false }
        let row = template.render(values)
        guard count == 0 || html.utf8.count + row.utf8.count <= bytesMax else { return false }
        html += row
        count += 1
        return true
    }

    /// Adds what there is room for.
    /// - Returns: how many of `elements` are shown.
    mutating func add<Elements: Collection>(_ elements: Elements, _ values: (Elements.Element) -> [String: Any]) -> Int
    {
        for (index, element) in elements.enumerated() where !add(values(element)) { return index }
        return elements.count
    }
}
