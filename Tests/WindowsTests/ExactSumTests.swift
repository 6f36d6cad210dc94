import TestSupport
import Testing

@testable import Windows

@Suite struct ExactSumTests {
    private static func sum(_ values: [Double]) -> Double {
        var sum = ExactSum()
        for value in values { sum.add(value) }
        return sum.value
    }

    @Test func `sums are the correctly rounded exact ones, which math.fsum gives too`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var cases: [[Double]] = (0..<3_000).map { _ in
            let isOrdinary = random.oneIn(3)
            return (0..<random.int(0...40)).map { _ in
                isOrdinary ? Double.random(in: -1...1, using: &random) * 0x1p40 : random.float()
            }
        }
        let tiny = Double.leastNonzeroMagnitude
        // Halves, and what is a little above and below them; the ends of float64.
        for exponent in [-1074, -1022, -81, -80, -28, 0, 63, 64, 900, 970, 971] {
            let half = Double(sign: .plus, exponent: exponent, significand: 1)
            for odd in [0x1p53, 0x1p53 + 2] {
                let large = odd * half
                cases += [[large, half], [large, half, tiny], [large, half, -tiny], [-large, -half, half / 4]]
            }
        }
        let most = Double.greatestFiniteMagnitude
        cases += [
            [most, 0x1p970], [most, 0x1p969], [most, 0x1p970, -tiny], [-most, -most, most], [most, most, -most],
        ]
        cases += [[.nan, 1], [.infinity, 1], [-.infinity, 1e308], [.infinity, -.infinity], [-0.0, -0.0]]
        let expected: [String] = try Oracle.answer(
            "print(json.dumps([text(total([number(v) for v in values])) for values in input]))",
            to: cases.map { $0.map(Oracle.text) }
        )
        for (values, wanted) in zip(cases, expected) {
            #expect(Oracle.text(Self.sum(values)) == wanted, "seed \(seed): \(values)")
        }
    }

    @Test func `no order of additions and removals changes a bit`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20 {
            let values = (0..<30).map { _ in random.float() }
            let expected = Self.sum(values)
            for _ in 0..<50 {
                var sum = ExactSum()
                var guests: [Double] = []
                for value in values.shuffled(using: &random) {
                    if random.oneIn(2) {
                        guests.append(random.oneIn(9) ? random.pick([.nan, .infinity, -.infinity]) : random.float())
                        sum.add(guests[guests.count - 1])
                    }
                    sum.add(value)
                    if random.oneIn(3), let guest = guests.popLast() { sum.remove(guest) }
                }
                for guest in guests.shuffled(using: &random) { sum.remove(guest) }
                #expect(sum.value.bitPattern == expected.bitPattern, "seed \(seed)")
                for value in values.shuffled(using: &random) { sum.remove(value) }
                #expect(sum.value.bitPattern == 0, "seed \(seed)")
            }
        }
    }

    @Test func `integers are summed beyond int64 and come back`() throws {
        var sum = ExactIntegerSum()
        sum.add(.max)
        #expect(sum.int64 == .max)
        sum.add(1)
        #expect(sum.int64 == nil)
        #expect(sum.float64 == 0x1p63)
        sum.remove(.max)
        sum.remove(1)
        #expect(sum.int64 == 0)
        sum.add(.min)
        #expect(sum.int64 == .min)
        sum.add(.min)
        #expect(sum.int64 == nil)
        #expect(sum.float64 == -0x1p64)
    }

    @Test func `sums of integers become the nearest float64, of two the even one`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var cases: [[Int64]] = [
            [1 << 53, 1], [1 << 53, 3], [-(1 << 53), -1], [-(1 << 53), -3], [.max, .max], [.min, .min],
        ]
        for _ in 0..<2_000 {
            cases.append(
                (0..<random.int(0...4)).map { _ in
                    random.oneIn(3) ? Int64(random.int(-9...9)) : Int64.random(in: .min ... .max, using: &random)
                }
            )
        }
        let expected: [String] = try Oracle.answer("print(json.dumps([text(float(sum(v))) for v in input]))", to: cases)
        for (values, wanted) in zip(cases, expected) {
            var sum = ExactIntegerSum()
            for value in values { sum.add(value) }
            #expect(Oracle.text(sum.float64) == wanted, "seed \(seed): \(values)")
        }
    }
}
