package import PointInTime

/// The rows that a model reads, in single precision: made in this one place for fitting, serving and scoring.
package struct DesignMatrix: Sendable {
    package let rowCount: Int
    package let width: Int
    /// `rowCount` rows of ``width`` numbers, NaN = missing.
    package private(set) var values: [Float]
    /// Of each input, rows whose text its dictionary lacks.
    package private(set) var unseen: [Int]

    /// - Parameter columns: one for each input of the signature, in its order and of its types.
    /// - Complexity: O(rows × width).
    package init(_ columns: [Column], _ signature: ModelSignature, rowCount: Int) {
        precondition(columns.count == signature.inputs.count, "a column for each input")
        self.rowCount = rowCount
        width = signature.width
        values = [Float](repeating: .nan, count: rowCount * width)
        unseen = [Int](repeating: 0, count: columns.count)
        var offset = 0
        for (index, (column, input)) in zip(columns, signature.inputs).enumerated() {
            precondition(column.type == input.type && column.rowCount == rowCount, "columns of the signature's types")
            fill(column, input, at: offset, index)
            offset += input.width
        }
    }

    private mutating func fill(_ column: Column, _ input: ModelSignature.Input, at offset: Int, _ index: Int) {
        switch (input.encoder, column.values) {
        case (.number, .bool(let flags)): set(column, flags, at: offset) { $0 ? 1 : 0 }
        case (.number, .int32(let numbers)): set(column, numbers, at: offset) { Float($0) }
        case (.number, .int64(let numbers)): set(column, numbers, at: offset) { Float($0) }
        case (.number, .float32(let numbers)): set(column, numbers, at: offset) { $0 }
        case (.number, .float64(let numbers)): set(column, numbers, at: offset) { Float($0) }
        case (.elements(let count), .vector(_, let numbers)):
            for row in 0..<rowCount where !column.isNull(row) {
                for element in 0..<count { values[row * width + offset + element] = numbers[row * count + element] }
            }
        case (.categories(let levels), .text(let texts)):
            let places = Self.places(levels)
            for row in 0..<rowCount where !column.isNull(row) {
                if let place = places[texts[row]] {
                    values[row * width + offset] = Float(place)
                } else {
                    unseen[index] += 1
                }
            }
        case (.onehot(let levels), .text(let texts)):
            let places = Self.places(levels)
            for row in 0..<rowCount {
                for place in 0..<levels.count + 2 { values[row * width + offset + place] = 0 }
                var place = levels.count
                if !column.isNull(row) {
                    place = places[texts[row]] ?? levels.count + 1
                    if place > levels.count { unseen[index] += 1 }
                }
                values[row * width + offset + place] = 1
            }
        default: preconditionFailure("an encoder of another type")
        }
    }

    private static func places(_ levels: [String]) -> [ArraySlice<UInt8>: Int] {
        Dictionary(uniqueKeysWithValues: levels.enumerated().map { (Array($1.utf8)[...], $0) })
    }

    private mutating func set<Number>(
        _ column: Column,
        _ numbers: [Number],
        at offset: Int,
        _ single: (Number) -> Float
    ) {
        for row in 0..<rowCount where !column.isNull(row) { values[row * width + offset] = single(numbers[row]) }
    }

    /// Some of the rows.
    package func gather(_ rows: [Int32]) -> [Float] {
        var gathered: [Float] = []
        gathered.reserveCapacity(rows.count * width)
        for row in rows { gathered.append(contentsOf: values[Int(row) * width..<(Int(row) + 1) * width]) }
        return gathered
    }
}
