import Features
import PointInTime
import Store
import TestSupport
import Windows

/// Windows as the page says them: quadratic and obvious, over the events that are in force.
struct WindowOracle {
    let definition: WindowDefinition
    /// Whether an event meets the condition, by its columns.
    var filter: ([String: Value]) -> Bool = { _ in true }
    let delay: Int64
    let isStrict: Bool

    /// - Parameters:
    ///   - events: as ``Oracle/events(_:label:in:_:)`` gives them.
    ///   - time: µs; `nil` matches no event.
    func value(_ events: [Oracle.CommittedRow], in view: ViewDefinition, at time: Int64?) -> Value {
        var inside: [[String: Value]] = []
        for event in events {
            guard let time else { break }
            let (t, at) = (Int128(time), Int128(event.row.eventTime))
            let offset = Int128(definition.offset.microseconds)
            let end = t - max(offset, Int128(delay))
            guard isStrict ? at < end : at <= end else { continue }
            if let length = definition.length, at <= t - offset - Int128(length.microseconds) { continue }
            var columns = Dictionary(uniqueKeysWithValues: zip(view.features.map(\.name), event.row.features))
            for (key, value) in zip(view.keys, event.row.keys) { columns[key.name] = value }
            if filter(columns) { inside.append(columns) }
        }
        guard let column = definition.column else { return .int64(Int64(inside.count)) }
        let values = inside.compactMap { $0[column] }.filter { $0 != .null }
        switch definition.aggregate {
        case .count: return .int64(Int64(values.count))
        case .distinct: return .int64(Int64(Set(values.map(\.identity)).count))
        case .first: return values.first ?? .null
        case .last: return values.last ?? .null
        case .min, .max: return extreme(values)
        case .sum, .avg: return sum(values)
        case .variance, .stddev, .variancePopulation, .stddevPopulation, .approxDistinct, .approxQuantile, .top,
            .histogram, .secondsSinceLast:
            preconditionFailure("not among the windows of the histories")
        }
    }

    /// In PostgreSQL's order, in which NaN is the greatest number; zeros are +0.
    private func extreme(_ values: [Value]) -> Value {
        let numbers = values.map { value in
            guard case .float64(let number) = value else { preconditionFailure("only floats here") }
            return number + 0
        }
        let isMax = definition.aggregate == .max
        let number = numbers.reduce(nil as Double?) { best, number in
            guard let best else { return number }
            if number.isNaN { return isMax ? number : best }
            if best.isNaN { return isMax ? best : number }
            return isMax ? max(best, number) : min(best, number)
        }
        return number.map { .float64($0.isNaN ? .nan : $0) } ?? .null
    }

    /// Exact sums have an oracle in Python; here they are of the right values.
    private func sum(_ values: [Value]) -> Value {
        if values.isEmpty { return .null }
        var (exact, total) = (ExactSum(), Int128(0))
        var areFloats = false
        for value in values {
            switch value {
            case .float64(let number):
                areFloats = true
                exact.add(number)
            case .int64(let number): total += Int128(number)
            default: preconditionFailure("only numbers here")
            }
        }
        guard areFloats else { return Int64(exactly: total).map { .int64($0) } ?? .null }
        return .float64(definition.aggregate == .avg ? exact.value / Double(values.count) : exact.value)
    }
}
