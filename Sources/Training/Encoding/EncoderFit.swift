package import Features
package import PointInTime

/// Fits encoders on rows of the training slice.
package struct EncoderFit {
    /// What reads the numbers.
    package enum Family: Sendable {
        /// A dictionary's places are categories.
        case trees
        /// A number for each level.
        case linear
        /// A place is a slot of its own, see `SlotLayout`.
        case slots
    }

    private let columns: [(name: String, column: Column)]
    private let family: Family
    private let encodings: [String: ModelDefinition.Encoding]
    private let times: [Int64?]?
    package private(set) var inputs: [ModelSignature.Input] = []
    /// Of each input that is hashed.
    package private(set) var collisions: [Collisions] = []

    /// - Parameters:
    ///   - columns: names and values of the training rows, in the service's order.
    ///   - encodings: by columns, or crosses of columns; others take the family's own.
    ///   - times: one a row, µs.
    ///   - isLenient: whether encodings are passed over that the family cannot have, or, of a linear one, that make it slow.
    /// - Throws: for a type that no encoder has, and for an encoding that the family cannot have, with what to do instead.
    package init(
        _ columns: [(name: String, column: Column)],
        for family: Family,
        encodings: [String: ModelDefinition.Encoding] = [:],
        times: [Int64?]? = nil,
        isLenient: Bool = false
    ) throws(TrainingError) {
        self.columns = columns
        self.family = family
        self.times = times
        var taken: [String: ModelDefinition.Encoding] = [:]
        for (key, encoding) in encodings.sorted(by: { $0.key < $1.key }) {
            if isLenient, family == .linear, case .hash = encoding {
                continue
            } else if let refusal = Self.refusal(of: encoding, family) {
                guard isLenient else { throw .request("'encode' of \(key): \(refusal)") }
            } else {
                taken[key] = encoding
            }
        }
        self.encodings = taken
        // A column that another's encoder reads stands for itself only where it is given an encoding.
        let read = Set(taken.values.flatMap(\.others)).subtracting(taken.keys)
        for (place, (name, column)) in columns.enumerated() where !read.contains(name) {
            try addInput(name, column, place)
        }
        for (key, encoding) in taken.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            let names = ModelDefinition.columns(ofEncoding: key)
            guard names.count > 1, case .hash(let hash) = encoding else { continue }
            let reads = try names.map { name throws(TrainingError) in try place(of: name) }
            addHash(key, reads, FeatureHash(buckets: hash.buckets, isSigned: hash.isSigned), isCross: true)
        }
    }

    /// The columns and inputs as a model's signature has them.
    package func signature(_ task: ModelTask, classes: [String] = []) -> ModelSignature {
        ModelSignature(
            task: task,
            columns: columns.map { .init(name: $0.name, type: $0.column.type) },
            inputs: inputs,
            classes: classes
        )
    }

    private static func refusal(of encoding: ModelDefinition.Encoding, _ family: Family) -> String? {
        switch (family, encoding) {
        case (.trees, .hash(let hash)) where hash.isSigned:
            "a signed hash is for linear models; trees take hash(\(hash.buckets))"
        case (.linear, .hash(let hash)) where hash.isSigned || hash.buckets > TrainingLimits.linearBucketsMax:
            "logistic and ridge solve for all weights together, and take unsigned hashes of \(TrainingLimits.linearBucketsMax) buckets at most; "
                + "the algorithm ftrl takes more"
        case (.linear, .map): "logistic and ridge take no map; the algorithms ftrl and xgboost do"
        default: nil
        }
    }

    /// How an expression of the service names a column: `view.feature`, a request field or a derived column by itself.
    private static func expression(of column: String) -> String {
        guard let range = column.firstRange(of: "__") else { return column }
        let (prefix, name) = (column[..<range.lowerBound], column[range.upperBound...])
        return prefix == "request" || prefix == "derive" ? String(name) : "\(prefix).\(name)"
    }

    private func place(of name: String) throws(TrainingError) -> Int {
        if let place = columns.firstIndex(where: { $0.name == name }) { return place }
        throw .request(
            "'encode' reads the column '\(name)', which the service has not\(Name.hint(for: name, among: columns.map(\.name)))"
        )
    }

    private mutating func addInput(_ name: String, _ column: Column, _ place: Int) throws(TrainingError) {
        func add(_ encoder: FittedEncoder, reads: [Int] = []) {
            inputs.append(.init(name: name, type: column.type, encoder: encoder, reads: [place] + reads))
        }
        if let encoding = encodings[name] {
            guard encoding.suits(column.type) else {
                throw .request("'encode': the column '\(name)' is \(column.type.text), and \(encoding.expectedTypes)")
            }
            switch encoding {
            case .categories, .onehot: break
            case .hash(let hash):
                let others = try hash.with.map { other throws(TrainingError) in try self.place(of: other) }
                let buckets = FeatureHash(buckets: hash.buckets, isSigned: hash.isSigned)
                return addHash(name, [place] + others, buckets, isCross: false)
            case .map(let map):
                let others = try map.attributes.map { other throws(TrainingError) in try self.place(of: other) }
                return add(.mapped(fit(map, column, others.map { columns[$0].column })), reads: others)
            case .standard: return add(Self.standard(column))
            case .minmax:
                let values = Numbers(column).finite
                let (low, high) = (values.min() ?? 0, values.max() ?? 0)
                return add(.scaled(minus: low, over: high > low ? high - low : 1))
            case .log1p: return add(.log1p)
            case .clip(let low, let high): return add(.clipped(low, high))
            case .quantiles(let parts):
                let bins = FittedEncoder.bins(Self.cuts(column, parts))
                return add(family == .linear ? .indicators(bins) : bins)
            }
        }
        switch column.type {
        case .bool: add(.number)
        case .int32, .int64, .float32, .float64: add(family == .slots ? Self.standard(column) : .number)
        case .vector(let count): add(.elements(count))
        case .string: add(levels(of: column, encodings[name]))
        case .timestamp:
            let spelled = Self.expression(of: name)
            throw .request(
                """
                the column '\(name)' is a timestamp, which has steps of 134 s in single precision: take it out of the service, or \
                derive an age or a part of it, as in extract(epoch from label_time - \(spelled)) or extract(hour from \(spelled))
                """
            )
        case .bytes, .listInt64, .listString:
            throw .request(
                "the column '\(name)' is of type \(column.type.text), which no encoder turns into numbers; take it out of the service"
            )
        }
    }

    private func levels(of column: Column, _ encoding: ModelDefinition.Encoding?) -> FittedEncoder {
        switch (family, encoding) {
        case (.trees, .onehot(let minCount)):
            .onehot(Self.levels(column, minCount: minCount, max: TrainingLimits.levelsMax))
        case (.trees, _): .categories(Self.levels(column, minCount: 1, max: TrainingLimits.categoriesMax))
        case (.linear, .onehot(let minCount)):
            .onehot(Self.levels(column, minCount: minCount, max: TrainingLimits.levelsMax))
        case (.linear, _):
            .onehot(Self.levels(column, minCount: TrainingLimits.minCount, max: TrainingLimits.levelsMax))
        case (.slots, .onehot(let minCount)):
            .levels(Self.levels(column, minCount: minCount, max: TrainingLimits.slotLevelsMax))
        case (.slots, .categories): .levels(Self.levels(column, minCount: 1, max: TrainingLimits.categoriesMax))
        case (.slots, _):
            .levels(Self.levels(column, minCount: TrainingLimits.minCount, max: TrainingLimits.slotLevelsMax))
        }
    }

    /// The most frequent texts of a value, of equally frequent ones the bytewise lesser; ordered bytewise.
    private static func levels(_ column: Column, minCount: Int, max: Int) -> [String] {
        var counts: [[UInt8]: Int] = [:]
        var text = KeyText([])
        for row in 0..<column.rowCount where !column.isNull(row) {
            text.set(column, row)
            counts[text.bytes, default: 0] += 1
        }
        let frequent = counts.filter { $0.value >= minCount }.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key.lexicographicallyPrecedes($1.key)
        }
        return frequent.prefix(max).map(\.key).sorted { $0.lexicographicallyPrecedes($1) }.map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func standard(_ column: Column) -> FittedEncoder {
        let (mean, deviation) = moments(Numbers(column).finite)
        return .scaled(minus: mean, over: deviation)
    }

    /// - Returns: the deviation 1 where all are equal.
    private static func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
        guard !values.isEmpty else { return (0, 1) }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        let deviation = variance.squareRoot()
        guard mean.isFinite, deviation > 0, deviation.isFinite else { return (mean.isFinite ? mean : 0, 1) }
        return (mean, deviation)
    }

    private static func cuts(_ column: Column, _ parts: Int) -> [Double] {
        let sorted = Numbers(column).finite.sorted()
        var cuts: [Double] = []
        for part in 1..<parts {
            guard !sorted.isEmpty else { break }
            let cut = sorted[part * sorted.count / parts]
            if cuts.last.map({ $0 < cut }) ?? true { cuts.append(cut) }
        }
        return cuts
    }

    // MARK: Hashes and maps

    private mutating func addHash(_ name: String, _ reads: [Int], _ hash: FeatureHash, isCross: Bool) {
        let encoder: FittedEncoder = isCross ? .crossed(hash) : .hashed(hash, columns: reads.count)
        let own = reads.map { columns[$0] }
        inputs.append(
            .init(
                name: name,
                type: own[0].column.type,
                encoder: family == .linear ? .indicators(encoder) : encoder,
                reads: reads
            )
        )
        let rowCount = own[0].column.rowCount
        collisions.append(
            Collisions(feature: name, hash, times: times) { body in
                if isCross {
                    var text = KeyText(Array((own.map(\.name).joined(separator: "^") + "=").utf8))
                    for row in 0..<rowCount where own.allSatisfy({ !$0.column.isNull(row) }) {
                        text.set(own.map(\.column), row)
                        body(row, text.bytes)
                    }
                    return
                }
                for (name, column) in own {
                    var text = KeyText(Array((name + "=").utf8))
                    for row in 0..<rowCount where !column.isNull(row) {
                        text.set(column, row)
                        body(row, text.bytes)
                    }
                }
            }
        )
    }

    /// Of each value the attributes of its last training row that has them all.
    private func fit(_ map: ModelDefinition.Encoding.Map, _ column: Column, _ attributes: [Column]) -> FittedMap {
        let levels = Self.levels(column, minCount: 1, max: TrainingLimits.slotLevelsMax)
        let places = Dictionary(levels.enumerated().map { (Array($1.utf8), $0) }) { first, _ in first }
        let values = attributes.map { Numbers($0).values }
        var raw = [[Double]](repeating: [], count: levels.count)
        var text = KeyText([])
        for row in 0..<column.rowCount where !column.isNull(row) {
            let own = values.map { $0[row] }
            text.set(column, row)
            guard own.allSatisfy(\.isFinite), let place = places[text.bytes] else { continue }
            raw[place] = own
        }
        let known = raw.filter { !$0.isEmpty }
        let moments = values.indices.map { index in Self.moments(known.map { $0[index] }) }
        return FittedMap(
            levels: levels,
            attributes: raw.map { own in
                own.indices.map { (own[$0] - moments[$0].mean) / moments[$0].deviation }
            },
            means: moments.map(\.mean),
            deviations: moments.map(\.deviation),
            nearest: family == .trees ? 1 : map.nearest,
            other: map.buckets.map { FeatureHash(buckets: $0) }
        )
    }
}
