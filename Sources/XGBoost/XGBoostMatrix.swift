internal import CXGBoost

/// Rows to train or judge with, copied into the library. Confined to one thread.
package final class XGBoostMatrix {
    let library: XGBoostLibrary
    let handle: asof_xgboost_matrix
    package let count: Int
    package let width: Int
    let names: [String]?
    let types: [String]?

    /// - Parameters:
    ///   - rows: `count` rows of `width` values, NaN where one is missing; infinities are refused by the library.
    ///   - names: of the features, in order.
    ///   - types: `q` a quantity, `c` a category: whole numbers from 0.
    ///   - labels: one a row; of classes, whole numbers from 0.
    ///   - weights: one a row, or nil.
    /// - Throws: ``XGBoostError/badInput(_:)`` where numbers of values differ, ``XGBoostError/refused(call:reason:)``.
    package init(
        _ library: XGBoostLibrary,
        rows: [Float],
        count: Int,
        width: Int,
        names: [String]? = nil,
        types: [String]? = nil,
        labels: [Float]? = nil,
        weights: [Float]? = nil,
        threads: Int = 1
    ) throws(XGBoostError) {
        guard count >= 0, width >= 1, rows.count == count * width else {
            throw .badInput("\(rows.count) values are not \(count) rows of \(width)")
        }
        for (what, values) in [("labels", labels), ("weights", weights)] {
            if let values, values.count != count {
                throw .badInput("there are \(values.count) \(what) for \(count) rows")
            }
        }
        for (what, texts) in [("names", names), ("types", types)] {
            if let texts, texts.count != width {
                throw .badInput("there are \(texts.count) \(what) for \(width) features")
            }
        }
        self.library = library
        self.count = count
        self.width = width
        self.names = names
        self.types = types
        var made: asof_xgboost_matrix?
        let result = rows.withUnsafeBufferPointer { rows in
            let data = XGBoostLibrary.interface(rows.baseAddress, shape: [count, width])
            return library.table.matrix_dense(data, "{\"missing\":NaN,\"nthread\":\(threads)}", &made)
        }
        try library.check(result, "XGDMatrixCreateFromDense")
        guard let made else { throw .refused(call: "XGDMatrixCreateFromDense", reason: "it gave no matrix") }
        handle = made
        if let names { try set("feature_name", names) }
        if let types { try set("feature_type", types) }
        if let labels { try set("label", labels) }
        if let weights { try set("weight", weights) }
    }

    deinit { _ = library.table.matrix_free(handle) }

    private func set(_ field: String, _ values: [Float]) throws(XGBoostError) {
        let result = values.withUnsafeBufferPointer {
            library.table.matrix_info(handle, field, XGBoostLibrary.interface($0.baseAddress, shape: [values.count]))
        }
        try library.check(result, "XGDMatrixSetInfoFromInterface of \(field)")
    }

    private func set(_ field: String, _ texts: [String]) throws(XGBoostError) {
        let result = CTexts.withPointers(to: texts) {
            library.table.matrix_texts(handle, field, $0, UInt64(texts.count))
        }
        try library.check(result, "XGDMatrixSetStrFeatureInfo of \(field)")
    }
}
