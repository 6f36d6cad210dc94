import Features
package import PointInTime

/// The rows that a model reads, in single precision: made in this one place for fitting, serving and scoring.
package struct DesignMatrix: Sendable {
    package let rowCount: Int
    package let width: Int
    /// `rowCount` rows of ``width`` numbers, NaN = missing.
    package private(set) var values: [Float]
    /// Of each input, rows whose value training did not have, as far as its encoder can tell.
    package private(set) var unseen: [Int]

    /// - Parameter columns: those of the encoders' signature, in its order and of its types.
    /// - Complexity: O(rows × width).
    package init(_ columns: [Column], _ encoders: Encoders, rowCount: Int) {
        let signature = encoders.signature
        precondition(columns.count == signature.columns.count, "a column for each of the signature")
        for (column, source) in zip(columns, signature.columns) {
            precondition(column.type == source.type && column.rowCount == rowCount, "columns of the signature's types")
        }
        let width = signature.width
        self.rowCount = rowCount
        self.width = width
        var values = [Float](repeating: .nan, count: rowCount * width)
        unseen = [Int](repeating: 0, count: signature.inputs.count)
        var offset = 0
        for (index, input) in signature.inputs.enumerated() {
            let start = offset
            unseen[index] = encoders.encode(index, columns, rowCount: rowCount) { row, place, number in
                values[row * width + start + place] = number
            }
            offset += input.width
        }
        self.values = values
    }

    /// As ``init(_:_:rowCount:)-(_,Encoders,_)``, with encoders that are used once.
    package init(_ columns: [Column], _ signature: ModelSignature, rowCount: Int) {
        self.init(columns, Encoders(signature), rowCount: rowCount)
    }

    /// One float32 column for each number, null where it is missing.
    package var columns: [Column] {
        (0..<width).map { place in
            let own = (0..<rowCount).map { values[$0 * width + place] }
            let known = own.map { !$0.isNaN }
            return Column(
                type: .float32,
                validity: known.contains(false) ? known : nil,
                values: .float32(own.map { $0.isNaN ? 0 : $0 })
            )
        }
    }

    /// Some of the rows.
    package func gather(_ rows: [Int32]) -> [Float] {
        var gathered: [Float] = []
        gathered.reserveCapacity(rows.count * width)
        for row in rows { gathered.append(contentsOf: values[Int(row) * width..<(Int(row) + 1) * width]) }
        return gathered
    }
}
