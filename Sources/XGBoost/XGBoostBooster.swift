internal import CXGBoost

/// A model of the library, trained or read. Confined to one thread.
///
/// The library trusts the bytes of models: read none here but what it has written itself.
package final class XGBoostBooster {
    let library: XGBoostLibrary
    let handle: asof_xgboost_booster

    /// A model without trees yet; nothing is known of its features where there are no matrices.
    package init(
        _ library: XGBoostLibrary,
        matrices: [XGBoostMatrix] = [],
        parameters: [(name: String, value: String)] = []
    ) throws(XGBoostError) {
        self.library = library
        let handles: [asof_xgboost_matrix?] = matrices.map(\.handle)
        var made: asof_xgboost_booster?
        let result = handles.withUnsafeBufferPointer {
            library.table.booster_create($0.baseAddress, UInt64(handles.count), &made)
        }
        try library.check(result, "XGBoosterCreate")
        guard let made else { throw .refused(call: "XGBoosterCreate", reason: "it gave no booster") }
        handle = made
        for (name, value) in parameters { try set(name, value) }
    }

    private init(_ library: XGBoostLibrary, handle: asof_xgboost_booster) {
        self.library = library
        self.handle = handle
    }

    deinit { _ = library.table.booster_free(handle) }

    package func set(_ name: String, _ value: String) throws(XGBoostError) {
        try library.check(library.table.set_param(handle, name, value), "parameter \(name)=\(value)")
    }

    /// Writes names and types of the features into the model, which the library does not do by itself.
    package func describe(by matrix: XGBoostMatrix) throws(XGBoostError) {
        for (field, texts) in [("feature_name", matrix.names), ("feature_type", matrix.types)] {
            guard let texts else { continue }
            let result = CTexts.withPointers(to: texts) {
                library.table.set_texts(handle, field, $0, UInt64(texts.count))
            }
            try library.check(result, "XGBoosterSetStrFeatureInfo of \(field)")
        }
    }

    /// Adds the trees of a round, counted from 0.
    package func update(round: Int, train: XGBoostMatrix) throws(XGBoostError) {
        try library.check(library.table.update(handle, Int32(round), train.handle), "XGBoosterUpdateOneIter")
    }

    /// Each metric on each set, in the library's order: named as in `valid-logloss`.
    package func evaluate(
        round: Int,
        on sets: [(name: String, matrix: XGBoostMatrix)]
    ) throws(XGBoostError) -> [(name: String, value: Double)] {
        var handles: [asof_xgboost_matrix?] = sets.map(\.matrix.handle)
        var text: UnsafePointer<CChar>?
        let result = CTexts.withPointers(to: sets.map(\.name)) { names in
            handles.withUnsafeMutableBufferPointer {
                library.table.evaluate(handle, Int32(round), $0.baseAddress, names, UInt64(sets.count), &text)
            }
        }
        try library.check(result, "XGBoosterEvalOneIter")
        // As in "[0]\ttrain-logloss:0.5\tvalid-logloss:0.6".
        let fields = text.map { String(cString: $0) }?.split(separator: "\t").dropFirst() ?? []
        return fields.compactMap { field in
            guard let colon = field.lastIndex(of: ":"), let value = Double(field[field.index(after: colon)...]) else {
                return nil
            }
            return (String(field[..<colon]), value)
        }
    }

    /// The first `rounds` rounds of the model.
    package func sliced(rounds: Int) throws(XGBoostError) -> XGBoostBooster {
        var made: asof_xgboost_booster?
        try library.check(library.table.slice(handle, 0, Int32(rounds), 1, &made), "XGBoosterSlice")
        guard let made else { throw .refused(call: "XGBoosterSlice", reason: "it gave no booster") }
        return XGBoostBooster(library, handle: made)
    }

    package enum Format: String, Sendable, CaseIterable { case json, ubj }

    package func bytes(as format: Format) throws(XGBoostError) -> [UInt8] {
        var count: UInt64 = 0
        var start: UnsafePointer<CChar>?
        let result = library.table.save(handle, "{\"format\":\"\(format.rawValue)\"}", &count, &start)
        try library.check(result, "XGBoosterSaveModelToBuffer")
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(count)))
    }

    package func load(_ bytes: [UInt8]) throws(XGBoostError) {
        let result = bytes.withUnsafeBytes { library.table.load(handle, $0.baseAddress, UInt64($0.count)) }
        try library.check(result, "XGBoosterLoadModelFromBuffer")
    }

    /// Margins, or with `predictions` probabilities and the like, of rows of `width` values, NaN where one is missing.
    ///
    /// - Returns: all of the first row, then of the second, …
    package func predict(
        _ rows: [Float],
        count: Int,
        width: Int,
        predictions: Bool = false
    ) throws(XGBoostError) -> [Float] {
        guard count >= 0, rows.count == count * width else {
            throw .badInput("\(rows.count) values are not \(count) rows of \(width)")
        }
        var proxy: asof_xgboost_matrix?
        try library.check(library.table.proxy_create(&proxy), "XGProxyDMatrixCreate")
        defer { _ = proxy.map { library.table.matrix_free($0) } }
        let config = """
            {"type":\(predictions ? 0 : 1),"iteration_begin":0,"iteration_end":0,"strict_shape":true,"missing":NaN,\
            "cache_id":0,"training":false}
            """
        var shape: UnsafePointer<UInt64>?
        var dimensions: UInt64 = 0
        var values: UnsafePointer<Float>?
        let result = rows.withUnsafeBufferPointer {
            let data = XGBoostLibrary.interface($0.baseAddress, shape: [count, width])
            return library.table.predict_dense(handle, data, config, proxy, &shape, &dimensions, &values)
        }
        try library.check(result, "XGBoosterPredictFromDense")
        guard let shape else { return [] }
        let total = (0..<Int(dimensions)).reduce(1) { $0 * Int(shape[$1]) }
        return Array(UnsafeBufferPointer(start: values, count: total))
    }

    /// How much each feature's splits gained, summed over the model; features that no split asks are not there.
    package func gains() throws(XGBoostError) -> [(feature: String, gain: Float)] {
        var count: UInt64 = 0
        var features: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        var dimensions: UInt64 = 0
        var shape: UnsafePointer<UInt64>?
        var scores: UnsafePointer<Float>?
        let result = library.table.feature_score(
            handle,
            "{\"importance_type\":\"total_gain\"}",
            &count,
            &features,
            &dimensions,
            &shape,
            &scores
        )
        try library.check(result, "XGBoosterFeatureScore")
        guard let features, let scores else { return [] }
        return (0..<Int(count)).map { (features[$0].map { String(cString: $0) } ?? "", scores[$0]) }
    }
}
