import Markup

/// The rows of a list, as many as a page has room for.
struct PageRows {
    private let template: MarkupTemplate
    private let bytesMax: Int
    private let rowsMax: Int
    private(set) var html = ""
    private(set) var count = 0

    init(_ template: MarkupTemplate, bytesMax: Int, rowsMax: Int = HTTPLimits.pageRowsMax) {
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
