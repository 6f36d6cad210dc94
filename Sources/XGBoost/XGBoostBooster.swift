import CXGBoost

/// A model of trees in the library's memory.
package final class XGBoostBooster {
    let library: XGBoostLibrary
    let handle: asof_xgboost_booster

    private init(_ library: XGBoostLibrary, handle: asof_xgboost_booster) {
        self.library = library
        self.handle = handle
    }

    /// A model without trees.
    /// - Parameters:
    ///   - matrices: what it will be fitted and judged on.
    ///   - names: of the features, which the model keeps; with their `types` as in ``XGBoostMatrix``.
    package convenience init(
        _ library: XGBoostLibrary,
        _ matrices: [XGBoostMatrix],
        parameters: [(name: String, value: String)],
        names: [String],
        types: [String]
    ) throws(XGBoostError) {
        var handle: asof_xgboost_booster?
        let handles: [asof_xgboost_matrix?] = matrices.map(\.handle)
        try library.check(library.functions.booster_create(handles, UInt64(handles.count), &handle))
        guard let handle else { throw .library("no booster") }
        self.init(library, handle: handle)
        for (name, value) in parameters { try library.check(library.functions.booster_set(handle, name, value)) }
        let functions = library.functions
        for (field, texts) in [("feature_name", names), ("feature_type", types)] {
            let result = CTexts.with(texts) { functions.booster_set_texts(handle, field, $0, UInt64(texts.count)) }
            try library.check(result)
        }
    }

    /// A model as ``save(format:)`` wrote it.
    package convenience init(_ library: XGBoostLibrary, bytes: [UInt8]) throws(XGBoostError) {
        var handle: asof_xgboost_booster?
        try library.check(library.functions.booster_create(nil, 0, &handle))
        guard let handle else { throw .library("no booster") }
        self.init(library, handle: handle)
        let functions = library.functions
        // Safe: the pointer is used only within the closure.
        let result = bytes.withUnsafeBytes { functions.booster_load(handle, $0.baseAddress, UInt64($0.count)) }
        try library.check(result)
    }

    deinit { _ = library.functions.booster_free(handle) }

    /// Adds the trees of one round.
    package func update(round: Int, on matrix: XGBoostMatrix) throws(XGBoostError) {
        try library.check(library.functions.booster_update(handle, Int32(round), matrix.handle))
    }

    /// The metric of the parameters after a round, on one matrix.
    package func metric(round: Int, on matrix: XGBoostMatrix) throws(XGBoostError) -> Double {
        var text: UnsafePointer<CChar>?
        var handles: [asof_xgboost_matrix?] = [matrix.handle]
        let (functions, handle) = (library.functions, handle)
        let result = CTexts.with(["valid"]) {
            functions.booster_evaluate(handle, Int32(round), &handles, $0, 1, &text)
        }
        try library.check(result)
        let shown = text.map { String(cString: $0) } ?? ""
        guard let value = shown.split(separator: ":").last.flatMap({ Double($0) }) else {
            throw .library("the metric '\(shown)' has no number")
        }
        return value
    }

    /// The model of the first rounds alone.
    package func slice(rounds: Int) throws(XGBoostError) -> XGBoostBooster {
        var sliced: asof_xgboost_booster?
        try library.check(library.functions.booster_slice(handle, 0, Int32(rounds), 1, &sliced))
        guard let sliced else { throw .library("no booster") }
        return XGBoostBooster(library, handle: sliced)
    }

    package enum Format: String, Sendable {
        case json
        case ubjson = "ubj"
    }

    package func save(format: Format = .ubjson) throws(XGBoostError) -> [UInt8] {
        var length: UInt64 = 0
        var bytes: UnsafePointer<CChar>?
        let config = "{\"format\": \"\(format.rawValue)\"}"
        try library.check(library.functions.booster_save(handle, config, &length, &bytes))
        guard let bytes else { return [] }
        // Safe: the library keeps so many bytes until its next call.
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(length)))
    }

    /// Margins, in rows of one value an output.
    package func margins(_ matrix: XGBoostMatrix) throws(XGBoostError) -> [Float] {
        try predict(matrix, type: 1)
    }

    /// Probabilities or values.
    package func predictions(_ matrix: XGBoostMatrix) throws(XGBoostError) -> [Float] {
        try predict(matrix, type: 0)
    }

    private func predict(_ matrix: XGBoostMatrix, type: Int) throws(XGBoostError) -> [Float] {
        let config =
            "{\"type\": \(type), \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": true}"
        var shape: UnsafePointer<UInt64>?
        var dimensions: UInt64 = 0
        var values: UnsafePointer<Float>?
        try library.check(
            library.functions.booster_predict(handle, matrix.handle, config, &shape, &dimensions, &values)
        )
        guard let shape, let values else { return [] }
        // Safe: the library keeps shape and values until its next call.
        let count = (0..<Int(dimensions)).reduce(1) { $0 * Int(shape[$1]) }
        return Array(UnsafeBufferPointer(start: values, count: count))
    }

    /// How much of the loss each feature took away, by name; features without a split are not there.
    package func gains() throws(XGBoostError) -> [String: Double] {
        var featureCount: UInt64 = 0
        var features: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        var dimensions: UInt64 = 0
        var shape: UnsafePointer<UInt64>?
        var scores: UnsafePointer<Float>?
        try library.check(
            library.functions.booster_scores(
                handle,
                "{\"importance_type\": \"total_gain\"}",
                &featureCount,
                &features,
                &dimensions,
                &shape,
                &scores
            )
        )
        var gains: [String: Double] = [:]
        guard let features, let scores else { return gains }
        // Safe: the library keeps so many names and scores until its next call.
        for index in 0..<Int(featureCount) {
            if let name = features[index] { gains[String(cString: name)] = Double(scores[index]) }
        }
        return gains
    }
}
