import Features
import TestSupport
import Testing

@Suite struct IntervalTests {
    @Test(
        arguments: [
            ("0s", 0), ("30d", 2_592_000_000_000), ("2w", 1_209_600_000_000), ("1h", 3_600_000_000),
            ("5m", 300_000_000),
            ("7s", 7_000_000), ("9ms", 9_000), ("4us", 4), ("007s", 7_000_000), ("9223372036854775807us", .max),
        ] as [(String, Int64)]
    )
    func `an integer and a unit are read`(text: String, microseconds: Int64) {
        #expect(Interval(text: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "30", "d", "-1d", "+1d", "1.5h", "1 d", " 1d", "1d ", "1D", "1y", "1ns", "1min", "1d12h", "٣d",
        "9223372036854775808us", "9223372036854775807s", "15250285w",
    ])
    func `anything else is refused, and so is what exceeds 64 bits`(text: String) {
        #expect(Interval(text: text) == nil)
    }

    @Test(
        arguments: [
            (0, "0s"), (1, "1us"), (1_000, "1ms"), (1_001, "1001us"), (60_000_000, "1m"), (90_000_000, "90s"),
            (86_400_000_000, "1d"), (604_800_000_000, "7d"), (90_000_000_000, "25h"),
        ] as [(Int64, String)]
    )
    func `text is the shortest exact spelling`(microseconds: Int64, text: String) {
        #expect(Interval(microseconds: microseconds).text == text)
    }

    @Test(arguments: [UInt64.random(in: .min ... .max)])
    func `random intervals survive their text`(seed: UInt64) {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<10_000 {
            let interval = Interval(
                microseconds: Int64.random(in: 0...(.max >> Int64.random(in: 0..<63, using: &random)), using: &random)
            )
            #expect(Interval(text: interval.text) == interval)
        }
    }
}
