import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Writes that their clients number, so that one sent again is stored once.
@Suite struct WriteSourceTests {
    private func count(_ store: TestStore, _ name: String = "stats") throws -> Int64 {
        try store.session.query("SELECT count(*) FROM \(store.view(name).historyTable)").int64(0, 0) ?? -1
    }

    private func write(_ fixture: WriterFixture, _ sequence: Int64, _ source: String = "s", user: Int64 = 1) -> RowWrite
    {
        fixture.write(
            "stats",
            [WriterFixture.row(user, at: 10 + sequence, sequence)],
            source: SourceSequence(source: source, sequence: sequence)
        )
    }

    @Test func `a number that is stored is a duplicate, and its position has the rows`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let fixture = try WriterFixture(store)
        defer { fixture.writer.stop() }
        let first = fixture.put(write(fixture, 5))
        #expect(first.isDuplicate == false)
        let again = fixture.put(write(fixture, 5))
        #expect(again.isDuplicate == true && again.position == first.position)
        guard case .outOfOrder = fixture.put(write(fixture, 4)).failure else {
            Issue.record("4 was not stored")
            return
        }
        #expect(fixture.put(write(fixture, 5, "other")).isDuplicate == false)
        let next = fixture.put(write(fixture, 9))
        #expect(next.isDuplicate == false)
        #expect(fixture.put(write(fixture, 5)).position == next.position)
        #expect(try count(store) == 3)
        // A number that was used up by nothing takes no position either.
        #expect(try store.head().position == next.position)
    }

    @Test func `two servers to which one write is sent store it once`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let fixtures = [try WriterFixture(store), try WriterFixture(store)]
        defer { for fixture in fixtures { fixture.writer.stop() } }
        var answers: [(Int64, WriterFixture.Answer)] = []
        for sequence in 0..<Int64(60) {
            for (index, fixture) in fixtures.enumerated() {
                answers.append((sequence, fixture.start(write(fixture, sequence), client: Int64(index))))
                answers.append((sequence, fixture.start(write(fixture, sequence), client: Int64(index))))
            }
        }
        var stored: [Int64: Int] = [:]
        for (sequence, answer) in answers {
            let result = answer.wait()
            #expect(result.position != nil)
            if result.isDuplicate == false { stored[sequence, default: 0] += 1 }
        }
        // A server may have been overtaken, so that its smaller numbers were duplicates at once; none is stored twice.
        #expect(stored.values.allSatisfy { $0 == 1 })
        #expect(try count(store) == Int64(stored.count))
        #expect(stored[59] == 1)
        #expect(try store.violations() == [])
    }

    @Test func `in one group a number counts once, whoever else fails in it`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let fixture = try WriterFixture(store, lanes: 1)
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        // The first one's group waits at the ledger; the others gather behind it.
        let first = fixture.start(write(fixture, 1))
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        var bad = write(fixture, 2)
        bad.items[0].parts.append(fixture.part("wide", [GroupWriterTests.tooWide]))
        let answers = [write(fixture, 2), bad, write(fixture, 2), write(fixture, 3), write(fixture, 3)].map {
            fixture.start($0)
        }
        blocker.connection.rollBack()
        #expect(first.wait().isDuplicate == false)
        let results = answers.map { $0.wait() }
        #expect(results.map(\.isDuplicate) == [false, true, true, false, true])
        #expect(try count(store) == 3)
    }

    @Test func `a transaction of several sources stores what is new of it`() throws {
        let store = try TestStore(WriterFixture.yaml)
        let fixture = try WriterFixture(store)
        defer { fixture.writer.stop() }
        let first = try #require(fixture.put(write(fixture, 1, "a")).position)
        let both = RowWrite(write(fixture, 1, "a").items + write(fixture, 1, "b", user: 2).items)
        guard case .success(let receipt) = fixture.put(both) else {
            Issue.record("refused")
            return
        }
        #expect(receipt.items.map(\.isDuplicate) == [true, false])
        #expect(receipt.items.map(\.position) == [first, first + 1])
        #expect(try count(store) == 2)
    }
}
