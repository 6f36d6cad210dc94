import Learning
import Testing

@Suite struct SlotLayoutTests {
    private static let layout = SlotLayout([
        .values(2), .places(numbers: 2, slots: 4, isSigned: false), .places(numbers: 1, slots: 2, isSigned: true),
        .mean(numbers: 3, slots: 5),
    ])

    private static func expand(_ numbers: [Float]) -> (text: String, clipped: Int) {
        var row = SparseRow()
        let clipped = layout.expand(numbers, row: 0, into: &row)
        return (zip(row.slots, row.values).map { "\($0):\($1)" }.joined(separator: " "), clipped)
    }

    @Test func `each number touches slots of its own`() {
        #expect(Self.layout.width == 8 && Self.layout.slotCount == 1 + 4 + 6 + 3 + 6)
        // The intercept; two values; two places; a signed place; a mean of one.
        #expect(Self.expand([0.5, -2, 0, 3, 1, 4, .nan, .nan]).text == "0:1.0 1:0.5 3:-2.0 5:1.0 8:1.0 12:1.0 18:1.0")
        // -(1 + 1) is the place 1 of which the value counts as -1; a mean of two.
        #expect(Self.expand([0, 0, 0, 0, -2, 0, 1, .nan]).text == "0:1.0 5:1.0 5:1.0 12:-1.0 14:0.5 15:0.5")
    }

    @Test func `what is missing has a slot of its own, and so has what is no place`() {
        let missing = "0:1.0 2:1.0 4:1.0 9:1.0 10:1.0 13:1.0 19:1.0"
        #expect(Self.expand([.nan, .infinity, .nan, .nan, .nan, .nan, .nan, .nan]).text == missing)
        #expect(Self.expand([.nan, -.infinity, -1, 4, 7, -1, 5, 1e30]).text == missing)
    }

    @Test func `a value far out counts as 100`() {
        let (text, clipped) = Self.expand([1e30, -101, 0, 0, 0, 0, .nan, .nan])
        #expect(text.hasPrefix("0:1.0 1:100.0 3:-100.0 ") && clipped == 2)
    }
}
