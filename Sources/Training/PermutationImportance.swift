/// How much a model's loss grows where one of its inputs is shuffled among rows: what it loses with the input's information,
/// whatever it made of it in training.
package enum PermutationImportance {
    /// - Parameters:
    ///   - values: rows of as many numbers as the widths are together.
    ///   - widths: of the inputs, in order; the numbers of an input are shuffled together.
    ///   - seed: of the shuffles.
    ///   - loss: of rows like `values`; less is better.
    /// - Returns: of each input, the loss with it shuffled less the loss as it is: about 0 where the model does without it.
    /// - Complexity: a loss of all rows for each input.
    package static func losses(
        _ values: [Float],
        widths: [Int],
        seed: UInt64,
        loss: ([Float]) -> Double
    ) -> [Double] {
        let width = widths.reduce(0, +)
        precondition(width > 0 && values.count % width == 0, "rows of the inputs' widths")
        let rowCount = values.count / width
        let own = loss(values)
        var (start, found) = (0, [Double]())
        for (input, inputWidth) in widths.enumerated() {
            let order = order(rowCount, seed: seed, input: input)
            var shuffled = values
            for (row, from) in order.enumerated() {
                for place in start..<start + inputWidth { shuffled[row * width + place] = values[from * width + place] }
            }
            found.append(loss(shuffled) - own)
            start += inputWidth
        }
        return found
    }

    /// Which row's numbers each row gets.
    static func order(_ rowCount: Int, seed: UInt64, input: Int) -> [Int] {
        var random = SplitMix(seed: seed ^ (UInt64(input) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
        return random.drawn(rowCount, of: rowCount)
    }
}

extension SplitMix {
    /// Some of the numbers below `bound`, each at most once, in random order.
    package mutating func drawn(_ count: Int, of bound: Int) -> [Int] {
        var all = Array(0..<bound)
        let count = min(count, bound)
        for place in 0..<count { all.swapAt(place, place + below(bound - place)) }
        return Array(all[..<count])
    }
}
