import Features
import PointInTime
import TestSupport

@testable import Windows

extension SeededRandom {
    /// Numbers that sums trip over, and ordinary ones.
    mutating func float() -> Double {
        switch int(0...11) {
        case 0: pick([0, -0.0, 1, -1, 0.1, -0.1, 1e23, .pi])
        case 1: pick([1e308, -1e308, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0x1p970, -0x1p970])
        case 2: pick([.leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, 0x1.8p-1030, -0x1p-1072])
        case 3: pick([0x1p-28, 0x1p-29, 0x1p64, -0x1p64, 0x1.fffffffffffffp63, 0x1p53 + 1, -0x1p-80])
        case 4: Double(sign: oneIn(2) ? .plus : .minus, exponent: int(-1074...1023), significand: 1)
        case 5...7: Double.random(in: -1...1, using: &self) * 0x1p60
        default: Double(int(-100_000...100_000)) / 100
        }
    }
}

/// Events of one key as they arrived, times to ask at, and windows to ask for.
struct WindowWorld: Encodable {
    struct Window: Encodable {
        var aggregate: String
        var column: String?
        var number: Int?
        /// In millionths.
        var fraction: Int?
        var length: Int64?
        var offset: Int64
        var delay: Int64
        var isStrict: Bool
        var isFiltered: Bool

        var definition: WindowDefinition {
            WindowDefinition(
                WindowAggregate(rawValue: aggregate)!,
                of: column,
                number: number,
                fraction: fraction,
                over: length.map { Interval(microseconds: $0) },
                offset: Interval(microseconds: offset)
            )
        }

        var bounds: WindowBounds {
            WindowBounds(definition, delay: Interval(microseconds: delay), isStrict: isStrict)
        }
    }

    var times: [Int64] = []
    /// No two events of one time have the same.
    var ids: [Int] = []
    var floats: [Double?] = []
    var singles: [Float?] = []
    var integers: [Int64?] = []
    var texts: [String?] = []
    var isKept: [Bool] = []
    var requests: [Int64] = []
    var windows: [Window] = []

    static let columnNames = ["x", "f", "n", "s"]

    init(_ random: inout SeededRandom) {
        let lengths: [Int64] = [1, 2, 1_000_000, 60_000_000, 3_600_000_000]
        let step = random.pick(lengths)
        let isTame = random.oneIn(2)
        for id in 0..<random.int(0...50) {
            times.append(Int64(random.int(0...20)) * step + Int64(random.pick([0, 0, 0, 1, -1])))
            ids.append(id * 7 % 53)
            let value = random.float()
            floats.append(
                random.oneIn(6)
                    ? nil
                    : !isTame && random.oneIn(9) ? random.pick([.nan, .infinity, -.infinity]) : value
            )
            singles.append(random.oneIn(6) ? nil : Float(random.pick([0.1, -0.0, 0, 3e38, 1e-45, -7, value])))
            integers.append(
                random.oneIn(6)
                    ? nil : Int64(random.oneIn(isTame ? 1_000 : 5) ? random.pick([.max, .min]) : random.int(-9...9))
            )
            texts.append(random.oneIn(6) ? nil : random.pick(["", "a", "ab", "b", "é", "z", "🙂"]))
            isKept.append(!random.oneIn(3))
        }
        for aggregate in WindowAggregate.allCases {
            for column in Self.columnNames {
                var number: Int?
                if aggregate.hasNumber == true || (aggregate.hasNumber == nil && random.oneIn(2)) {
                    number = random.int(1...4)
                }
                let named: String? =
                    aggregate.hasColumn == false || (aggregate == .count && random.oneIn(2)) ? nil : column
                guard aggregate.resultType(of: named.map(Self.type), isList: number != nil) != nil else { continue }
                windows.append(
                    Window(
                        aggregate: aggregate.rawValue,
                        column: named,
                        number: number,
                        fraction: aggregate.hasFraction ? random.pick([0, 500_000, 950_000, 1_000_000, 333_333]) : nil,
                        length: random.oneIn(4) ? nil : step * Int64(random.int(1...8)),
                        offset: random.oneIn(3) ? step * Int64(random.int(0...4)) : 0,
                        delay: random.oneIn(3) ? step * Int64(random.int(0...9)) : 0,
                        isStrict: random.oneIn(3),
                        isFiltered: random.oneIn(3)
                    )
                )
            }
        }
        for _ in 0..<random.int(1...30) {
            // Where a window begins or ends for some event, and 1 µs to both sides.
            let window = random.pick(windows)
            let shift = random.pick([0, window.offset, window.delay, window.offset + (window.length ?? 0)])
            requests.append((times.randomElement(using: &random) ?? 0) + shift + Int64(random.int(-1...1)))
        }
        requests.sort()
    }

    static func type(_ column: String) -> FeatureType {
        switch column {
        case "x": .float64
        case "f": .float32
        case "n": .int64
        default: .string
        }
    }

    private enum Key: CodingKey { case times, ids, x, f, n, s, kept, requests, windows }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(times, forKey: .times)
        try container.encode(ids, forKey: .ids)
        try container.encode(floats.map { $0.map(Oracle.text) }, forKey: .x)
        try container.encode(singles.map { $0.map { Oracle.text(Double($0)) } }, forKey: .f)
        try container.encode(integers, forKey: .n)
        try container.encode(texts, forKey: .s)
        try container.encode(isKept, forKey: .kept)
        try container.encode(requests, forKey: .requests)
        try container.encode(windows, forKey: .windows)
    }

    // MARK: The module's answers

    /// Rows by time and id.
    var order: [Int] { times.indices.sorted { (times[$0], ids[$0]) < (times[$1], ids[$1]) } }

    func column(_ name: String, _ rows: [Int]) -> Column {
        let boxed: [Value] =
            switch name {
            case "x": rows.map { floats[$0].map(Value.float64) ?? .null }
            case "f": rows.map { singles[$0].map(Value.float32) ?? .null }
            case "n": rows.map { integers[$0].map(Value.int64) ?? .null }
            default: rows.map { texts[$0].map(Value.string) ?? .null }
            }
        return Column(type: Self.type(name), boxed)
    }

    /// Each window's values at the requests, as the oracle writes them, and how many sums were beyond int64.
    func answers() -> (values: [[String]], overflows: Int) {
        let rows = order
        let scan = scan(rows)
        var overflows = 0
        let values = windows.map { window in
            let result = scan.column(
                WindowAggregate(rawValue: window.aggregate)!,
                scan.spans(window.bounds),
                number: window.number,
                fraction: window.fraction,
                values: window.column.map { column($0, rows) },
                filter: window.isFiltered ? rows.map { isKept[$0] } : nil
            )
            overflows += result.overflows
            return result.column.boxed.map(Self.text)
        }
        return (values, overflows)
    }

    func scan(_ rows: [Int]) -> WindowScan {
        WindowScan(
            times: rows.map { times[$0] },
            requests: requests,
            groups: [WindowGroup(events: 0..<times.count, requests: 0..<requests.count)]
        )
    }

    static func text(_ value: Value) -> String {
        switch value {
        case .null: "null"
        case .int64(let value): "i\(value)"
        case .float32(let value): Oracle.text(Double(value))
        case .float64(let value): Oracle.text(value)
        case .string(let value): "s" + value
        case .listInt64(let values): "[" + values.map { "i\($0)" }.joined(separator: " ") + "]"
        case .listString(let values): "[" + values.map { "s" + $0 }.joined(separator: " ") + "]"
        default: "of another type"
        }
    }
}
