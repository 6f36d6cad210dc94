import Expressions
import Features
import Foundation
import Postgres
import TestSupport
import Testing

/// The same texts, run by PostgreSQL on the same rows: equal value by value, null where it raises an error.
@Suite struct PostgresOracleTests {
    private static let written = [
        "i / (j - j)", "coalesce(i / j, 5)", "case when j = 0 then -1 else i / j end", "j <> 0 and i / j > 1",
        "j = 0 or i / j > 1", "case when j <> 0 then i / j when b then ln(f)::int4 end", "coalesce(b, ln(f) > 0)",
        "(1 / f > 0) and b", "f % 1 is null or true", "cos(radians(f - 45)) * g", "sqrt(f) + power(f, g)",
        "exp(f)::float4",
        "s || i || m || h || f || b || x", "substr(s, i, j)", "left(s, i % 4) || right(s, j % 4)",
        "s in ('a', 'A', t) and not s > t", "f between g and 1e3::float8", "nullif(f, g) is null", "h + k < f",
        "h = f or h = i or m = h", "greatest(f, g, h) - least(i, m, k)", "extract(epoch from x - y)::float8",
        "extract(day from x - y)::float8 * 24 + extract(hour from x - y)::float8",
        "(x at time zone 'Europe/Dublin') at time zone 'America/New_York'",
        "extract(hour from x at time zone 'America/New_York')::float8",
        "extract(isodow from x at time zone 'Australia/Lord_Howe')::float8",
        "x at time zone 'America/New_York' > y at time zone 'America/New_York'", "s::int4 + t::int8", "s::boolean",
        "date_trunc('week', x at time zone 'Europe/Dublin') at time zone 'Europe/Dublin'", "s::float8 > f",
        "case s when 'a' then i when t then j else i % j end", "case f when 'NaN' then 1 when g then 2 end",
    ]

    /// Each function of numbers and of strings by itself.
    private static let functions =
        [
            "floor", "ceil", "round", "trunc", "sign", "sqrt", "exp", "ln", "log10", "sin", "cos", "tan", "asin",
            "acos", "atan",
            "radians", "degrees", "abs",
        ].map { "\($0)(f)" } + ["lower", "upper", "length", "trim"].map { "\($0)(s)" } + [
            "abs(i)", "abs(m)", "abs(h)", "mod(i, j)", "mod(m, i)", "power(f, g)", "atan2(f, g)", "left(s, j % 4)",
            "right(s, j % 4)", "substr(s, j % 4)", "substr(s, j % 4, i)", "strpos(s || t, t)",
        ]

    /// Each part of a time, in UTC and elsewhere.
    private static let parts = ["epoch", "year", "month", "day", "hour", "minute", "dow", "isodow", "doy", "week"]
        .flatMap {
            ["extract(\($0) from x)::float8", "extract(\($0) from x at time zone 'Australia/Lord_Howe')::float8"]
        }

    /// A seed of its own for every run, unless ASOF_SEED says which.
    private static func seed() -> UInt64 {
        let seed = ProcessInfo.processInfo.environment["ASOF_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1_000_000)
        print("expressions: ASOF_SEED=\(seed)")
        return seed
    }

    @Test func `two hundred random expressions give what PostgreSQL gives for each of a thousand rows`() throws {
        let seed = Self.seed()
        let oracle = try PostgresOracle(rowCount: 1_000, seed: seed)
        var generator = RandomExpression(random: SeededRandom(seed: seed &+ 1))
        var texts = Self.written + Self.functions + Self.parts
        for place in 0..<210 {
            let kinds = RandomExpression.Kind.allCases
            texts.append(generator.text(kinds[place % kinds.count], 3))
        }
        for text in texts {
            // A text of theirs that PostgreSQL refuses at once would say nothing.
            if text.hasPrefix("f %") { continue }
            if let difference = try oracle.difference(text) { Issue.record("seed \(seed): \(difference)") }
        }
    }

    @Test func `floats are printed as PostgreSQL prints them`() throws {
        let seed = Self.seed()
        var random = SeededRandom(seed: seed)
        // Whole numbers of few digits lie in the middle between two floats more often than others.
        let texts = (0..<3_000).map { _ in
            random.oneIn(2)
                ? "\(random.int(1...999))e\(random.int(5...35))"
                : "\(Double(Float(bitPattern: UInt32(random.int(1...0x7F00_0000)))))"
        }
        let connection = try Connection(try ThrowawayCluster.shared().database())
        let rows = try connection.query(
            "SELECT t::float8::text, t::float4::text FROM unnest($1::text[]) WITH ORDINALITY AS texts (t, place) ORDER BY place",
            [.textArray(texts)]
        )
        var sample = Sample(rowCount: texts.count)
        sample.add("t", .string, texts.map { .string($0) })
        let (doubles, floats) = (
            try sample.evaluate("t::float8::text").values, try sample.evaluate("t::float4::text").values
        )
        for row in texts.indices {
            #expect(doubles[row] == .string(rows.text(row, 0) ?? ""), "seed \(seed): \(texts[row])")
            #expect(floats[row] == .string(rows.text(row, 1) ?? ""), "seed \(seed): \(texts[row])")
        }
    }

    @Test func `a normalized text is PostgreSQL's too, and means the same`() throws {
        let seed = Self.seed()
        let oracle = try PostgresOracle(rowCount: 20, seed: seed)
        var generator = RandomExpression(random: SeededRandom(seed: seed &+ 2))
        for place in 0..<100 {
            let kinds = RandomExpression.Kind.allCases
            let text = generator.text(kinds[place % kinds.count], 3)
            let normalized = try Expression(text, scope: oracle.sample.scope).normalized
            #expect(
                try Expression(normalized, scope: oracle.sample.scope).normalized == normalized,
                "seed \(seed): \(text)"
            )
            let (ours, theirs) = (try oracle.sample.evaluate(normalized), try oracle.sample.evaluate(text))
            #expect(ours.values.map(\.identity) == theirs.values.map(\.identity), "seed \(seed): \(text)")
            // PostgreSQL's numbers with a point are no floats.
            if let difference = try oracle.difference(normalized) { Issue.record("seed \(seed): \(difference)") }
        }
    }
}
