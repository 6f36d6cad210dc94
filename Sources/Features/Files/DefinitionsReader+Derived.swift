import Yams

/// Columns of a service that are no features: what a request gives, and what is computed.
extension DefinitionsReader {
    /// An expression that is not typed yet.
    struct Derivation {
        var name: String
        var expression: String
        /// Of the whole item, and of the expression.
        var node: Node
        var expressionNode: Node
    }

    /// `{ request: sched_dep, type: timestamp }`.
    mutating func requestField(_ parts: [String: Field], _ part: String) -> RequestField? {
        guard let field = parts["request"], let name = text(field.value, "'request' of \(part)") else { return nil }
        checkName(name, "request field's", at: field.value)
        refuseLabelTime(name, at: field.value)
        guard let typeField = parts["type"] else {
            fault(
                at: field.key,
                "the request field '\(name.oneLine)' has no type, as in { request: \(name.oneLine), type: float64 }"
            )
            return nil
        }
        guard let type = type(typeField.value, "request field '\(name.oneLine)'"), Name.refusal(of: name) == nil else {
            return nil
        }
        return RequestField(name: name, type: type)
    }

    /// `{ derive: headwind, from: "weather.wind_speed * 2" }`.
    mutating func derivation(_ parts: [String: Field], _ part: String, _ node: Node) -> Derivation? {
        guard let field = parts["derive"], let name = text(field.value, "'derive' of \(part)") else { return nil }
        checkName(name, "derived column's", at: field.value)
        refuseLabelTime(name, at: field.value)
        guard let from = parts["from"] else {
            fault(
                at: field.key,
                "the derived column '\(name.oneLine)' has no expression, as in { derive: \(name.oneLine), from: \"stats.clicks / 7\" }"
            )
            return nil
        }
        guard let expression = text(from.value, "the expression of '\(name.oneLine)'"), Name.refusal(of: name) == nil
        else { return nil }
        return Derivation(name: name, expression: expression, node: node, expressionNode: from.value)
    }

    private mutating func refuseLabelTime(_ name: String, at node: Node) {
        guard name == ServiceDefinition.labelTimeName else { return }
        fault(
            at: node,
            "'\(name)' is the label time of a training set's row, or the time of a request, in every expression; give the "
                + "column another name"
        )
    }

    /// Faults between the names of request fields, derived columns and keys.
    mutating func checkNames(_ requests: [Request], _ what: String) {
        let keys = Dictionary(
            requests.compactMap(\.feature).flatMap { keyTypes(of: $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var seen: Set<String> = []
        for request in requests {
            let name: String
            switch request.subject {
            case .feature: continue
            case .request(let field):
                name = field.name
                checkKey(field, keys, at: request.node, what)
            case .derived(let derivation):
                name = derivation.name
                if keys[name] != nil {
                    fault(at: request.node, "\(what) derives '\(name)', which is a key; give the column another name")
                }
            }
            if !seen.insert(name).inserted {
                fault(at: request.node, "\(what) has two columns '\(name)' of requests or computed; rename one")
            }
        }
    }

    /// A field may also be a key: then one value is both.
    private mutating func checkKey(_ field: RequestField, _ keys: [String: KeyType], at node: Node, _ what: String) {
        guard let key = keys[field.name], key.featureType != field.type else { return }
        fault(
            at: node,
            "\(what) has the request field '\(field.name)' as \(field.type.text), and a key of the name as \(key.rawValue); "
                + "give both one type, or map the key to another column with 'keys'"
        )
    }

    private func keyTypes(of column: FeatureColumn) -> [(String, KeyType)] {
        zip(knownView(named: column.view)?.keys ?? [], column.keys).map { ($1.from, $0.type) }
    }

    /// The columns of a service whose names are checked, with what its expressions use besides.
    mutating func columns(of requests: [Request], _ what: String) -> (columns: [ServiceColumn], inputs: [FeatureColumn])
    {
        var scope = ServiceScope(requests.compactMap(\.feature), fields: requests.compactMap(\.field))
        var columns: [ServiceColumn] = []
        var types = Dictionary(
            requests.compactMap(\.feature).flatMap { keyTypes(of: $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for request in requests {
            switch request.subject {
            case .feature(let feature): columns.append(.feature(feature))
            case .request(let field): columns.append(.request(field))
            case .derived(let derivation):
                let names = scope.names(for: derivation.expression) { knownView(named: $0) }
                guard let typed = typed(derivation, names, what) else { continue }
                for input in scope.use(typed.inputs.map { names[$0].name }, view: { knownView(named: $0) }) {
                    checkRole(input.prefix, what, at: derivation.expressionNode)
                    check(input, against: &types, at: derivation.expressionNode, what)
                    for field in requests.compactMap(\.field) {
                        checkKey(field, Dictionary(keyTypes(of: input)) { $1 }, at: derivation.expressionNode, what)
                    }
                }
                let column = DerivedColumn(name: derivation.name, expression: typed.normalized, type: typed.type)
                scope.add(column)
                columns.append(.derived(column))
            }
        }
        return (columns, scope.inputs)
    }

    /// Types an expression; a fault has its place in the file.
    mutating func typed(_ derivation: Derivation, _ scope: [ScopedName], _ what: String) -> TypedExpression? {
        do throws(ExpressionFault) {
            let typed = try typing.typed(derivation.expression, in: scope)
            guard !typed.normalized.contains(where: \.isNewline) else {
                throw ExpressionFault(
                    offset: 0,
                    message: "it has a text with a line end in it; write || and chr-free text"
                )
            }
            return typed
        } catch {
            let place = self.place(of: error.offset, in: derivation.expression, derivation.expressionNode)
            report(
                .init(
                    line: place.line,
                    column: place.column,
                    message: "the expression of '\(derivation.name)' of \(what): \(error.message)"
                )
            )
            return nil
        }
    }

    /// Where a byte of a scalar's text stands in the file, whatever style the scalar has.
    ///
    /// Blanks and line ends of a scalar may not be those of its text, all else stands in the same order in both.
    func place(of offset: Int, in text: String, _ node: Node) -> (line: Int, column: Int) {
        let mark = (line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        guard let scalar = node.scalar, let source = sources[file] else { return mark }
        let before = String(decoding: text.utf8.prefix(offset), as: UTF8.self).unicodeScalars
        var wanted = before.count { !$0.properties.isWhitespace }
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        var line = mark.line
        var column = mark.column
        switch scalar.style {
        case .doubleQuoted, .singleQuoted: column += 1
        case .literal, .folded: (line, column) = (line + 1, 1)
        case .any, .plain: break
        }
        while line <= lines.count {
            var scalars = Array(lines[line - 1].unicodeScalars.dropFirst(column - 1))[...]
            while let scalar = scalars.first {
                scalars.removeFirst()
                defer { column += 1 }
                // A backslash at the end of a line joins it with the next.
                let isJoining = scalar == "\\" && scalars.isEmpty && node.scalar?.style == .doubleQuoted
                if scalar.properties.isWhitespace || isJoining { continue }
                if wanted == 0 { return (line, column) }
                wanted -= 1
                // Two quotes, or a backslash and a character, are one character of the text.
                let isPair =
                    node.scalar?.style == .singleQuoted && scalar == "'" && scalars.first == "'"
                    || node.scalar?.style == .doubleQuoted && scalar == "\\"
                if isPair, !scalars.isEmpty {
                    scalars.removeFirst()
                    column += 1
                }
            }
            (line, column) = (line + 1, 1)
        }
        return mark
    }
}

extension DefinitionsReader.Request {
    var field: RequestField? {
        if case .request(let field) = subject { field } else { nil }
    }
}
