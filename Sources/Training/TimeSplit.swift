/// Which rows a model is fitted on, stopped by, and judged on.
package struct TimeSplit: Sendable {
    /// Row numbers, ascending.
    package var train: [Int32] = []
    package var valid: [Int32] = []
    package var test: [Int32] = []
    /// Rows before a cut whose label was known only behind it: they are in no part.
    package var embargoed = 0
    /// Rows without a label or a label time.
    package var unlabelled = 0
    /// The first label times, µs, that belong to valid and to test; `nil` of a random split.
    package var validFrom: Int64?
    package var testFrom: Int64?
    package var isRandom = false

    /// - Parameters:
    ///   - times: label times, µs since 1970-01-01 UTC; `nil` = the row has none.
    ///   - isLabelled: whether the row's label is known at all.
    ///   - validFrom: the first time of valid, inclusive; `testFrom` likewise, not before it.
    ///   - embargo: how long after its time a label becomes known, µs: a row so near before a cut is dropped.
    package init(times: [Int64?], isLabelled: [Bool], validFrom: Int64, testFrom: Int64, embargo: Int64) {
        precondition(validFrom <= testFrom && times.count == isLabelled.count, "cuts in their order")
        self.validFrom = validFrom
        self.testFrom = testFrom
        for (row, time) in times.enumerated() {
            guard let time, isLabelled[row] else {
                unlabelled += 1
                continue
            }
            let known = time.addingReportingOverflow(embargo)
            let knownAt = known.overflow ? Int64.max : known.partialValue
            if time >= testFrom {
                test.append(Int32(row))
            } else if time >= validFrom {
                if knownAt > testFrom { embargoed += 1 } else { valid.append(Int32(row)) }
            } else if knownAt > validFrom {
                embargoed += 1
            } else {
                train.append(Int32(row))
            }
        }
    }

    /// The cuts at which parts of rows, ordered by time, have about these shares; rows of one time stay together.
    /// - Parameter shares: of train, valid and test, in percent.
    /// - Returns: `nil` where there are fewer than three times.
    package static func cuts(
        _ times: [Int64],
        shares: (train: Int, valid: Int, test: Int)
    ) -> (validFrom: Int64, testFrom: Int64)? {
        let sorted = times.sorted()
        let distinct = Set(times).sorted()
        let total = shares.train + shares.valid + shares.test
        guard distinct.count >= 3, total > 0 else { return nil }
        func wanted(_ share: Int) -> Int64 { sorted[min(sorted.count * share / total, sorted.count - 1)] }
        // A cut is the first time of its part; no part is to be empty.
        let validFrom = min(max(wanted(shares.train), distinct[1]), distinct[distinct.count - 2])
        let next = distinct.first { $0 > validFrom } ?? validFrom
        let testFrom = max(wanted(shares.train + shares.valid), next)
        return (validFrom, testFrom)
    }

    /// Rows by chance, whatever their times: what is judged so is judged too well where rows hang together.
    package init(isLabelled: [Bool], shares: (train: Int, valid: Int, test: Int), seed: UInt64) {
        isRandom = true
        var order: [Int32] = []
        for row in isLabelled.indices { if isLabelled[row] { order.append(Int32(row)) } else { unlabelled += 1 } }
        var random = SplitMix(seed: seed)
        for index in order.indices.reversed().dropLast() { order.swapAt(index, random.below(index + 1)) }
        let total = max(shares.train + shares.valid + shares.test, 1)
        let (first, second) = (order.count * shares.train / total, order.count * (shares.train + shares.valid) / total)
        train = order[..<first].sorted()
        valid = order[first..<second].sorted()
        test = order[second...].sorted()
    }
}

/// SplitMix64: random numbers that are the same everywhere for the same seed.
package struct SplitMix: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 to `count` - 1, each as likely but for 2^-40.
    package mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }
}
