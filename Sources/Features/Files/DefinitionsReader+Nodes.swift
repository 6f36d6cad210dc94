import Yams

/// Nodes of YAML, read as what they have to be.
extension DefinitionsReader {
    /// Whether nothing is written, or YAML's null: `~`, `null`.
    func isNull(_ node: Node) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// "a mapping" and so on, for messages.
    func kind(of node: Node) -> String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar, .alias: isNull(node) ? "empty" : "a single value"
        }
    }

    /// The pairs of a mapping by key. Unknown keys, repeated keys and keys that are no text are faults.
    ///
    /// - Returns: `nil` where `node` is no mapping.
    mutating func fields(of node: Node, _ what: String, known: [String]) -> [String: Field]? {
        guard let fields = pairs(of: node, what) else { return nil }
        var byName: [String: Field] = [:]
        for field in fields {
            if known.contains(field.name) {
                byName[field.name] = field
            } else {
                let hint = Name.nearest(to: field.name, among: known).first.map { "; did you mean '\($0)'?" } ?? ""
                fault(
                    at: field.key,
                    "unknown key '\(field.name.oneLine)' in \(what)\(hint); known: \(known.joined(separator: ", "))"
                )
            }
        }
        return byName
    }

    /// The pairs of a mapping in file order, without repeated keys.
    mutating func pairs(of node: Node, _ what: String) -> [Field]? {
        guard case .mapping(let mapping) = node else {
            fault(at: node, "\(what) is \(kind(of: node)); expected a mapping of key: value")
            return nil
        }
        checkTag(node)
        var fields: [Field] = []
        var first: [String: Node] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                fault(at: key, "a key of \(what) is \(kind(of: key)); expected a name")
                continue
            }
            checkTag(key)
            guard isWithoutNUL(name, at: key, "a key of \(what)") else { continue }
            if name == "<<" {
                fault(at: key, "the YAML merge key '<<' is not understood; write out what it stands for")
                continue
            }
            if let mark = first[name]?.mark, let own = key.mark {
                report(YAMLDocument.duplicateKey(name.oneLine, at: own, first: mark))
            } else {
                first[name] = key
                fields.append(Field(name: name, key: key, value: value, file: file))
            }
        }
        return fields
    }

    /// The pairs of a section whose keys are names of ours; those with an illegal name are faults and left out.
    mutating func named(_ section: Field?, _ kind: String) -> [Field] {
        guard let section, !isNull(section.value), let fields = pairs(of: section.value, "'\(section.name)'") else {
            return []
        }
        return fields.filter { field in
            checkName(field.name, kind, at: field.key)
            return Name.refusal(of: field.name) == nil
        }
    }

    mutating func elements(of node: Node, _ what: String, example: String) -> [Node]? {
        guard case .sequence(let sequence) = node else {
            fault(at: node, "\(what) is \(kind(of: node)); expected a list, as in \(example)")
            return nil
        }
        checkTag(node)
        return Array(sequence)
    }

    /// A scalar as it is written, whatever YAML would make of it.
    mutating func text(_ node: Node, _ what: String, isNullAllowed: Bool = false) -> String? {
        guard let scalar = node.scalar, isNullAllowed || !isNull(node) else {
            fault(at: node, "\(what) is \(kind(of: node)); expected text")
            return nil
        }
        checkTag(node)
        guard isWithoutNUL(scalar.string, at: node, what) else { return nil }
        return scalar.string
    }

    /// PostgreSQL's text and JSON cannot hold U+0000, which YAML can spell as `"\0"`.
    private mutating func isWithoutNUL(_ text: String, at node: Node, _ what: String) -> Bool {
        guard text.utf8.contains(0) else { return true }
        fault(at: node, "\(what) contains U+0000, which PostgreSQL cannot store in text")
        return false
    }

    private mutating func checkTag(_ node: Node) {
        let tag: String =
            switch node {
            case .scalar(let scalar): scalar.tag.rawValue
            case .mapping(let mapping): mapping.tag.rawValue
            case .sequence(let sequence): sequence.tag.rawValue
            case .alias: ""
            }
        if tag.isEmpty || tag == "!" || tag.hasPrefix("tag:yaml.org,2002:") { return }
        fault(at: node, "the YAML tag '\(tag.oneLine)' is not understood; remove it")
    }

    mutating func bool(_ field: Field?, _ what: String, default standard: Bool) -> Bool {
        guard let field, !isNull(field.value) else { return standard }
        guard let text = text(field.value, what) else { return standard }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            fault(at: field.value, "\(what) is '\(text.oneLine)'; expected true or false")
            return standard
        }
    }

    mutating func interval(_ field: Field?, _ what: String) -> Interval? {
        parsed(field, what, expected: "an integer and a unit (us ms s m h d w), as in 30d") { Interval(text: $0) }
    }

    /// What a scalar's text means; `nil` where the key is absent or null, or its value is a fault.
    /// - Parameter expected: what the text has to be, for the fault.
    mutating func parsed<Parsed>(
        _ field: Field?,
        _ what: String,
        expected: String,
        _ parse: (String) -> Parsed?
    ) -> Parsed? {
        guard let field, !isNull(field.value), let text = text(field.value, what) else { return nil }
        if let parsed = parse(text) { return parsed }
        fault(at: field.value, "\(what) is '\(text.oneLine)'; expected \(expected)")
        return nil
    }

    /// One of an enum's raw values; `nil` where the key is absent or its value is a fault.
    mutating func choice<Choice>(_ field: Field?, _ what: String) -> Choice?
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let field else { return nil }
        // `null` is one of the words here, so that no text is taken for nothing.
        let isWord = field.value.scalar.map { Choice(rawValue: $0.string) != nil } ?? false
        let text = isWord || !isNull(field.value) ? self.text(field.value, what, isNullAllowed: isWord) : ""
        guard let text else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let got = text.isEmpty ? "empty" : "'\(text.oneLine)'"
            fault(at: field.value, "\(what) is \(got); expected one of \(Self.list(Choice.allCases))")
            return nil
        }
        return choice
    }

    static func list<Choice: RawRepresentable<String>>(_ choices: some Collection<Choice>) -> String {
        choices.map(\.rawValue).joined(separator: ", ")
    }

    mutating func annotations(
        _ fields: [String: Field]
    ) -> (description: String?, owner: String?, tags: [String: String]) {
        let description = fields["description"].flatMap { isNull($0.value) ? nil : text($0.value, "the description") }
        let owner = fields["owner"].flatMap { isNull($0.value) ? nil : text($0.value, "the owner") }
        var tags: [String: String] = [:]
        if let field = fields["tags"], !isNull(field.value) {
            for pair in pairs(of: field.value, "'tags'") ?? [] {
                tags[pair.name] = text(pair.value, "the tag '\(pair.name.oneLine)'")
            }
        }
        return (description, owner, tags)
    }
}
