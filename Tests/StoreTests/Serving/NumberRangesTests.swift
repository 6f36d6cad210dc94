import TestSupport
import Testing

@testable import Serving

/// Ranges of numbers beside a plain set.
@Suite struct NumberRangesTests {
    @Test(arguments: UInt64(0)..<20) func `ranges hold what a set holds, whatever is added and removed`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var ranges = NumberRanges()
        var set: Set<Int64> = []
        for _ in 0..<400 {
            let number = Int64(random.int(0...60))
            if random.oneIn(3) {
                ranges.remove(number)
                set.remove(number)
            } else {
                ranges.insert(number)
                set.insert(number)
            }
            #expect(ranges.min == set.min() && ranges.max == set.max() && ranges.isEmpty == set.isEmpty)
            let probe = Int64(random.int(0...61))
            #expect(ranges.contains(probe) == set.contains(probe))
            #expect(ranges.next(after: probe) == set.filter { $0 > probe }.min())
            #expect(NumberRanges(bounds: ranges.bounds) == ranges)
        }
        // Neither overlap nor touch.
        for (one, next) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
            #expect(one.upperBound + 1 < next.lowerBound)
        }
    }

    @Test func `the least and the greatest numbers are numbers like others`() {
        var ranges = NumberRanges()
        for number in [Int64.max, 0, Int64.max - 1, 1] as [Int64] { ranges.insert(number) }
        #expect(ranges.bounds == [0, 1, Int64.max - 1, Int64.max])
        #expect(ranges.next(after: Int64.max) == nil)
        #expect(ranges.next(after: 1) == Int64.max - 1)
        ranges.remove(Int64.max)
        ranges.remove(0)
        #expect(ranges.bounds == [1, 1, Int64.max - 1, Int64.max - 1])
    }

    @Test func `a bounded set keeps its greatest or its least ranges`() {
        var ranges = NumberRanges(bounds: [1, 2, 4, 4, 7, 9])
        ranges.dropLowest(keeping: 2)
        #expect(ranges.bounds == [4, 4, 7, 9])
        ranges.dropHighest(keeping: 1)
        #expect(ranges.bounds == [4, 4])
    }
}
