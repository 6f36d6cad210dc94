import Features
import PointInTime

/// Values as int64 in PostgreSQL's order of them, equal where the values are.
enum OrderKeys {
    /// - Parameter column: of no list and no vector.
    /// - Complexity: O(*n*); of texts O(*n* log *n*) comparisons.
    static func of(_ column: Column) -> [Int64] {
        switch column.values {
        case .bool(let values): return values.map { $0 ? 1 : 0 }
        case .int32(let values): return values.map(Int64.init)
        case .int64(let values): return values
        case .float32(let values): return values.map { key(Double($0)) }
        case .float64(let values): return values.map(key)
        case .text(let values): return ranks(values)
        case .vector, .listInt64, .listString: preconditionFailure("\(column.type.text) has no order")
        }
    }

    /// A number for each row from 0 without gaps, equal where the keys are, and how many there are.
    static func codes(_ keys: [Int64]) -> (codes: [Int32], count: Int) {
        var known: [Int64: Int32] = [:]
        let codes = keys.map { key in
            let next = Int32(known.count)
            if let code = known[key] { return code }
            known[key] = next
            return next
        }
        return (codes, known.count)
    }

    /// The column with one NaN and one zero, so that equal values have equal bits.
    static func canonical(_ column: Column) -> Column {
        var column = column
        switch column.values {
        case .float32(let values): column.values = .float32(values.map { $0.isNaN ? .nan : $0 + 0 })
        case .float64(let values): column.values = .float64(values.map { $0.isNaN ? .nan : $0 + 0 })
        default: break
        }
        return column
    }

    /// NaN is the greatest, and there is one of it and one zero.
    static func key(_ value: Double) -> Int64 {
        let bits = Int64(bitPattern: (value.isNaN ? Double.nan : value + 0).bitPattern)
        // Of negative numbers greater digits mean less.
        return bits ^ (bits >> 63 & .max)
    }

    /// The value of a key, as ``canonical(_:)`` has it.
    static func value(_ key: Int64) -> Double { Double(bitPattern: UInt64(bitPattern: key ^ (key >> 63 & .max))) }

    private static func ranks(_ texts: TextValues) -> [Int64] {
        let order = (0..<texts.count).sorted { texts[$0].lexicographicallyPrecedes(texts[$1]) }
        var ranks = [Int64](repeating: 0, count: texts.count)
        var rank: Int64 = 0
        for (place, row) in order.enumerated() {
            if place > 0, texts[order[place - 1]] != texts[row] { rank += 1 }
            ranks[row] = rank
        }
        return ranks
    }
}
