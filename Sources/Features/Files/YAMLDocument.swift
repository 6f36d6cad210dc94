import Yams

/// A YAML text as a tree of nodes that know their place.
///
/// Yams reports a duplicate key by the place of the first of the two and stops there. So that every duplicate can be
/// named, each reported key is disguised (its first character becomes one that the text does not have) and the text is
/// read again; marks stay where they were. Walking the tree then finds all of them.
struct YAMLDocument {
    /// `nil` for a text of blanks and comments.
    private(set) var root: Node?
    /// Its values, aliases expanded.
    private(set) var nodes = 0

    /// The most duplicate keys that are looked for: each costs one more reading of the file.
    private static let disguisesMax = 20

    /// - Throws: every duplicate key, or else the one place where the text stops being YAML.
    init(yaml text: String, file: String) throws(DefinitionsError) {
        var text = text
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        guard text.utf8.count <= DefinitionLimits.fileBytesMax else {
            throw DefinitionsError(
                file: file,
                issues: [
                    .init(
                        line: 1,
                        column: 1,
                        message: "the file has \(text.utf8.count) bytes; \(DefinitionLimits.fileBytesMax) are allowed"
                    )
                ]
            )
        }
        var disguises = KeyDisguises(text: text)
        while true {
            do {
                root = try Parser(yaml: text, encoding: .utf8).singleRoot()
                break
            } catch let YamlError.duplicatedKeysInMapping(keys, context) {
                guard let key = keys.first, disguises.count < Self.disguisesMax,
                    disguises.disguise(key: key, at: context.mark, in: &text)
                else {
                    let issue = DefinitionsError.Issue(
                        line: context.mark.line,
                        column: context.mark.column,
                        message: "the key '\(keys.first ?? "")' is given more than once in this mapping"
                    )
                    throw DefinitionsError(file: file, issues: [issue])
                }
            } catch {
                throw DefinitionsError(file: file, issues: [Self.issue(for: error, text: text)])
            }
        }
        if let root {
            var budget = DefinitionLimits.nodesMax
            Self.spend(&budget, on: root)
            nodes = DefinitionLimits.nodesMax - budget
            if budget < 0 {
                let message = "the file's aliases expand to more than \(DefinitionLimits.nodesMax) values"
                throw DefinitionsError(file: file, issues: [.init(line: 1, column: 1, message: message)])
            }
        }
        if disguises.count > 0, let root {
            var issues: [DefinitionsError.Issue] = []
            disguises.collectDuplicates(in: root, into: &issues)
            throw DefinitionsError(file: file, issues: issues)
        }
    }

    private static func issue(for error: any Error, text: String) -> DefinitionsError.Issue {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _):
            let isTab = problem.hasPrefix("found character that cannot start any token") && isTab(at: mark, in: text)
            return .init(
                line: mark.line,
                column: mark.column,
                message: isTab
                    ? "YAML does not allow tabs for indentation; use blanks"
                    : "no valid YAML: \(problem)\(context.map { " (\($0.text), line \($0.mark.line))" } ?? "")"
            )
        case YamlError.composer(let context, let problem, let mark, _):
            let isSecond = context?.text == "expected a single document in the stream"
            return .init(
                line: mark.line,
                column: mark.column,
                message: isSecond
                    ? "a second YAML document starts here; definitions are one document" : "no valid YAML: \(problem)"
            )
        case YamlError.reader(let problem, let offset, _, _):
            var line = 1
            var column = 1
            for character in text.prefix(offset ?? 0) {
                if character.isNewline {
                    (line, column) = (line + 1, 1)
                } else {
                    column += character.unicodeScalars.count
                }
            }
            return .init(line: line, column: column, message: "no valid YAML: \(problem)")
        default:
            return .init(line: 1, column: 1, message: "no valid YAML: \(error)")
        }
    }

    /// Takes one from `budget` for every node, and stops where it is used up.
    private static func spend(_ budget: inout Int, on node: Node) {
        budget -= 1
        guard budget >= 0 else { return }
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping where budget >= 0 {
                spend(&budget, on: key)
                spend(&budget, on: value)
            }
        case .sequence(let sequence):
            for element in sequence where budget >= 0 { spend(&budget, on: element) }
        case .scalar, .alias:
            break
        }
    }

    private static func isTab(at mark: Mark, in text: String) -> Bool {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard mark.line <= lines.count else { return false }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first == "\t"
    }
}

/// Mapping keys whose first character was exchanged, so that a YAML reader takes them for different from their twins.
private struct KeyDisguises {
    /// The first characters that were taken away, in the order of their substitutes.
    private var originals: [Unicode.Scalar] = []
    /// The first substitute: the text has none of them.
    private let base: UInt32

    var count: Int { originals.count }

    init(text: String) {
        var base: UInt32 = 0xE000
        for scalar in text.unicodeScalars where scalar.value >= base && scalar.value < 0xF8FF {
            base = scalar.value + 1
        }
        self.base = base
    }

    /// - Returns: `false` where the text at `mark` does not spell `key` (it is written with escapes, say).
    mutating func disguise(key: String, at mark: Mark, in text: inout String) -> Bool {
        guard let original = key.unicodeScalars.first,
            let substitute = Unicode.Scalar(base + UInt32(originals.count)), substitute.value <= 0xF8FF
        else { return false }
        var scalars = Array(text.unicodeScalars)
        guard var index = Self.index(of: mark, in: scalars), index < scalars.count else { return false }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard scalars[index...].starts(with: key.unicodeScalars) else { return false }
        scalars[index] = substitute
        text = String(String.UnicodeScalarView(scalars))
        originals.append(original)
        return true
    }

    private static func index(of mark: Mark, in scalars: [Unicode.Scalar]) -> Int? {
        var line = 1
        var index = 0
        while line < mark.line {
            guard index < scalars.count else { return nil }
            let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
            // YAML 1.1 ends lines at these five.
            if ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalars[index]) { line += 1 }
            index += isPair ? 2 : 1
        }
        return index + mark.column - 1
    }

    /// Appends an issue for every key that repeats an earlier one of its mapping.
    func collectDuplicates(in node: Node, into issues: inout [DefinitionsError.Issue]) {
        switch node {
        case .mapping(let mapping):
            var marks: [String: Mark] = [:]
            for (key, value) in mapping {
                if let scalar = key.scalar, let mark = scalar.mark {
                    let name = original(of: scalar.string)
                    if let first = marks[name] {
                        issues.append(YAMLDocument.duplicateKey(name, at: mark, first: first))
                    } else {
                        marks[name] = mark
                    }
                }
                collectDuplicates(in: value, into: &issues)
            }
        case .sequence(let sequence):
            for element in sequence { collectDuplicates(in: element, into: &issues) }
        case .scalar, .alias:
            break
        }
    }

    private func original(of key: String) -> String {
        guard let first = key.unicodeScalars.first, first.value >= base,
            Int(first.value - base) < originals.count
        else { return key }
        var scalars = key.unicodeScalars
        scalars.removeFirst()
        return String(originals[Int(first.value - base)]) + String(scalars)
    }
}

extension YAMLDocument {
    static func duplicateKey(_ name: String, at mark: Mark, first: Mark) -> DefinitionsError.Issue {
        .init(
            line: mark.line,
            column: mark.column,
            message: "the key '\(name)' is given twice in this mapping; first on line \(first.line)"
        )
    }
}
