/// A set of numbers that mostly follow one another, as ascending ranges that neither overlap nor touch.
///
/// Numbers are not negative. Operations are O(log *k*) and O(*k*) for *k* ranges, of which there are few: whoever adds to a
/// set also bounds it.
struct NumberRanges: Sendable, Hashable {
    private(set) var ranges: [ClosedRange<Int64>] = []

    init() {}

    /// - Parameter bounds: lowest and highest number of each range in turn, ascending, as they are stored.
    init(bounds: [Int64]) {
        for pair in stride(from: 0, to: bounds.count - 1, by: 2) where bounds[pair] <= bounds[pair + 1] {
            ranges.append(bounds[pair]...bounds[pair + 1])
        }
    }

    var bounds: [Int64] { ranges.flatMap { [$0.lowerBound, $0.upperBound] } }
    var isEmpty: Bool { ranges.isEmpty }
    var min: Int64? { ranges.first?.lowerBound }
    var max: Int64? { ranges.last?.upperBound }

    func contains(_ number: Int64) -> Bool {
        let index = place(of: number)
        return index < ranges.count && ranges[index].contains(number)
    }

    /// The smallest number of the set that is greater than `number`.
    func next(after number: Int64) -> Int64? {
        let index = place(of: number)
        guard index < ranges.count else { return nil }
        if number < ranges[index].lowerBound { return ranges[index].lowerBound }
        if number < ranges[index].upperBound { return number + 1 }
        return index + 1 < ranges.count ? ranges[index + 1].lowerBound : nil
    }

    mutating func insert(_ number: Int64) {
        let index = place(of: number)
        guard index == ranges.count || !ranges[index].contains(number) else { return }
        let joinsBelow = index > 0 && ranges[index - 1].upperBound == number - 1
        let joinsAbove = index < ranges.count && ranges[index].lowerBound - 1 == number
        switch (joinsBelow, joinsAbove) {
        case (true, true):
            ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
            ranges.remove(at: index)
        case (true, false): ranges[index - 1] = ranges[index - 1].lowerBound...number
        case (false, true): ranges[index] = number...ranges[index].upperBound
        case (false, false): ranges.insert(number...number, at: index)
        }
    }

    mutating func remove(_ number: Int64) {
        let index = place(of: number)
        guard index < ranges.count, ranges[index].contains(number) else { return }
        let range = ranges.remove(at: index)
        if number < range.upperBound { ranges.insert(number + 1...range.upperBound, at: index) }
        if range.lowerBound < number { ranges.insert(range.lowerBound...number - 1, at: index) }
    }

    /// Keeps `count` ranges of the greatest numbers.
    mutating func dropLowest(keeping count: Int) {
        if ranges.count > count { ranges.removeFirst(ranges.count - count) }
    }

    /// Keeps `count` ranges of the smallest numbers.
    mutating func dropHighest(keeping count: Int) {
        if ranges.count > count { ranges.removeLast(ranges.count - count) }
    }

    /// The first range that does not lie wholly below `number`.
    private func place(of number: Int64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
