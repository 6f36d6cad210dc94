package import Features
package import Learning

/// How the columns of a service become the numbers that a model reads, and what its answers are called: a part of each version
/// of a model, fitted on the training slice and never changed.
package struct ModelSignature: Hashable, Sendable {
    /// A column of the service.
    package struct Source: Hashable, Sendable, Codable {
        /// As in exports: `view__feature`.
        package var name: String
        package var type: FeatureType

        package init(name: String, type: FeatureType) {
            self.name = name
            self.type = type
        }
    }

    /// What one encoder makes of one column, or of several.
    package struct Input: Hashable, Sendable {
        /// The column's; of a cross those of its columns with `*` between.
        package var name: String
        /// Of its first column.
        package var type: FeatureType
        package var encoder: FittedEncoder
        /// Places of the columns that it reads.
        package var reads: [Int]

        /// - Parameter reads: empty = the column whose place is the input's.
        package init(name: String, type: FeatureType, encoder: FittedEncoder, reads: [Int] = []) {
            self.name = name
            self.type = type
            self.encoder = encoder
            self.reads = reads
        }

        /// How many numbers it becomes.
        package var width: Int { encoder.width }
    }

    package var task: ModelTask
    /// Those of the service, in its order.
    package let columns: [Source]
    /// In the service's order, crosses last.
    package let inputs: [Input]
    /// Of a multi-class model, in the order of its outputs; else empty.
    package var classes: [String]

    /// - Parameter columns: `nil` = each input is a column of its own.
    package init(task: ModelTask, columns: [Source]? = nil, inputs: [Input], classes: [String] = []) {
        self.task = task
        self.columns = columns ?? inputs.map { Source(name: $0.name, type: $0.type) }
        self.inputs = inputs.enumerated().map { place, input in
            var input = input
            if input.reads.isEmpty { input.reads = [place] }
            return input
        }
        self.classes = classes
    }

    /// Numbers a row.
    package var width: Int { inputs.reduce(0) { $0 + $1.width } }

    /// Margins a row.
    package var outputs: Int { task == .multiclass ? classes.count : 1 }

    /// What a reply names its columns.
    package var outputNames: [String] { task == .multiclass ? classes : ["score"] }

    /// A name for each number: the column's, with the element's place or the level behind it.
    package var featureNames: [String] {
        inputs.flatMap { input in
            switch input.encoder {
            case .elements(let count): (0..<count).map { "\(input.name)_\($0)" }
            case .onehot(let levels):
                levels.indices.map { "\(input.name)_is_\($0)" } + ["\(input.name)_is_null", "\(input.name)_is_other"]
            case .mapped(let map): (0..<map.nearest).map { $0 == 0 ? input.name : "\(input.name)_near_\($0)" }
            case .hashed, .crossed:
                // The columns behind the first are hashed into its buckets.
                (0..<input.width).map { $0 == 0 ? input.name : "\(input.name)_with_\(columns[input.reads[$0]].name)" }
            case .indicators(let inner):
                (0..<inner.placesMax).map { "\(input.name)_is_\($0)" } + ["\(input.name)_is_null"]
            case .number, .categories, .levels, .scaled, .log1p, .clipped, .bins: [input.name]
            }
        }
    }

    /// XGBoost's type of each number: `c` of a category, else `q`.
    package var featureTypes: [String] {
        inputs.flatMap { input in
            let type =
                switch input.encoder {
                case .categories, .levels, .hashed, .crossed, .mapped: "c"
                case .number, .elements, .onehot, .scaled, .log1p, .clipped, .bins, .indicators: "q"
                }
            return [String](repeating: type, count: input.width)
        }
    }

    /// Which weights of a sparse model each number touches.
    package var layout: SlotLayout {
        SlotLayout(
            inputs.map { input in
                switch input.encoder {
                case .number, .elements, .onehot, .scaled, .log1p, .clipped, .indicators: .values(input.width)
                case .categories, .levels, .bins:
                    .places(numbers: 1, slots: input.encoder.placesMax, isSigned: false)
                case .hashed(let hash, _), .crossed(let hash):
                    .places(numbers: input.width, slots: hash.buckets, isSigned: hash.isSigned)
                case .mapped(let map): .mean(numbers: map.nearest, slots: input.encoder.placesMax)
                }
            }
        )
    }
}

/// Signatures from before an input could read several columns have neither `columns` nor `reads`.
extension ModelSignature: Codable {
    private enum CodingKeys: String, CodingKey {
        case task, columns, inputs, classes
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            task: try container.decode(ModelTask.self, forKey: .task),
            columns: try container.decodeIfPresent([Source].self, forKey: .columns),
            inputs: try container.decode([Input].self, forKey: .inputs),
            classes: try container.decode([String].self, forKey: .classes)
        )
        for input in inputs where !input.reads.allSatisfy(columns.indices.contains) {
            throw DecodingError.dataCorruptedError(
                forKey: .inputs,
                in: container,
                debugDescription: "the input '\(input.name)' reads a column that is not there"
            )
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(task, forKey: .task)
        try container.encode(columns, forKey: .columns)
        try container.encode(inputs, forKey: .inputs)
        try container.encode(classes, forKey: .classes)
    }
}

extension ModelSignature.Input: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, type, encoder, reads
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            type: try container.decode(FeatureType.self, forKey: .type),
            encoder: try container.decode(FittedEncoder.self, forKey: .encoder),
            reads: try container.decodeIfPresent([Int].self, forKey: .reads) ?? []
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(type, forKey: .type)
        try container.encode(self.encoder, forKey: .encoder)
        try container.encode(reads, forKey: .reads)
    }
}
