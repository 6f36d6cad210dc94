/// Where a value stands in a record: `value.customer.id`, `value.items[0].sku`, `key`, `key.id`.
///
/// Members are written plain or in quotes (`value."a.b"`), elements of arrays by their place from 0.
package struct StreamPath: Hashable, Sendable {
    package enum Root: String, Hashable, Sendable {
        /// The record's key: as a text where nothing follows, as JSON where members do.
        case key
        /// The record's value, in the stream's format.
        case value
    }

    package enum Step: Hashable, Sendable {
        case member(String)
        case element(Int)
    }

    package var root: Root
    package var steps: [Step]

    package init(_ root: Root, _ steps: [Step]) {
        self.root = root
        self.steps = steps
    }

    /// - Returns: `nil` where the text is no path; ``expected`` says what one is.
    package init?(text: String) {
        var scalars = text.unicodeScalars[...]
        let word = Self.takeWord(&scalars)
        guard let root = Root(rawValue: word) else { return nil }
        self.init(root, [])
        while let first = scalars.popFirst() {
            guard steps.count < DefinitionLimits.streamPathStepsMax else { return nil }
            switch first {
            case ".":
                if scalars.first == "\"" {
                    scalars.removeFirst()
                    guard let name = Self.takeQuoted(&scalars) else { return nil }
                    steps.append(.member(name))
                } else {
                    let name = Self.takeWord(&scalars)
                    guard !name.isEmpty else { return nil }
                    steps.append(.member(name))
                }
            case "[":
                guard let end = scalars.firstIndex(of: "]"),
                    let place = Int(String(scalars[..<end])), (0..<1_000_000).contains(place)
                else { return nil }
                scalars = scalars[scalars.index(after: end)...]
                steps.append(.element(place))
            default: return nil
            }
        }
    }

    /// What a path is, as the end of a message.
    package static let expected = "a path into the record, as in value.customer.id, value.items[0].sku or key"

    private static func takeWord(_ scalars: inout Substring.UnicodeScalarView) -> String {
        let end = scalars.firstIndex { $0 == "." || $0 == "[" || $0 == "\"" || $0 == "]" } ?? scalars.endIndex
        defer { scalars = scalars[end...] }
        return String(scalars[..<end])
    }

    /// The text up to the closing quote; `""` in it stands for one.
    private static func takeQuoted(_ scalars: inout Substring.UnicodeScalarView) -> String? {
        var name = String.UnicodeScalarView()
        while let scalar = scalars.popFirst() {
            guard scalar == "\"" else {
                name.append(scalar)
                continue
            }
            guard scalars.first == "\"" else { return name.isEmpty ? nil : String(name) }
            scalars.removeFirst()
            name.append("\"")
        }
        return nil
    }

    /// The path as it is written.
    package var text: String {
        steps.reduce(root.rawValue) { text, step in
            switch step {
            case .element(let place): return "\(text)[\(place)]"
            case .member(let name):
                let isPlain = !name.unicodeScalars.contains { $0 == "." || $0 == "[" || $0 == "\"" || $0 == "]" }
                return isPlain ? "\(text).\(name)" : "\(text).\"\(name.replacing("\"", with: "\"\""))\""
            }
        }
    }
}

extension StreamPath: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let path = StreamPath(text: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no \(Self.expected)")
        }
        self = path
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
