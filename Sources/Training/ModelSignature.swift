package import Features

/// How the columns of a service become the numbers that a model reads, and what its answers are called: a part of each version
/// of a model, fitted on the training slice and never changed.
package struct ModelSignature: Hashable, Sendable, Codable {
    /// A column of the service.
    package struct Input: Hashable, Sendable, Codable {
        /// As in exports: `view__feature`.
        package var name: String
        package var type: FeatureType
        package var encoder: FittedEncoder

        package init(name: String, type: FeatureType, encoder: FittedEncoder) {
            self.name = name
            self.type = type
            self.encoder = encoder
        }

        /// How many numbers it becomes.
        package var width: Int {
            switch encoder {
            case .number, .categories: 1
            case .elements(let count): count
            case .onehot(let levels): levels.count + 2
            }
        }
    }

    package var task: ModelTask
    /// In the service's order.
    package var inputs: [Input]
    /// Of a multi-class model, in the order of its outputs; else empty.
    package var classes: [String]

    package init(task: ModelTask, inputs: [Input], classes: [String] = []) {
        self.task = task
        self.inputs = inputs
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
            case .number, .categories: [input.name]
            case .elements(let count): (0..<count).map { "\(input.name)_\($0)" }
            case .onehot(let levels):
                levels.indices.map { "\(input.name)_is_\($0)" } + ["\(input.name)_is_null", "\(input.name)_is_other"]
            }
        }
    }

    /// XGBoost's type of each number: `c` of a category, else `q`.
    package var featureTypes: [String] {
        inputs.flatMap { input in
            if case .categories = input.encoder { return ["c"] }
            return [String](repeating: "q", count: input.width)
        }
    }
}

/// How one column becomes numbers, with what was learned for it from the training slice.
package enum FittedEncoder: Hashable, Sendable, Codable {
    /// The value itself in single precision; null = missing; false and true are 0 and 1.
    case number
    /// The elements of a vector.
    case elements(Int)
    /// The place of the text in a dictionary; null = missing, and so is what the dictionary lacks.
    case categories([String])
    /// A 0 or 1 for each of some texts, one for null, one for any other.
    case onehot([String])
}
