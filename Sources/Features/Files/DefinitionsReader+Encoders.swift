import Yams

/// `encode` of a model.
extension DefinitionsReader {
    private typealias Encoding = ModelDefinition.Encoding
    private typealias Columns = [(name: String, type: FeatureType)]

    private static let encodings =
        "categories, onehot, onehot(N), hash(N), hash(N, signed), standard, minmax, quantiles(N), log1p or clip(A, B)"

    mutating func encodings(
        _ field: Field?,
        _ what: String,
        _ service: ServiceDefinition
    ) -> [String: ModelDefinition.Encoding] {
        guard let field, !isNull(field.value) else { return [:] }
        let columns: Columns = service.columns.map { (name: $0.outputName, type: $0.type) }
        var encodings: [String: ModelDefinition.Encoding] = [:]
        for pair in pairs(of: field.value, "'encode' of \(what)") ?? [] {
            let names = ModelDefinition.columns(ofEncoding: pair.name)
            let own = names.compactMap { column($0, columns, at: pair.key, what, service) }
            guard own.count == names.count, let encoding = encoding(pair, columns, what, service) else { continue }
            if names.count > 1 {
                check(pair, encoding, names, what)
            }
            for column in own where !encoding.suits(column.type) {
                fault(
                    at: pair.value,
                    "'encode' of \(what): the column '\(column.name)' is \(column.type.text), and \(encoding.expectedTypes)"
                )
            }
            encodings[pair.name] = encoding
        }
        return encodings
    }

    private mutating func check(_ pair: Field, _ encoding: Encoding, _ names: [String], _ what: String) {
        if names.count > Encoding.crossedMax || Set(names).count < names.count {
            fault(at: pair.key, "'encode' of \(what): a cross is of 2 to \(Encoding.crossedMax) different columns")
        }
        guard case .hash(let hash) = encoding, hash.with.isEmpty else {
            fault(at: pair.value, "'encode' of \(what): the cross '\(pair.name.oneLine)' is hashed, as in hash(65536)")
            return
        }
    }

    private mutating func column(
        _ name: String,
        _ columns: Columns,
        at node: Node,
        _ what: String,
        _ service: ServiceDefinition
    ) -> (name: String, type: FeatureType)? {
        if let column = columns.first(where: { $0.name == name }) { return column }
        fault(
            at: node,
            "'encode' of \(what) names '\(name.oneLine)', which is no column of the service '\(service.name)'"
                + Name.hint(for: name, among: columns.map(\.name))
        )
        return nil
    }

    private mutating func encoding(
        _ pair: Field,
        _ columns: Columns,
        _ what: String,
        _ service: ServiceDefinition
    ) -> Encoding? {
        let name = "the encoding of '\(pair.name.oneLine)' of \(what)"
        guard case .mapping = pair.value else {
            return parsed(pair, name, expected: "\(Self.encodings); N of a hash is a power of two") {
                Encoding(word: $0)
            }
        }
        guard let parts = fields(of: pair.value, name, known: DefinitionKeys.encoding.names) else { return nil }
        if let field = parts["onehot"] { return onehot(field, parts, name) }
        if let field = parts["hash"] { return hash(field, parts, columns, name, what, service) }
        if let field = parts["map"] { return map(field, parts, columns, name, what, service) }
        fault(
            at: pair.value,
            "\(name) is a mapping without onehot, hash or map; expected one of these, or \(Self.encodings)"
        )
        return nil
    }

    private mutating func onehot(_ field: Field, _ parts: [String: Field], _ name: String) -> Encoding? {
        guard let inner = fields(of: field.value, name, known: DefinitionKeys.onehot.names) else { return nil }
        let count = parsed(inner["min_count"], "min_count of \(name)", expected: "a whole number above 0") {
            Int($0).flatMap { $0 > 0 ? $0 : nil }
        }
        return .onehot(minCount: count ?? 1)
    }

    private mutating func hash(
        _ field: Field,
        _ parts: [String: Field],
        _ columns: Columns,
        _ name: String,
        _ what: String,
        _ service: ServiceDefinition
    ) -> Encoding? {
        let buckets = parsed(field, name, expected: "a power of two from 2 to \(Encoding.bucketsMax)") {
            Int($0).flatMap { Encoding.areBuckets($0) ? $0 : nil }
        }
        let isSigned = bool(parts["signed"], "'signed' of \(name)", default: false)
        guard let buckets else { return nil }
        var with: [String] = []
        if let field = parts["with"] {
            for node in elements(of: field.value, "'with' of \(name)", example: "[aircraft.model]") ?? [] {
                guard let text = text(node, "a column of 'with' of \(name)"),
                    let other = column(Self.outputName(text), columns, at: node, what, service)
                else { continue }
                guard other.type.isHashable else {
                    fault(
                        at: node,
                        "'with' of \(name): the column '\(other.name)' is \(other.type.text), and \(Encoding.hash(.init(buckets: 2)).expectedTypes)"
                    )
                    continue
                }
                with.append(other.name)
            }
        }
        return .hash(.init(buckets: buckets, isSigned: isSigned, with: with))
    }

    private mutating func map(
        _ field: Field,
        _ parts: [String: Field],
        _ columns: Columns,
        _ name: String,
        _ what: String,
        _ service: ServiceDefinition
    ) -> Encoding? {
        let expected = "a view and its features, as in airports.[lat, lon]"
        let given = parsed(field, "the map of \(name)", expected: expected) { Self.attributes($0) }
        let nearest = parsed(parts["nearest"], "'nearest' of \(name)", expected: "1 to \(Encoding.nearestMax)") {
            Int($0).flatMap { (1...Encoding.nearestMax).contains($0) ? $0 : nil }
        }
        let other = parsed(parts["else"], "'else' of \(name)", expected: "hash(N), N a power of two") { text in
            if case .hash(let hash)? = Encoding(word: text), !hash.isSigned { hash.buckets } else { nil }
        }
        guard let given else { return nil }
        var attributes: [String] = []
        for name in given {
            guard let found = column(name, columns, at: field.value, what, service) else { return nil }
            guard found.type.isNumber else {
                fault(
                    at: field.value,
                    "'encode' of \(what): the attribute '\(name)' is \(found.type.text); values are near each other by numbers"
                )
                return nil
            }
            attributes.append(name)
        }
        return .map(.init(attributes: attributes, nearest: nearest ?? 1, buckets: other))
    }

    /// `view.feature` as the service's column is called; names of columns stay as they are.
    private static func outputName(_ text: String) -> String {
        guard let dot = text.firstIndex(of: ".") else { return text }
        return text[..<dot] + "__" + text[text.index(after: dot)...]
    }

    /// The columns that `airports.[lat, lon]` or `airports.lat` names.
    private static func attributes(_ text: String) -> [String]? {
        guard let dot = text.firstIndex(of: ".") else { return nil }
        var rest = text[text.index(after: dot)...]
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        let names = rest.split(separator: ",").map { String($0.filter { $0 != " " }) }
        guard !names.isEmpty, names.allSatisfy({ Name.refusal(of: $0) == nil }) else { return nil }
        return names.map { "\(text[..<dot])__\($0)" }
    }
}
