import Columnar
import Features
import Serving
import Wire

/// What was scanned, as the words of a command.
extension RowBody {
    mutating func words(_ command: [String]) throws(HTTPFault) -> CommandWords {
        for word in command { words.append(word) }
        words.append("KEYS")
        words.append(String(names.count))
        for name in names { words.append(name) }
        let rowCount = rowCount ?? 0
        words.append("ROWS")
        words.append(String(rowCount))
        let rules = names.map(rule)
        for row in 0..<rowCount {
            for column in names.indices {
                let cell = cells[isByColumn ? column * rowCount + row : row * names.count + column]
                try append(cell, rules[column], row)
            }
        }
        if hasNull {
            words.append("NULL")
            words.append(Self.null)
        }
        for option in options { words.append(option) }
        return words
    }

    /// How the values of a name may be spelt.
    private struct Rule {
        var name: String
        var isKey = false
        /// Whether a number is another value than the text of its digits.
        var isText = false
        /// Whether the commands would take an empty text for null.
        var isEmptyNull = false
    }

    private func rule(_ name: String) -> Rule {
        if let key = service.keys.first(where: { $0.name == name }) {
            return Rule(name: name, isKey: true, isText: key.type == .string)
        }
        let field = service.inputs.fields.first { $0.name == name }?.type
        let column = service.columns.first { $0.name == name }?.type
        let type = field ?? column
        return Rule(name: name, isText: type == .string, isEmptyNull: type != .string && type != .bytes)
    }

    private mutating func append(_ cell: Field, _ rule: Rule, _ row: Int) throws(HTTPFault) {
        func refuse(_ reason: String) -> HTTPFault {
            HTTPFault(
                CommandFault(
                    rule.isKey ? .entity : .value,
                    "row \(row + 1), \(rule.isKey ? "key" : "field") \(CommandFault.quoted(rule.name)): \(reason)"
                )
            )
        }
        switch cell.kind {
        case .null:
            guard !rule.isKey else { throw refuse("is null; leave rows without a key out") }
            hasNull = true
            words.append(Self.null)
        case .number, .true, .false:
            guard !rule.isText else {
                throw refuse("expected a string, got \(cell.kind.jsonDescription); put it in quotes")
            }
            words.append(cell.range)
        case .array:
            guard !rule.isKey, !rule.isText else { throw refuse("got a JSON array") }
            words.append(cell.range)
        case .string:
            guard !cell.range.isEmpty || !rule.isEmptyNull else {
                throw refuse("is an empty string; null is written null")
            }
            words.append(cell.range)
        case .stringEscaped:
            var text: [UInt8] = []
            JSONText.unescape(words.bytes.span.extracting(cell.range), into: &text)
            guard !text.contains(0) else { throw refuse("a text has U+0000, which no value may have") }
            words.append(bytes: text)
        case .bare, .quoted, .quotedEscaped, .absent, .object: throw refuse("got \(cell.kind.jsonDescription)")
        }
    }
}
