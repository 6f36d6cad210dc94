import Features
import TestSupport

/// Values that formats trip over, and ordinary ones.
enum RandomValue {
    private static let texts = [
        "", " ", "a", "NULL", "null", "\"", "\"\"", ",", "\n", "\r\n", "\r", "a,b", "say \"hi\"", "line\nbreak", "é",
        "日本語", "🙂", "\\", "\\n", "\u{1}\u{1F}\u{7F}", "{}", "[1]", "\t", "\\x00", "trailing ", "'", "NaN", "0",
    ]
    private static let doubles: [Double] = [
        0, -0.0, 1, -1, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0.1, 1e22, 1e23,
        -1.5e-7, .pi, 9_007_199_254_740_992,
    ]
    private static let integers: [Int64] = [
        0, 1, -1, .max, .min, 9_007_199_254_740_993, -9_007_199_254_740_993, 4_294_967_296,
    ]
    private static let times = [
        0, -1, 1, Timestamp.earliest.microseconds, Timestamp.latest.microseconds, -62_135_596_799_999_999,
        1_700_000_000_123_456, -86_400_000_000,
    ]

    static func make(_ type: FeatureType, using random: inout SeededRandom) -> Value {
        if Int.random(in: 0..<5, using: &random) == 0 { return .null }
        switch type {
        case .bool: return .bool(Bool.random(using: &random))
        case .int32: return .int32(Int32(truncatingIfNeeded: integer(&random)))
        case .int64: return .int64(integer(&random))
        case .float32: return .float32(float(&random))
        case .float64: return .float64(double(&random))
        case .string: return .string(text(&random))
        case .bytes: return .bytes((0..<length(&random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        case .timestamp: return .timestamp(Timestamp(microseconds: time(&random)))
        case .vector(let dimensions): return .vector((0..<dimensions).map { _ in float(&random) })
        case .listInt64: return .listInt64((0..<length(&random)).map { _ in integer(&random) })
        case .listString: return .listString((0..<length(&random)).map { _ in text(&random) })
        }
    }

    private static func length(_ random: inout SeededRandom) -> Int { Int.random(in: 0...4, using: &random) }

    private static func integer(_ random: inout SeededRandom) -> Int64 {
        Bool.random(using: &random)
            ? integers[Int.random(in: 0..<integers.count, using: &random)]
            : Int64.random(in: .min ... .max, using: &random)
    }

    private static func double(_ random: inout SeededRandom) -> Double {
        if Bool.random(using: &random) { return doubles[Int.random(in: 0..<doubles.count, using: &random)] }
        let value = Double(bitPattern: random.next())
        return value.isNaN ? .nan : value
    }

    private static func float(_ random: inout SeededRandom) -> Float {
        if Bool.random(using: &random) { return Float(doubles[Int.random(in: 0..<doubles.count, using: &random)]) }
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        return value.isNaN ? .nan : value
    }

    private static func text(_ random: inout SeededRandom) -> String {
        (0..<Int.random(in: 0...3, using: &random)).map { _ in texts[Int.random(in: 0..<texts.count, using: &random)] }
            .joined()
    }

    private static func time(_ random: inout SeededRandom) -> Int64 {
        Bool.random(using: &random)
            ? times[Int.random(in: 0..<times.count, using: &random)]
            : Int64.random(in: Timestamp.earliest.microseconds...Timestamp.latest.microseconds, using: &random)
    }
}
