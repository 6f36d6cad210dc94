import Features
import Learning
import PointInTime

/// The values of a column of numbers or flags.
struct Numbers {
    private let column: Column

    init(_ column: Column) { self.column = column }

    /// Calls `body` with each row that is not null, its value, and the value in single precision.
    func each(_ body: (Int, Double, Float) -> Void) {
        switch column.values {
        case .bool(let flags): rows { body($0, flags[$0] ? 1 : 0, flags[$0] ? 1 : 0) }
        case .int32(let numbers): rows { body($0, Double(numbers[$0]), Float(numbers[$0])) }
        case .int64(let numbers): rows { body($0, Double(numbers[$0]), Float(numbers[$0])) }
        case .float32(let numbers): rows { body($0, Double(numbers[$0]), numbers[$0]) }
        case .float64(let numbers): rows { body($0, numbers[$0], Float(numbers[$0])) }
        default: preconditionFailure("a column of \(column.type.text) has no numbers")
        }
    }

    private func rows(_ body: (Int) -> Void) {
        for row in 0..<column.rowCount where !column.isNull(row) { body(row) }
    }

    /// One a row, NaN = null.
    var values: [Double] {
        var values = [Double](repeating: .nan, count: column.rowCount)
        each { row, value, _ in values[row] = value }
        return values
    }

    /// Of the rows that have one and whose value is finite.
    var finite: [Double] { values.filter(\.isFinite) }

    static func log1p(_ value: Double) -> Float { Float(PortableMath.log1p(value)) }
}
