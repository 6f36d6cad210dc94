import Yams

/// Files of tests are read as definitions are: all faults, with their places.
extension DefinitionsReader {
    mutating func tests(_ root: Node) -> [FeatureTest] {
        guard let fields = fields(of: root, "a file of tests", known: ["tests"]), let tests = fields["tests"],
            let pairs = pairs(of: tests.value, "'tests'")
        else { return [] }
        return pairs.compactMap { test($0) }
    }

    private mutating func test(_ field: Field) -> FeatureTest? {
        let what = "test '\(field.name.oneLine)'"
        guard let parts = fields(of: field.value, what, known: ["sql", "given", "when", "then"]) else { return nil }
        guard let when = parts["when"], let then = parts["then"] else {
            fault(at: field.key, "\(what) lacks '\(parts["when"] == nil ? "when" : "then")'")
            return nil
        }
        var given: [FeatureTest.Given] = []
        if let field = parts["given"] {
            for view in pairs(of: field.value, "'given' of \(what)") ?? [] {
                let content: FeatureTest.Given.Content
                if view.value.scalar != nil {
                    content = .file(text(view.value, "the file of view '\(view.name.oneLine)'") ?? "")
                } else {
                    content = .rows(rows(view.value, "the rows of view '\(view.name.oneLine)'"))
                }
                given.append(FeatureTest.Given(view: view.name, content: content))
            }
        }
        let steps = steps(when.value, what)
        if case .materialize = steps.last {
            fault(at: when.key, "\(what) ends with a materialize, which gives no rows; let a get or an export follow")
        }
        return FeatureTest(
            name: field.name,
            place: place(of: field.key),
            sql: parts["sql"].flatMap { text($0.value, "the SQL of \(what)") },
            given: given,
            steps: steps,
            then: rows(then.value, "'then' of \(what)")
        )
    }

    private mutating func steps(_ node: Node, _ what: String) -> [FeatureTest.Step] {
        guard case .sequence(let sequence) = node else { return step(node, what).map { [$0] } ?? [] }
        return sequence.compactMap { step($0, what) }
    }

    private mutating func step(_ node: Node, _ what: String) -> FeatureTest.Step? {
        let step = "a step of \(what)"
        let kinds: [String: [String]] = [
            "materialize": ["from", "to"], "get": ["at", "rows"], "export": ["label_time", "known_at_label", "rows"],
        ]
        guard let kind = kinds.keys.first(where: { node.mapping?[$0] != nil }), let more = kinds[kind] else {
            fault(
                at: node,
                "\(step) is none of get, export, materialize, as in when: { get: ranking, rows: [{ user_id: 7 }] }"
            )
            return nil
        }
        guard let parts = fields(of: node, step, known: [kind] + more), let name = parts[kind],
            let features = text(name.value, "the \(kind) of \(what)")
        else { return nil }
        guard kind != "materialize" else {
            return .materialize(view: features, from: time(parts["from"], step), to: time(parts["to"], step))
        }
        let rows = parts["rows"].map { self.rows($0.value, "the rows of \(step)") } ?? []
        guard kind == "export" else { return .get(features: features, at: time(parts["at"], step), rows: rows) }
        guard let labelTime = parts["label_time"].flatMap({ text($0.value, "the label_time of \(step)") }) else {
            fault(at: name.key, "\(step) has no label_time: the column of its rows that holds it")
            return nil
        }
        return .export(
            features: features,
            labelTime: labelTime,
            knownAtLabel: bool(parts["known_at_label"], "known_at_label of \(step)", default: false),
            rows: rows
        )
    }

    private mutating func time(_ field: Field?, _ what: String) -> Timestamp? {
        guard let field, let text = text(field.value, "'\(field.name)' of \(what)") else { return nil }
        do throws(TimestampTextError) { return try Timestamp(text: text) } catch {
            fault(
                at: field.value,
                "'\(field.name)' of \(what) is '\(text.oneLine)': \(ValueTextError.time(error).reason)"
            )
            return nil
        }
    }

    private mutating func rows(_ node: Node, _ what: String) -> [FeatureTest.Row] {
        guard let elements = elements(of: node, what, example: "[{ user_id: 7, clicks: 3 }]") else { return [] }
        return elements.map { element in
            let cells = (pairs(of: element, "a row of \(what)") ?? []).map { field in
                (name: field.name, cell: cell(field))
            }
            return FeatureTest.Row(cells: cells, place: place(of: element))
        }
    }

    private mutating func cell(_ field: Field) -> FeatureTest.Cell {
        if isNull(field.value) { return .null }
        guard case .sequence(let sequence) = field.value else {
            return .text(text(field.value, "the value of '\(field.name.oneLine)'") ?? "")
        }
        let elements = sequence.map { element in
            let text = text(element, "an element of '\(field.name.oneLine)'") ?? ""
            let isNumber = element.scalar?.style == .plain && Double(text) != nil
            return isNumber ? text : Value.quote(text)
        }
        return .text("[\(elements.joined(separator: ","))]")
    }
}
