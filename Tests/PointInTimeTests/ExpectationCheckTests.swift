import Features
import PointInTime
import TestSupport
import Testing

@Suite struct ExpectationCheckTests {
    private static func check(_ type: FeatureType, _ expectations: Expectations) -> ExpectationCheck {
        ExpectationCheck(
            ViewDefinition(
                name: "v",
                entities: [],
                keys: [],
                features: [
                    FeatureDefinition(name: "free", type: .bool),
                    FeatureDefinition(name: "x", type: type, expectations: expectations),
                ]
            )
        )
    }

    private static func failed(_ type: FeatureType, _ expectations: Expectations, _ values: [Value]) -> [Int32] {
        let column = Column(type: type, values)
        let outcome = check(type, expectations).run([column], isDeleted: nil, rowCount: values.count)
        return outcome.features[0].failed
    }

    @Test func `bounds are inclusive, NaN lies within none, and nulls pass`() {
        let values: [Value] = [
            .float64(0), .float64(-0.0), .float64(1), .float64(1.0000000001), .float64(-1e-300), .float64(.nan), .null,
            .float64(.infinity),
        ]
        #expect(Self.failed(.float64, Expectations(min: .float64(0), max: .float64(1)), values) == [3, 4, 5, 7])
        #expect(Self.failed(.float64, Expectations(min: .float64(0)), values) == [4, 5])
        #expect(Self.failed(.float64, Expectations(max: .float64(.infinity)), values) == [5])
        #expect(Self.failed(.float64, Expectations(nullsMax: .zero), values) == [6])
    }

    @Test func `a bound of float32 is one of its own values`() throws {
        let bound = try FeatureType.float32.expected("0.1")
        #expect(Self.failed(.float32, Expectations(max: bound), [.float32(0.1), .float32(0.10000001)]) == [1])
    }

    @Test func `tombstones are not looked at`() {
        let column = Column(type: .int64, [.int64(5), .int64(5), .null, .null])
        let deleted = Column(type: .bool, values: .bool([true, false, true, false]))
        let outcome = Self.check(.int64, Expectations(max: .int64(3), nullsMax: .zero))
            .run([column], isDeleted: deleted, rowCount: 4)
        #expect(outcome.rows == 2)
        #expect(outcome.features[0].nulls == 1 && outcome.features[0].failed == [1, 3])
    }

    @Test func `a view that expects nothing has nothing to check`() {
        let view = ViewDefinition(
            name: "v",
            entities: [],
            keys: [],
            features: [FeatureDefinition(name: "x", type: .int64)]
        )
        let check = ExpectationCheck(view)
        #expect(check.isEmpty)
        #expect(check.run([], isDeleted: nil, rowCount: 3).features.isEmpty)
    }

    /// Expectations that fit a type, with bounds and lists among the values that come.
    private static func expectations(_ type: FeatureType, _ random: inout SeededRandom) -> Expectations {
        var expectations = Expectations(action: random.pick(Expectations.Action.allCases))
        func value() -> Value? {
            let value = random.value(type)
            if case .float64(let number) = value, number.isNaN { return nil }
            if case .float32(let number) = value, number.isNaN { return nil }
            return value == .null ? nil : value
        }
        if type.isOrdered {
            if random.oneIn(2) { expectations.min = value() }
            if random.oneIn(2) { expectations.max = value() }
        }
        if type.isListable, random.oneIn(2) {
            let values = Set((0..<random.int(1...6)).compactMap { _ in value() })
            if !values.isEmpty { expectations.allowed = Array(values) }
        }
        expectations.nullsMax = random.pick([nil, .zero, Share(millionths: 50_000)])
        return expectations
    }

    @Test(arguments: [
        FeatureType.bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(2), .listInt64,
        .listString,
    ])
    func `columns are checked as their values are one by one`(_ type: FeatureType) {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<60 {
            let expectations = Self.expectations(type, &random)
            let rowCount = random.int(1...40)
            let values = (0..<rowCount).map { _ in random.value(type) }
            let deleted = random.oneIn(2) ? (0..<rowCount).map { _ in random.oneIn(3) } : nil
            let outcome = Self.check(type, expectations).run(
                [Column(type: type, values)],
                isDeleted: deleted.map { Column(type: .bool, values: .bool($0)) },
                rowCount: rowCount
            )
            let rows = (0..<rowCount).filter { deleted?[$0] != true }
            let failed = rows.filter { !expectations.accepts(values[$0]) }.map { Int32($0) }
            #expect(outcome.rows == rows.count, "seed \(seed)")
            #expect(outcome.features[0].nulls == rows.count { values[$0] == .null }, "seed \(seed)")
            #expect(outcome.features[0].failed == failed, "seed \(seed), \(expectations), \(values)")
        }
    }
}
