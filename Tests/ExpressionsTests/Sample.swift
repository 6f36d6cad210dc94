import Expressions
import Features
import PointInTime
import TestSupport

/// Columns to evaluate expressions over.
struct Sample {
    var entries: [ExpressionScope.Entry] = []
    var columns: [Column] = []
    let rowCount: Int

    init(rowCount: Int) { self.rowCount = rowCount }

    init(_ columns: KeyValuePairs<String, (FeatureType, [Value])>) {
        rowCount = columns.first?.value.1.count ?? 1
        for (name, (type, values)) in columns { add(name, type, values) }
    }

    mutating func add(_ name: String, _ type: FeatureType, _ values: [Value]) {
        entries.append(ExpressionScope.Entry(name: name, type: type))
        columns.append(Column(type: type, values))
    }

    var scope: ExpressionScope { ExpressionScope(entries) }

    func evaluate(_ text: String) throws -> (values: [Value], errors: Int) {
        let expression = try Expression(text, scope: scope)
        let result = expression.evaluate({ columns[$0] }, rowCount: rowCount)
        return ((0..<rowCount).map { result.column.value($0) }, result.errorCount)
    }

    /// Of the first row.
    func value(_ text: String) throws -> Value { try evaluate(text).values[0] }

    /// Two rows of every type.
    static let flights = Sample([
        "weather.temp": (.float64, [.float64(20.5), .null]),
        "weather.wind_dir": (.float32, [.float32(45), .float32(90)]),
        "weather._event_time": (.timestamp, [time("2013-01-01T04:00:00Z"), .null]),
        "label_time": (.timestamp, [time("2013-07-01T12:34:56.5Z"), time("2013-01-01T00:00:00Z")]),
        "carrier": (.string, [.string("UA"), .null]),
        "n": (.int32, [.int32(7), .int32(-7)]),
        "m": (.int64, [.int64(3_000_000_000), .int64(0)]),
        "late": (.bool, [.bool(true), .null]),
        "raw": (.bytes, [.bytes([1, 2]), .null]),
        "pixels": (.vector(3), [.vector([1, 2, 3]), .vector([0, 0, 0])]),
        "other": (.vector(4), [.vector([1, 2, 3, 4]), .null]),
        "visits": (.listInt64, [.listInt64([1]), .null]),
    ])

    static func time(_ text: String) -> Value {
        (try? Timestamp(text: text)).map { .timestamp($0) } ?? .null
    }
}
