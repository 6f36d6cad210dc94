import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Metrics
@testable import Serving
@testable import Store
@testable import TrainingSets

/// What clients see of writes that share commits.
@Suite struct GroupWriterTests {
    private let store: TestStore
    private let fixture: WriterFixture

    init() throws {
        store = try TestStore(WriterFixture.yaml)
        fixture = try WriterFixture(store)
    }

    private func online(_ name: String) throws -> [String] {
        let view = try store.view(name)
        let rows = try store.session.query(
            "SELECT (\(view.keyList()), _event_time, _deleted, \(view.featureList()))::text FROM \(view.onlineTable) ORDER BY 1"
        )
        return (0..<rows.count).map { rows.text($0, 0) ?? "" }
    }

    @Test func `concurrent writes share commits, and each learns the position that has it`() throws {
        defer { fixture.writer.stop() }
        // While somebody holds the ledger, writes gather.
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        let answers = (1...200).map { user in
            let write = fixture.write("stats", [WriterFixture.row(Int64(user), at: 10, Int64(user))])
            return (user, fixture.start(write, client: Int64(user)))
        }
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        blocker.connection.rollBack()
        var positions: Set<Int64> = []
        for (user, answer) in answers {
            let position = try #require(answer.wait().position)
            positions.insert(position)
            let lookup = try EntityLookup(store.session).read(
                ViewRole(store.view("stats")),
                keys: [.int64(Int64(user))],
                .latest,
                state: nil
            )
            #expect(lookup.values[0] == .int64(Int64(user)))
            #expect(lookup.position == position)
        }
        #expect(positions.count < 20)
        #expect(try store.head().position == positions.max())
        #expect(fixture.log.all.map(\.state.position).sorted() == positions.sorted())
        #expect(fixture.log.all.reduce(0) { $0 + $1.views.reduce(0) { $0 + $1.rows.rowCount } } == 200)
        #expect(fixture.writer.statistics.writes == 200)
        #expect(try store.violations() == [])
    }

    @Test func `of one client's writes to one entity and time the last one sent wins`() throws {
        defer { fixture.writer.stop() }
        let answers = (1...300).map { n in
            let write = fixture.write("stats", [WriterFixture.row(Int64(n % 3), at: 10, Int64(n))])
            return fixture.start(write, client: 7)
        }
        let positions = answers.compactMap { $0.wait().position }
        #expect(positions.count == 300)
        #expect(positions == positions.sorted())
        for user in 0..<3 {
            let lookup = try EntityLookup(store.session).read(
                ViewRole(store.view("stats")),
                keys: [.int64(Int64(user))],
                .latest,
                state: nil
            )
            #expect(lookup.values[0] == .int64(Int64(user == 0 ? 300 : 297 + user)))
        }
        #expect(try store.violations() == [])
    }

    @Test func `a write of several views is visible at one position, or not at all`() throws {
        defer { fixture.writer.stop() }
        let good = RowWrite([
            RowWrite.Item(parts: [fixture.part("stats", [WriterFixture.row(1, at: 10, 1)])]),
            RowWrite.Item(parts: [
                fixture.part("other", [WriterFixture.row(1, at: 10, 1)]),
                fixture.part("stats", [WriterFixture.row(1, at: 10, 2)]),
            ]),
        ])
        guard case .success(let receipt) = fixture.put(good) else {
            Issue.record("refused")
            return
        }
        #expect(receipt.items.map(\.position) == [2, 2])
        #expect(try online("stats").count == 1 && online("stats")[0].contains(",2,"))
        let bad = RowWrite([
            RowWrite.Item(parts: [fixture.part("stats", [WriterFixture.row(2, at: 10, 1)])]),
            RowWrite.Item(parts: [fixture.part("wide", [Self.tooWide])]),
        ])
        #expect(fixture.put(bad).failure != nil)
        #expect(try online("stats").count == 1)
    }

    /// A key whose parts are short enough and which is too long for an index as a whole.
    static let tooWide: HistoryRow = {
        var random = SeededRandom(seed: 1)
        // Not compressible: an index entry of repeated letters would fit.
        func text() -> String {
            String((0..<1_900).map { _ in Character(Unicode.Scalar(UInt8(random.int(33...126)))) })
        }
        return HistoryRow([.string(text()), .string(text())], at: 1_000_000, [.int64(1)])
    }()

    @Test func `a write that PostgreSQL refuses takes no other one with it`() throws {
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.ledger)
        var answers: [(isBad: Bool, WriterFixture.Answer)] = []
        for n in 1...40 {
            let isBad = n == 13 || n == 14 || n == 39
            let write =
                isBad
                ? fixture.write("wide", [Self.tooWide])
                : fixture.write("stats", [WriterFixture.row(Int64(n), at: 10, 1)])
            answers.append((isBad, fixture.start(write)))
        }
        #expect(try store.session.isSomebodyBlocked(by: "advisory"))
        blocker.connection.rollBack()
        for (isBad, answer) in answers {
            let result = answer.wait()
            if isBad {
                guard case .refused(let text) = result.failure else {
                    Issue.record("\(result)")
                    continue
                }
                #expect(text.contains("54000") && !text.contains("!"))
            } else {
                #expect(result.position != nil)
            }
        }
        #expect(try online("stats").count == 37)
        #expect(try online("wide").isEmpty)
        #expect(try store.violations() == [])
    }

    @Test func `a write that would open too many partitions is refused alone`() throws {
        defer { fixture.writer.stop() }
        let days = (0..<Int64(Limits.newPartitionsMax + 2)).map { WriterFixture.row(1, at: $0 * 86_400, 1) }
        let answers = [
            fixture.start(fixture.write("other", [WriterFixture.row(1, at: 0, 1)])),
            fixture.start(fixture.write("other", days)),
            fixture.start(fixture.write("other", Array(days.dropFirst(2)))),
        ]
        #expect(answers[0].wait().position != nil)
        guard case .times(let text) = answers[1].wait().failure ?? answers[2].wait().failure else {
            Issue.record("\(answers[1].wait())")
            return
        }
        #expect(text.contains("\(Limits.newPartitionsMax) are allowed in one write"))
    }

    @Test func `a write waits for a view that is locked, and another client's to another view does not`() throws {
        defer { fixture.writer.stop() }
        let blocker = try Session(conninfo: store.conninfo)
        try blocker.begin(.write)
        try blocker.lock(AdvisoryLock.view(try store.view("stats").id))
        let waiting = fixture.start(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)]))
        let later = fixture.start(fixture.write("stats", [WriterFixture.row(1, at: 10, 2)]))
        #expect(fixture.put(fixture.write("other", [WriterFixture.row(1, at: 10, 1)]), client: 2).position == 2)
        blocker.connection.rollBack()
        #expect((waiting.wait().position ?? 0) > 2)
        #expect((later.wait().position ?? 0) > 2)
        #expect(try online("stats")[0].contains(",2,"))
    }

    @Test func `a write for another shape of its view is told so`() throws {
        defer { fixture.writer.stop() }
        try store.apply(
            WriterFixture.yaml.replacing(
                "stats: { entities: [user], features: {",
                with: "stats: { entities: [user], features: { more: int64,"
            )
        )
        let answers = [
            fixture.start(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)])),
            fixture.start(fixture.write("other", [WriterFixture.row(1, at: 10, 1)])),
        ]
        #expect(answers[0].wait().failure == .viewChanged(name: "stats"))
        #expect(answers[1].wait().position != nil)
    }

    @Test func `a write that is decoded on the writer's thread keeps its place`() throws {
        defer { fixture.writer.stop() }
        let answers = (1...50).map { n in
            let answer = WriterFixture.Answer()
            let write = fixture.write("stats", [WriterFixture.row(1, at: 10, Int64(n))])
            let job =
                n % 3 == 0
                ? WriteJob(
                    byteCount: 100,
                    decode: {
                        Patience.pass(microseconds: 2_000, "what takes long to decode")
                        return .write(write)
                    }
                ) { answer.set($0) }
                : WriteJob(write) { answer.set($0) }
            fixture.writer.submit(job, client: 1)
            return answer
        }
        #expect(answers.compactMap { $0.wait().position }.count == 50)
        #expect(try online("stats")[0].contains(",50,"))
    }

    @Test func `what was submitted is committed before the writer ends, and nothing is taken after`() throws {
        let answers = (1...100).map { n in
            fixture.start(fixture.write("stats", [WriterFixture.row(Int64(n), at: 10, 1)]), client: Int64(n))
        }
        fixture.writer.stop()
        for answer in answers { #expect(answer.wait().position != nil) }
        guard case .unavailable = fixture.put(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)])).failure else {
            Issue.record("taken after the end")
            return
        }
    }
}
