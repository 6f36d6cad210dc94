import CXGBoost

/// Rows to fit or to predict from, in the library's memory.
package final class XGBoostMatrix {
    let library: XGBoostLibrary
    let handle: asof_xgboost_matrix
    package let rowCount: Int

    /// - Parameters:
    ///   - values: `rowCount` rows of as many values as there are names, NaN = missing.
    ///   - types: `q` of a number, `c` of a category; one for each name.
    package init(
        _ library: XGBoostLibrary,
        values: [Float],
        rowCount: Int,
        names: [String],
        types: [String]
    ) throws(XGBoostError) {
        precondition(values.count == rowCount * names.count && types.count == names.count, "rows of one width")
        self.library = library
        self.rowCount = rowCount
        var handle: asof_xgboost_matrix?
        let functions = library.functions
        let result = values.withUnsafeBytes { buffer in
            // Safe: the library copies the values before it returns.
            functions.matrix_from_dense(
                Self.array(buffer, "<f4", [rowCount, names.count]),
                "{\"missing\": NaN, \"nthread\": 0}",
                &handle
            )
        }
        try library.check(result)
        guard let handle else { throw .library("no matrix") }
        self.handle = handle
        try setTexts("feature_name", names)
        try setTexts("feature_type", types)
    }

    deinit { _ = library.functions.matrix_free(handle) }

    /// - Parameters:
    ///   - field: `label`, `weight`.
    ///   - values: one a row.
    package func set(_ field: String, _ values: [Float]) throws(XGBoostError) {
        precondition(values.count == rowCount, "one value a row")
        let functions = library.functions
        let handle = handle
        let result = values.withUnsafeBytes { buffer in
            // Safe: the library copies the values before it returns.
            functions.matrix_set_info(handle, field, Self.array(buffer, "<f4", [values.count]))
        }
        try library.check(result)
    }

    private func setTexts(_ field: String, _ texts: [String]) throws(XGBoostError) {
        let (functions, handle) = (library.functions, handle)
        try library.check(CTexts.with(texts) { functions.matrix_set_texts(handle, field, $0, UInt64(texts.count)) })
    }

    /// An array interface: where values are and how they lie.
    private static func array(_ buffer: UnsafeRawBufferPointer, _ type: String, _ shape: [Int]) -> String {
        let place = buffer.baseAddress.map { UInt(bitPattern: $0) } ?? 0
        let lengths = shape.map(String.init).joined(separator: ", ")
        return "{\"data\": [\(place), true], \"shape\": [\(lengths)], \"typestr\": \"\(type)\", \"version\": 3}"
    }
}

/// Texts as a C function takes them.
enum CTexts {
    static func with<Result>(
        _ texts: [String],
        _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let bytes = texts.flatMap { Array($0.utf8CString) }
        return bytes.withUnsafeBufferPointer { buffer in
            // Safe: the pointers are into the buffer, each at a text that ends with a 0.
            var pointers: [UnsafePointer<CChar>?] = []
            var at = 0
            for text in texts {
                pointers.append(buffer.baseAddress.map { $0 + at })
                at += text.utf8.count + 1
            }
            return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) }
        }
    }
}
