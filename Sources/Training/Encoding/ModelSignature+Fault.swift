import Features

/// Whether a signature can be read by: what is checked of one that comes from a file.
extension ModelSignature {
    /// Why no row can be made by the signature, as a sentence's end behind "the signature"; `nil` = rows can be made.
    package var fault: String? {
        for input in inputs {
            guard !input.reads.isEmpty, input.reads.allSatisfy(columns.indices.contains) else {
                return "has the input '\(input.name)', which reads a column that is not there"
            }
            let types = input.reads.map { columns[$0].type }
            guard input.type == types[0] else {
                return "has the input '\(input.name)' of type \(input.type.text), and its column is \(types[0].text)"
            }
            if let fault = input.encoder.fault(types) { return "has the input '\(input.name)': \(fault)" }
        }
        if task != .multiclass, !classes.isEmpty { return "has classes, and the task \(task.rawValue)" }
        if task == .multiclass, classes.isEmpty { return "has no classes" }
        var seen: Set<String> = []
        if let twice = classes.first(where: { !seen.insert($0).inserted }) { return "has the class '\(twice)' twice" }
        return nil
    }
}

extension FittedEncoder {
    /// - Parameter types: of the columns that are read, at least one.
    fileprivate func fault(_ types: [FeatureType]) -> String? {
        let type = types[0]
        func only(_ isTrue: Bool, _ expected: String) -> String? {
            isTrue && types.count == 1 ? nil : "its encoder reads \(expected), and there is \(Self.text(types))"
        }
        switch self {
        case .number: return only(type.isNumber || type == .bool, "a number or a flag")
        case .log1p: return only(type.isNumber, "a number")
        case .scaled(let minus, let over):
            guard minus.isFinite, over.isFinite, over != 0 else { return "it is scaled by \(over)" }
            return only(type.isNumber, "a number")
        case .clipped(let low, let high):
            guard low <= high else { return "it is clipped to \(low) up to \(high)" }
            return only(type.isNumber, "a number")
        case .bins(let cuts):
            guard zip(cuts, cuts.dropFirst()).allSatisfy(<), cuts.allSatisfy(\.isFinite) else {
                return "its bins do not ascend"
            }
            return only(type.isNumber, "a number")
        case .elements(let count): return only(type == .vector(count), "a vector of \(count) elements")
        case .categories, .onehot, .levels: return only(type == .string, "a text")
        case .hashed(let hash, let columns):
            guard columns == types.count, types.allSatisfy(\.isHashable) else {
                return "its encoder hashes \(columns) texts, whole numbers or flags, and there is \(Self.text(types))"
            }
            return hash.fault
        case .crossed(let hash):
            guard types.allSatisfy(\.isHashable) else {
                return "its encoder hashes texts, whole numbers or flags, and there is \(Self.text(types))"
            }
            return hash.fault
        case .mapped(let map):
            guard ModelDefinition.Encoding.map(.init(attributes: [], nearest: 1)).suits(type),
                types.dropFirst().allSatisfy({ $0.isNumber || $0 == .bool })
            else { return "its encoder maps a text or a whole number by numbers, and there is \(Self.text(types))" }
            return map.fault(attributes: types.count - 1)
        case .indicators(let inner):
            switch inner {
            case .levels, .bins: return inner.fault(types)
            case .hashed(let hash, _), .crossed(let hash):
                guard !hash.isSigned else { return "indicators take no signed hash" }
                return inner.fault(types)
            default: return "its encoder gives no places for indicators"
            }
        }
    }

    private static func text(_ types: [FeatureType]) -> String { types.map(\.text).joined(separator: ", ") }
}

extension FeatureHash {
    fileprivate var fault: String? {
        let isOne = 1...ModelDefinition.Encoding.bucketsMax ~= buckets && (isSigned || buckets & (buckets - 1) == 0)
        return isOne
            ? nil
            : "\(buckets) buckets; expected a power of two up to \(ModelDefinition.Encoding.bucketsMax)"
    }
}

extension FittedMap {
    fileprivate func fault(attributes count: Int) -> String? {
        guard means.count == count, deviations.count == count, attributes.count == levels.count,
            attributes.allSatisfy({ $0.isEmpty || $0.count == count })
        else { return "its map has not one number for each of \(count) attributes" }
        guard 1...ModelDefinition.Encoding.nearestMax ~= nearest else {
            return "its map takes the \(nearest) nearest; expected 1 to \(ModelDefinition.Encoding.nearestMax)"
        }
        return other?.fault
    }
}
