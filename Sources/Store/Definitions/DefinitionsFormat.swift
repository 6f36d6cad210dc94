import Foundation

/// Documents of the definitions in schema asof, which a newer binary may have written.
extension JSONDocument {
    /// Reads a document that must hold nothing that this binary does not know: leaving out what it does not know would be
    /// to serve, export or write by other rules than were applied.
    ///
    /// - Parameter place: where the document stands, for the error.
    /// - Throws: ``StoreError/newerDefinitions(_:)``.
    /// - Complexity: O(document), about four times what decoding alone takes.
    static func definition<Value: Codable>(
        _ type: Value.Type,
        from text: String,
        in place: String
    ) throws(StoreError) -> Value {
        do {
            let document = Data(text.utf8)
            let value = try JSONDecoder().decode(type, from: document)
            let known = try JSONEncoder().encode(value)
            let unknown = unknownField(
                of: try JSONSerialization.jsonObject(with: document, options: .fragmentsAllowed),
                beside: try JSONSerialization.jsonObject(with: known, options: .fragmentsAllowed)
            )
            guard let unknown else { return value }
            throw StoreError.newerDefinitions("\(place): unknown field '\(unknown)'")
        } catch let error as StoreError {
            throw error
        } catch let error as DecodingError {
            throw .newerDefinitions("\(place): \(Self.text(error))")
        } catch {
            throw .newerDefinitions("\(place) is no JSON document")
        }
    }

    /// The first field of a document that its own reading, written again, does not have. Fields that say nothing (null,
    /// false, zero, empty) do not count: a reader may leave them out.
    private static func unknownField(of document: Any, beside known: Any) -> String? {
        if let fields = document as? [String: Any] {
            guard let known = known as? [String: Any] else { return nil }
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) where !saysNothing(value) {
                guard let other = known[name] else { return name }
                if let inner = unknownField(of: value, beside: other) { return "\(name).\(inner)" }
            }
        } else if let items = document as? [Any], let known = known as? [Any] {
            for (index, (item, other)) in zip(items, known).enumerated() {
                if let inner = unknownField(of: item, beside: other) { return "\(index).\(inner)" }
            }
        }
        return nil
    }

    private static func saysNothing(_ value: Any) -> Bool {
        switch value {
        case is NSNull: true
        case let fields as [String: Any]: fields.values.allSatisfy(saysNothing)
        case let items as [Any]: items.isEmpty
        case let text as String: text.isEmpty
        case let flag as Bool: !flag
        case let number as Int: number == 0
        case let number as Double: number == 0
        default: false
        }
    }

    private static func text(_ error: DecodingError) -> String {
        let (path, reason): ([any CodingKey], String) =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context.codingPath, context.debugDescription)
            case .keyNotFound(let key, let context): (context.codingPath + [key], "it is not there")
            @unknown default: ([], "\(error)")
            }
        let field = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        return "field '\(field)': \(reason)"
    }
}
