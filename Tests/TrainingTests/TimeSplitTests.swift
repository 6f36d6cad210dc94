import TestSupport
import Testing

@testable import Training

@Suite struct TimeSplitTests {
    @Test func `rows go by their time, those whose label was not known at a cut nowhere`() {
        let split = TimeSplit(
            times: [0, 5, 9, 10, 15, 19, 20, 30, nil, 7],
            isLabelled: [true, true, true, true, true, true, true, true, true, false],
            validFrom: 10,
            testFrom: 20,
            embargo: 2
        )
        #expect(split.train == [0, 1])
        #expect(split.valid == [3, 4])
        #expect(split.test == [6, 7])
        #expect(split.embargoed == 2)
        #expect(split.unlabelled == 2)
    }

    @Test func `a label that is known exactly at the cut is known`() {
        let split = TimeSplit(times: [8, 9], isLabelled: [true, true], validFrom: 10, testFrom: 10, embargo: 2)
        #expect(split.train == [0])
        #expect(split.embargoed == 1)
    }

    @Test func `cuts by shares never part rows of one time`() throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let times = (0..<random.int(3...80)).map { _ in Int64(random.int(0...12)) }
            guard let (validFrom, testFrom) = TimeSplit.cuts(times, shares: (70, 15, 15)) else {
                #expect(Set(times).count < 3, "seed \(seed)")
                continue
            }
            let split = TimeSplit(
                times: times,
                isLabelled: times.map { _ in true },
                validFrom: validFrom,
                testFrom: testFrom,
                embargo: 0
            )
            #expect(!split.train.isEmpty && !split.valid.isEmpty && !split.test.isEmpty, "seed \(seed)")
            let parts = [split.train, split.valid, split.test].map { Set($0.map { times[Int($0)] }) }
            #expect(parts[0].isDisjoint(with: parts[1]) && parts[1].isDisjoint(with: parts[2]), "seed \(seed)")
            #expect(split.train.count + split.valid.count + split.test.count == times.count)
        }
    }

    @Test func `cuts of many times have the shares asked for`() throws {
        let (validFrom, testFrom) = try #require(TimeSplit.cuts((0..<1_000).map { Int64($0) }, shares: (70, 15, 15)))
        #expect(validFrom == 700 && testFrom == 850)
    }

    @Test func `a random split is the same for the same seed, and has each row once`() {
        let labelled = (0..<100).map { $0 % 10 != 0 }
        let split = TimeSplit(isLabelled: labelled, shares: (70, 15, 15), seed: 7)
        let again = TimeSplit(isLabelled: labelled, shares: (70, 15, 15), seed: 7)
        #expect(split.train == again.train && split.test == again.test)
        #expect(split.train != TimeSplit(isLabelled: labelled, shares: (70, 15, 15), seed: 8).train)
        #expect(
            (split.train + split.valid + split.test).sorted() == (0..<100).filter { $0 % 10 != 0 }.map { Int32($0) }
        )
        #expect(split.unlabelled == 10)
    }
}
