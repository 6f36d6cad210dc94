import Features
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Materializing
@testable import Store

/// Reruns of batch views whose floats come out a little different.
@Suite struct ToleranceRunTests {
    private static let end = BatchViewStore.hour(48)

    private static func yaml(_ tolerance: String, _ features: String, _ sql: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats:
            entities: [user]
            \(tolerance.isEmpty ? "" : "tolerance: \(tolerance)")
            features: { \(features) }
            source:
              sql: |
                \(sql)
        """
    }

    private static func run(_ store: TestStore, chunk: String = "24h") throws -> Materialization.Summary {
        var options = MaterializationOptions()
        options.from = BatchViewStore.hour(0)
        options.to = end
        options.chunk = Interval(text: chunk)
        let run = try Materialization(store.session, try store.view("stats"), options)
        while try run.runNext() != nil {}
        return run.summary
    }

    // MARK: Sums

    private static let averages = """
        SELECT user_id, date_trunc('hour', event_time) AS event_time, avg(x) AS mean, sum(x) AS total, count(*) AS n
                FROM public.raw WHERE event_time >= :from AND event_time < :to GROUP BY 1, 2
        """

    /// 40 values an hour for each of 20 users, in one order.
    private static func fill(_ store: TestStore, order: String) throws {
        try store.session.execute(
            """
            DROP TABLE IF EXISTS public.raw;
            SELECT setseed(0.25);
            CREATE TABLE public.source AS
                SELECT u AS user_id, '2025-01-01T00:00:00Z'::timestamptz + make_interval(hours => h, mins => i) AS event_time,
                    (random() * 1000)::float8 AS x
                FROM generate_series(1, 20) u, generate_series(0, 47) h, generate_series(0, 39) i;
            CREATE TABLE public.raw AS SELECT * FROM public.source ORDER BY \(order);
            DROP TABLE public.source
            """
        )
    }

    /// A table that was rewritten in another order, or is read in one, gives other sums.
    @Test(arguments: [("0", false), ("", true)])
    func `averages of the same rows in another order are no corrections, unless the view wants them exact`(
        tolerance: String,
        areLeftOut: Bool
    ) throws {
        let store = try TestStore(Self.yaml(tolerance, "mean: float64, total: float64, n: int64", Self.averages))
        try Self.fill(store, order: "event_time, user_id")
        let first = try Self.run(store)
        #expect(first.stored == 960 && first.suppressed == 0)
        try Self.fill(store, order: "md5(user_id::text || event_time::text)")
        let again = try Self.run(store, chunk: "7h")
        #expect(again.rows == 960)
        let differing = areLeftOut ? again.suppressed : again.stored
        #expect(differing > 100, "\(again)")
        #expect(again.known == 960 - differing)
        #expect(areLeftOut ? again.stored == 0 && again.state == nil : again.suppressed == 0)
        #expect(try store.violations() == [])
        // One row really changes, its sum by some billionths: it goes through, and the others do not.
        try store.session.execute(
            "UPDATE public.raw SET x = x * (1 + 1e-7) WHERE user_id = 7 AND event_time = '2025-01-01T09:00:00Z'"
        )
        let corrected = try Self.run(store)
        guard areLeftOut else { return }
        #expect(corrected.stored == 1 && corrected.suppressed > 100)
        let line = try #require(try Ledger(store.session).lines(view: try store.view("stats"), limit: 1).first)
        // Its chunk is one of two.
        let suppressed = try #require(line.suppressedRows)
        #expect(line.rows == 1 && suppressed > 0 && suppressed < corrected.suppressed)
        #expect(try store.violations() == [])
    }

    // MARK: Single values

    private static let copied =
        "SELECT user_id, event_time, x, y, v FROM public.raw WHERE event_time >= :from AND event_time < :to"
    private static let types = "x: float64, y: float32, v: vector(2)"

    /// A row of each kind of float.
    private struct Row: Hashable {
        var x: Double
        var y: Float
        var v: [Float]
    }

    private static func spell(_ value: some BinaryFloatingPoint & LosslessStringConvertible) -> String {
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : "\(value)"
    }

    private static func put(_ rows: [Row?], _ store: TestStore) throws {
        let values = rows.enumerated().map { user, row in
            guard let row else { return "(\(user), '2025-01-01T05:00:00Z', NULL, NULL, NULL)" }
            let vector = row.v.map(spell).joined(separator: ",")
            return "(\(user), '2025-01-01T05:00:00Z', '\(spell(row.x))', '\(spell(row.y))', '{\(vector)}')"
        }
        try store.session.execute(
            """
            DROP TABLE IF EXISTS public.raw;
            CREATE TABLE public.raw (user_id bigint, event_time timestamptz, x float8, y float4, v float4[]);
            INSERT INTO public.raw VALUES \(values.joined(separator: ", "))
            """
        )
    }

    private static func stored(_ store: TestStore) throws -> [Double] {
        let rows = try store.session.query("SELECT x FROM history.stats WHERE user_id = 0 ORDER BY _batch")
        return (0..<rows.count).compactMap { rows.double($0, 0) }
    }

    @Test func `small differences never add up, since they are measured from what is stored`() throws {
        let store = try TestStore(Self.yaml("", Self.types, Self.copied))
        func row(_ x: Double) -> Row { Row(x: x, y: 1, v: [1, 2]) }
        try Self.put([row(1_000)], store)
        #expect(try Self.run(store).stored == 1)
        // Up and down within the tolerance, as often as one likes.
        for round in 1...10 {
            try Self.put([row(1_000 * (1 + (round % 2 == 0 ? 0.9e-12 : -0.9e-12)))], store)
            let again = try Self.run(store)
            #expect(again.stored == 0 && again.suppressed == 1)
        }
        #expect(try Self.stored(store) == [1_000])
        // A drift in small steps: what is stored is never farther away than the tolerance.
        for step in 1...12 {
            let x = 1_000 * (1 + Double(step) * 0.4e-12)
            try Self.put([row(x)], store)
            _ = try Self.run(store)
            let last = try #require(try Self.stored(store).last)
            #expect(abs(last - x) <= 1e-12 * x)
        }
        let versions = try Self.stored(store)
        #expect(versions.count > 2 && versions.count < 7, "\(versions)")
        #expect(try store.violations() == [])
    }

    @Test func `a whole number that became another one is a correction, whatever the tolerance is`() throws {
        let store = try TestStore(Self.yaml("", Self.types, Self.copied))
        func row(_ x: Double) -> Row { Row(x: x, y: 1, v: [1, 2]) }
        // Times in µs, amounts in cents: they differ by less than 1e-12 of themselves.
        try Self.put([row(1_700_000_000_000_000), row(2_000_000_000_000), row(0x1p53)], store)
        #expect(try Self.run(store).stored == 3)
        try Self.put([row(1_700_000_000_000_001), row(2_000_000_000_000.5), row(0x1p53 + 2)], store)
        let again = try Self.run(store)
        #expect(again.stored == 1 && again.suppressed == 2)
        #expect(try Self.stored(store) == [1_700_000_000_000_000, 1_700_000_000_000_001])
    }

    /// The rule, written down once more without looking at the other.
    private static func isSame(_ left: Double, _ right: Double, _ tolerance: Double, whole: Double) -> Bool {
        if left.isNaN || right.isNaN { return left.isNaN && right.isNaN }
        if left == right { return true }
        if left.isInfinite || right.isInfinite { return false }
        let greater = abs(left) < abs(right) ? abs(right) : abs(left)
        if greater < 1e-300 { return false }
        // Beneath `whole` an integer type would hold them.
        if greater < whole, Int64(exactly: left) != nil, Int64(exactly: right) != nil { return false }
        return abs(left - right) <= tolerance * greater
    }

    private static func near<Real: BinaryFloatingPoint>(_ value: Real, _ random: inout SeededRandom) -> Real {
        switch random.int(0...7) {
        case 0: return value
        case 7: return value + 1
        case 1: return value.nextUp
        case 2: return -value
        case 3: return value * (1 + Real(random.int(-9...9)) * 0x1p-22)
        case 4: return value * Real(1 + Double(random.int(-30...30)) * 1e-13)
        case 5: return value * Real(1 + Double(random.int(-30...30)) * 1e-4)
        default: return value.nextDown.nextDown
        }
    }

    private static func double(_ random: inout SeededRandom) -> Double {
        switch random.int(0...9) {
        case 8: return Double(random.int(-9_000_000_000_000_000...9_000_000_000_000_000))
        case 9: return Double(random.int(-3_000_000_000_000...3_000_000_000_000)) + random.pick([0, 0, 0.5])
        case 0: return random.pick([0, -0.0, .nan, .infinity, -.infinity, 1e-300, 1e-12])
        case 1: return .leastNonzeroMagnitude * Double(random.int(0...1_000_000))
        case 2: return 1e-300 * (1 + Double(random.int(-50...50)) * 1e-13)
        case 3: return .greatestFiniteMagnitude
        case 4: return Double(bitPattern: random.next())
        default: return Double(random.int(-1_000_000...1_000_000)) / 7
        }
    }

    private static func float(_ random: inout SeededRandom) -> Float {
        switch random.int(0...3) {
        case 0: Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        case 1: Float(random.int(-20_000_000...20_000_000))
        default: Float(random.int(-900...900)) / 7
        }
    }

    @Test(arguments: [("0", 1), ("", 2), ("1e-16", 3), ("3e-7", 4), ("1e-3", 5)] as [(String, UInt64)])
    func `random pairs of floats are kept or left out as the rule says`(tolerance: String, seed: UInt64) throws {
        let value = Double(tolerance.isEmpty ? "1e-12" : tolerance) ?? .nan
        let store = try TestStore(Self.yaml(tolerance, Self.types, Self.copied))
        var random = SeededRandom(seed: seed)
        let before = (0..<3_000).map { _ -> Row? in
            random.oneIn(40)
                ? nil
                : Row(x: Self.double(&random), y: Self.float(&random), v: [Self.float(&random), Self.float(&random)])
        }
        // Mostly one value of a row changes, so that each alone decides.
        let after = before.map { row -> Row? in
            guard var row, !random.oneIn(40) else { return random.oneIn(2) ? nil : Row(x: 1, y: 2, v: [3, 4]) }
            if random.oneIn(2) { row.x = Self.near(row.x, &random) }
            if random.oneIn(3) { row.y = Self.near(row.y, &random) }
            if random.oneIn(3) { row.v[1] = Self.near(row.v[1], &random) }
            return row
        }
        try Self.put(before, store)
        #expect(try Self.run(store).stored == before.count)
        try Self.put(after, store)
        let again = try Self.run(store)
        let found = try store.session.query("SELECT user_id FROM history.stats GROUP BY 1 HAVING count(*) > 1")
        let stored = Set((0..<found.count).compactMap { found.int64($0, 0) })
        var (corrections, equal) = (0, 0)
        for (user, (old, new)) in zip(before, after).enumerated() {
            var isSame = old == nil && new == nil
            var isEqual = isSame
            if let old, let new {
                let floats = [(old.y, new.y)] + Array(zip(old.v, new.v))
                func areSame(_ tolerance: Double) -> Bool {
                    Self.isSame(old.x, new.x, tolerance, whole: 9_007_199_254_740_992)
                        && floats.allSatisfy { Self.isSame(Double($0), Double($1), tolerance, whole: 16_777_216) }
                }
                isSame = areSame(value)
                isEqual = areSame(0)
                if let rule = Tolerance(value) {
                    #expect(
                        rule.accepts(old.x, new.x)
                            == Self.isSame(old.x, new.x, value, whole: 9_007_199_254_740_992)
                    )
                }
            }
            #expect(
                stored.contains(Int64(user)) == !isSame,
                "\(user): \(String(describing: old)) \(String(describing: new))"
            )
            if !isSame { corrections += 1 }
            if isEqual { equal += 1 }
        }
        #expect(again.stored == corrections && again.known == equal)
        #expect(again.suppressed == before.count - corrections - equal)
        #expect(corrections > 100 && (value < 1e-15 || again.suppressed > 20), "seed \(seed): \(again)")
        #expect(try store.violations() == [])
    }
}
