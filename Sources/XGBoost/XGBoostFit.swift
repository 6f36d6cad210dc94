package import Foundation

/// A model to be fitted: what a process that fits finds in a folder, and what it leaves there.
///
/// Files beside `job.json`, all little-endian float32: `train.f32` and `valid.f32` are rows, `train-labels.f32` and
/// `valid-labels.f32` their labels, `probe.f32` rows to predict from with the model that is kept. It leaves `model.ubj`,
/// `probe-margins.f32` and `result.json`.
package struct XGBoostFit: Codable, Sendable {
    /// What became of it.
    package struct Result: Codable, Sendable {
        /// Rounds that the model has.
        package var rounds: Int
        /// The metric on valid in its best round.
        package var best: Double
        package var metric: String
        /// How much of the loss each feature took away, by name.
        package var gains: [String: Double]
        package var libraryVersion: String
    }

    package var library: String
    package var names: [String]
    package var types: [String]
    package var parameters: [String: String]
    /// Rounds at most.
    package var rounds: Int
    /// Ends after so many rounds without a better metric on valid.
    package var patience: Int
    package var trainRows: Int
    package var validRows: Int
    package var probeRows: Int

    package init(
        library: String,
        names: [String],
        types: [String],
        parameters: [String: String],
        rounds: Int,
        patience: Int,
        trainRows: Int,
        validRows: Int,
        probeRows: Int
    ) {
        self.library = library
        self.names = names
        self.types = types
        self.parameters = parameters
        self.rounds = rounds
        self.patience = patience
        self.trainRows = trainRows
        self.validRows = validRows
        self.probeRows = probeRows
    }

    /// Fits in this process, which the library's threads are left in.
    /// - Parameters:
    ///   - folder: as above.
    ///   - progress: gets each round with the metric on valid.
    package static func run(in folder: URL, progress: (Int, Double) -> Void) throws {
        let job = try JSONDecoder().decode(
            XGBoostFit.self,
            from: Data(contentsOf: folder.appendingPathComponent("job.json"))
        )
        let library = try XGBoostLibrary(path: job.library)
        func matrix(_ name: String, _ rows: Int) throws -> XGBoostMatrix {
            try XGBoostMatrix(
                library,
                values: try Self.read(folder, name),
                rowCount: rows,
                names: job.names,
                types: job.types
            )
        }
        let train = try matrix("train.f32", job.trainRows)
        try train.set("label", try Self.read(folder, "train-labels.f32"))
        let valid = try matrix("valid.f32", job.validRows)
        try valid.set("label", try Self.read(folder, "valid-labels.f32"))
        let training = XGBoostTraining(
            parameters: job.parameters.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) },
            rounds: job.rounds,
            earlyStopping: job.patience
        )
        let fitted = try training.run(library, train: train, valid: valid, names: job.names, types: job.types) {
            progress($0 + 1, $1)
            return true
        }
        let kept = fitted.model
        let probe = try matrix("probe.f32", job.probeRows)
        try Self.write(try kept.margins(probe), folder, "probe-margins.f32")
        try Data(try kept.save()).write(to: folder.appendingPathComponent("model.ubj"))
        let result = Result(
            rounds: fitted.bestRound + 1,
            best: fitted.history[fitted.bestRound],
            metric: job.parameters["eval_metric"] ?? "",
            gains: try kept.gains(),
            libraryVersion: library.version
        )
        try JSONEncoder().encode(result).write(to: folder.appendingPathComponent("result.json"))
    }

    package static func write(_ values: [Float], _ folder: URL, _ name: String) throws {
        // Safe: the bytes are copied within the closure; both machines that are supported are little-endian.
        let data = values.withUnsafeBytes { Data($0) }
        try data.write(to: folder.appendingPathComponent(name))
    }

    package static func read(_ folder: URL, _ name: String) throws -> [Float] {
        let data = try Data(contentsOf: folder.appendingPathComponent(name))
        return [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
            // Safe: the buffer has room for so many.
            count = data.copyBytes(to: buffer) / 4
        }
    }
}
