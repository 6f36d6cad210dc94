package import Features

/// SplitMix64: the same numbers for the same seed, on every machine.
package struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True once in `n` times.
    package mutating func oneIn(_ n: Int) -> Bool { int(1...n) == 1 }

    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[int(0...elements.count - 1)] }
}

/// Values that storage trips over, and ordinary ones.
extension SeededRandom {
    private static let texts = [
        "", " ", "a", "NULL", "\"", ",", "\n", "é", "e\u{301}", "日本語", "🙂", "\\", "\\N", "\u{1}\u{7F}", "{}", "{a,b}",
        "\t", "'", "NaN", "trailing ",
    ]
    private static let doubles: [Double] = [
        0, -0.0, 1, -1, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0.1, 1e23, .pi,
    ]
    private static let integers: [Int64] = [0, 1, -1, .max, .min, 9_007_199_254_740_993]
    private static let times = [
        0, -1, Timestamp.earliest.microseconds, Timestamp.latest.microseconds, 1_700_000_000_123_456, -86_400_000_000,
        946_684_800_000_000, 946_684_799_999_999,
    ]

    /// A value of `type`; null once in five times.
    package mutating func value(_ type: FeatureType) -> Value {
        if oneIn(5) { return .null }
        switch type {
        case .bool: return .bool(oneIn(2))
        case .int32: return .int32(Int32(truncatingIfNeeded: integer()))
        case .int64: return .int64(integer())
        case .float32: return .float32(float())
        case .float64: return .float64(double())
        case .string: return .string(text())
        case .bytes: return .bytes((0..<int(0...4)).map { _ in UInt8(int(0...255)) })
        case .timestamp: return .timestamp(Timestamp(microseconds: time()))
        case .vector(let dimensions): return .vector((0..<dimensions).map { _ in float() })
        case .listInt64: return .listInt64((0..<int(0...4)).map { _ in integer() })
        case .listString: return .listString((0..<int(0...4)).map { _ in text() })
        }
    }

    private mutating func integer() -> Int64 { oneIn(2) ? pick(Self.integers) : Int64(bitPattern: next()) }

    private mutating func double() -> Double {
        if oneIn(2) { return pick(Self.doubles) }
        let value = Double(bitPattern: next())
        return value.isNaN ? .nan : value
    }

    private mutating func float() -> Float {
        if oneIn(2) { return Float(pick(Self.doubles)) }
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: next()))
        return value.isNaN ? .nan : value
    }

    package mutating func text() -> String { (0..<int(0...2)).map { _ in pick(Self.texts) }.joined() }

    private mutating func time() -> Int64 {
        oneIn(2)
            ? pick(Self.times)
            : Int64.random(in: Timestamp.earliest.microseconds...Timestamp.latest.microseconds, using: &self)
    }
}

extension Value {
    /// The value's spelling as bytes. Unlike `==`, it tells `é` from `e` with an accent and -0 from 0, and finds NaN
    /// equal to itself.
    package var identity: [UInt8] { Array(json.utf8) }
}
