import Columnar
import Features
import PointInTime
import Store
import TestSupport
import Testing

@testable import Workflows

/// Naive joins beside their definition: for each row of the spine, all rows of history are looked at.
@Suite struct NaiveJoinTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          a: { entities: [user], ttl: 60h, delay: 2h, features: { x: int64 } }
          b: { entities: [user], features: { y: float64 } }
        services:
          both:
            - a.x
            - b.y
            - { request: amount, type: int64 }
            - { derive: sum, from: "a.x + amount" }
        models:
          m: { service: both, task: regression, label: spent, algorithm: ridge }
        """
    private static let start: Int64 = 1_704_067_200_000_000
    private static let hour: Int64 = 3_600_000_000

    private struct Row {
        var user: Int64
        var time: Int64
        var value: Int64?
    }

    /// Rows in the order in which they are stored; some have the key and time of one before.
    private static func history(_ random: inout SeededRandom) -> [Row] {
        var rows: [Row] = []
        for _ in 0..<300 {
            if let last = rows.last, random.oneIn(6) {
                rows.append(Row(user: last.user, time: last.time, value: Int64(random.int(0...99))))
            } else {
                rows.append(
                    Row(
                        user: Int64(random.int(1...12)),
                        time: start + Int64(random.int(0...240)) * hour,
                        value: random.oneIn(10) ? nil : Int64(random.int(0...99))
                    )
                )
            }
        }
        return rows
    }

    @Test(arguments: [NaiveJoin.latest, .day], 1...4 as ClosedRange<UInt64>)
    func `a naive join takes the newest row there is, up to its bound`(join: NaiveJoin, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let scratch = try Scratch()
        let (a, b) = (Self.history(&random), Self.history(&random))
        for (view, rows) in [("a", a), ("b", b)] {
            // One by one, so that what is stored last is the newest of its time.
            for part in stride(from: 0, to: rows.count, by: 60) {
                try store.ingest(
                    view,
                    rows[part..<min(part + 60, rows.count)].map { row in
                        let value = row.value.map { view == "a" ? Value.int64($0) : .float64(Double($0)) } ?? .null
                        return HistoryRow([.int64(row.user)], at: row.time, [value])
                    }
                )
            }
        }
        var csv = "user_id,at,amount,spent\n"
        var spine: [(user: Int64, time: Int64, amount: Int64)] = []
        for row in 0..<200 {
            // Half an hour off, so that no age is the TTL.
            let time = Self.start + Int64(random.int(0...260)) * Self.hour + Self.hour / 2
            spine.append((Int64(random.int(0...13)), time, Int64(row)))
            csv += "\(spine[row].user),\(Timestamp(microseconds: time).text),\(row),\(row)\n"
        }
        _ = try scratch.write("spine.csv", csv)
        let request = TrainRequest(
            model: "m",
            spine: .file(scratch.path + "/spine.csv", format: nil, InputOptions()),
            labelTime: "at",
            fitting: FitProcess(executable: "no-asof", library: "no-library.so", threads: 1)
        )
        let open = try OpenStore(store.conninfo, forWriting: true)
        let model = try #require(store.registry.definitions.model(named: "m"))
        let (set, data) = try open.trainingSet(request, model, scratch.path + "/set.arrow") { _ in }
        let joined = try open.rejoined(
            set.plan,
            rows: (0..<Int32(spine.count)).map { $0 },
            of: set,
            request,
            served: .init(bounds: join.bounds(data.times))
        )
        #expect(joined.columns.count == 4)
        var (found, differsFromSet) = (0, 0)
        for (place, row) in spine.enumerated() {
            let day = 24 * Self.hour
            let bound = join == .latest ? Int64.max : row.time / day * day + day - 1
            func newest(_ rows: [Row], ttl: Int64?) -> Row? {
                var best: Row?
                for candidate in rows where candidate.user == row.user && candidate.time <= bound {
                    if candidate.time >= best?.time ?? .min { best = candidate }
                }
                guard let best else { return nil }
                if let ttl, row.time - best.time > ttl { return nil }
                return best
            }
            let (x, y) = (newest(a, ttl: 60 * Self.hour), newest(b, ttl: nil))
            func value(_ column: Int) -> Value { joined.columns[column].value(place) }
            let text = "seed \(seed), row \(place)"
            #expect(value(0) == x?.value.map { .int64($0) } ?? .null, "\(text)")
            #expect(value(1) == y?.value.map { .float64(Double($0)) } ?? .null, "\(text)")
            #expect(value(2) == .int64(row.amount), "\(text)")
            #expect(value(3) == x?.value.map { .int64($0 + row.amount) } ?? .null, "\(text)")
            #expect(joined.isUnknown[place] == (x == nil && y == nil), "\(text)")
            if x != nil { found += 1 }
            if value(0) != data.features[0].column.value(place) { differsFromSet += 1 }
        }
        #expect(found > 50 && differsFromSet > 20, "seed \(seed): \(found), \(differsFromSet)")
    }
}
