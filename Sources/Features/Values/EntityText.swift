/// Why a text names no entity.
package struct EntityTextError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// An entity in text: the bare key of a one-key view, or line-protocol tags `origin=JFK,tailnum=N123`.
package enum EntityText {
    /// - Parameters:
    ///   - keys: the keys that the entity must have, in order; none for a global view, whose entity is the empty text.
    /// - Returns: the keys' values, in the order of `keys`: `int64` or `string`.
    package static func parse(_ text: String, keys: [KeyColumn]) throws(EntityTextError) -> [Value] {
        if keys.isEmpty {
            guard text.isEmpty else { throw EntityTextError(description: "'\(text)': a global view has no entity key") }
            return []
        }
        if keys.count == 1, !text.hasPrefix(keys[0].name + "=") { return [try value(text, keys[0])] }
        let expected = keys.map { "\($0.name)=…" }.joined(separator: ",")
        var found: [String: String] = [:]
        for (name, value) in try tags(text, expected) {
            guard keys.contains(where: { $0.name == name }) else {
                throw EntityTextError(
                    description: "'\(text)' has a key '\(name)'; expected \(expected)\(escapeHint(text))"
                )
            }
            guard found.updateValue(value, forKey: name) == nil else {
                throw EntityTextError(description: "'\(text)' has the key '\(name)' twice")
            }
        }
        var values: [Value] = []
        for key in keys {
            guard let text = found[key.name] else {
                throw EntityTextError(description: "'\(text)' lacks the key '\(key.name)'; expected \(expected)")
            }
            values.append(try value(text, key))
        }
        return values
    }

    /// An entity with what a request gives besides: `origin=JFK,carrier=AA`.
    ///
    /// - Parameter fields: names that are no keys.
    /// - Returns: the keys' values in their order, and the fields' texts in theirs.
    package static func parse(
        _ text: String,
        keys: [KeyColumn],
        fields: [String]
    ) throws(EntityTextError) -> (keys: [Value], fields: [String]) {
        if fields.isEmpty { return (try parse(text, keys: keys), []) }
        let names = keys.map(\.name) + fields
        let expected = names.map { "\($0)=…" }.joined(separator: ",")
        var found: [String: String] = [:]
        for (name, value) in try tags(text, expected) {
            guard names.contains(name) else {
                throw EntityTextError(description: "'\(text)' has '\(name)'; expected \(expected)\(escapeHint(text))")
            }
            guard found.updateValue(value, forKey: name) == nil else {
                throw EntityTextError(description: "'\(text)' has '\(name)' twice")
            }
        }
        var values: [Value] = []
        var texts: [String] = []
        for name in names {
            guard let given = found[name] else {
                throw EntityTextError(description: "'\(text)' lacks '\(name)'; expected \(expected)")
            }
            if values.count < keys.count {
                values.append(try value(given, keys[values.count]))
            } else {
                texts.append(given)
            }
        }
        return (values, texts)
    }

    /// The shortest text that ``parse(_:keys:)`` reads as these values.
    package static func text(_ values: [Value], keys: [KeyColumn]) -> String {
        if values.count == 1 { return values[0].text }
        return zip(keys, values).map { "\($0.name)=\(escaped($1.text))" }.joined(separator: ",")
    }

    /// A value between the `=` and `,` of an entity's text.
    package static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            if character == "," || character == "=" || character == " " { escaped += "\\" }
            escaped.unicodeScalars.append(character)
        }
        return escaped
    }

    private static func value(_ text: String, _ key: KeyColumn) throws(EntityTextError) -> Value {
        let bytes = Array(text.utf8)
        do throws(ValueTextError) {
            switch key.type {
            case .int64: return .int64(try ValueText.integer(bytes.span))
            case .string:
                try ValueText.checkString(bytes.span)
                return .string(text)
            }
        } catch {
            throw EntityTextError(
                description: "key '\(key.name)': expected \(key.type.rawValue), got '\(text)': \(error.reason)"
            )
        }
    }

    /// `name=value` pairs with commas between them; `\,` `\=` `\ ` stand for the character itself.
    private static func tags(_ text: String, _ expected: String) throws(EntityTextError) -> [(String, String)] {
        var pairs: [(String, String)] = []
        var name: String?
        var current = ""
        var isEscaped = false
        for character in text.unicodeScalars {
            if isEscaped {
                if character != "," && character != "=" && character != " " { current += "\\" }
                current.unicodeScalars.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "=", name == nil {
                name = current
                current = ""
            } else if character == "," {
                guard let key = name else { throw notAnEntity(text, expected) }
                pairs.append((key, current))
                name = nil
                current = ""
            } else {
                current.unicodeScalars.append(character)
            }
        }
        if isEscaped { current += "\\" }
        guard let key = name else { throw notAnEntity(text, expected) }
        pairs.append((key, current))
        return pairs
    }

    private static func notAnEntity(_ text: String, _ expected: String) -> EntityTextError {
        EntityTextError(description: "'\(text)' is no entity; expected \(expected)\(escapeHint(text))")
    }

    /// How a comma that belongs to a value is spelled, where a text has one that may be meant so.
    private static func escapeHint(_ text: String) -> String {
        text.contains(",") && text.contains("=") ? "; a comma within a value is spelled \\, as in key=a\\,b" : ""
    }
}
