import Expressions
import Features
import PointInTime
import Postgres
import TestSupport

/// The same rows as columns here and as a table of PostgreSQL's, which evaluates the same texts.
final class PostgresOracle {
    let sample: Sample
    private let connection: Connection
    private var functionCount = 0

    init(rowCount: Int, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var sample = Sample(rowCount: rowCount)
        for (kind, names) in RandomExpression.columns.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for name in names { sample.add(name, Self.type(kind), (0..<rowCount).map { _ in random.cell(kind) }) }
        }
        self.sample = sample
        connection = try Connection(try ThrowawayCluster.shared().database(.bytewise))
        let columns = zip(sample.entries, sample.columns).map { entry, _ in
            "\(entry.name) \(Self.kind(entry.type).rawValue)\(entry.type == .string ? " COLLATE \"C\"" : "")"
        }
        _ = try connection.execute(
            "SET TimeZone = 'UTC'; CREATE TABLE samples (place integer PRIMARY KEY, \(columns.joined(separator: ", ")))"
        )
        for start in stride(from: 0, to: rowCount, by: 200) {
            let rows = (start..<min(start + 200, rowCount)).map { row in
                "(\(row), \(sample.columns.map { Self.sql($0.value(row)) }.joined(separator: ", ")))"
            }
            _ = try connection.execute("INSERT INTO samples VALUES \(rows.joined(separator: ", "))")
        }
        _ = try connection.execute("ANALYZE samples")
    }

    static func type(_ kind: RandomExpression.Kind) -> FeatureType {
        switch kind {
        case .int4: .int32
        case .int8: .int64
        case .float4: .float32
        case .float8: .float64
        case .boolean: .bool
        case .text: .string
        case .timestamptz: .timestamp
        }
    }

    static func kind(_ type: FeatureType) -> RandomExpression.Kind {
        RandomExpression.Kind.allCases.first { self.type($0) == type } ?? .text
    }

    private static func sql(_ value: Value) -> String {
        switch value {
        case .bool(let value): return value ? "true" : "false"
        case .int32(let value): return "'\(value)'"
        case .int64(let value): return "'\(value)'"
        case .float32(let value): return "'\(value)'"
        case .float64(let value): return "'\(value)'"
        case .string(let value): return "'\(value.replacing("'", with: "''"))'"
        case .timestamp(let value): return "'\(value.text)'"
        default: return "NULL"
        }
    }

    /// What PostgreSQL gives for each row, and in how many it raises an error: each is evaluated by itself, since one error
    /// ends a statement.
    func evaluate(_ text: String, _ type: FeatureType) throws -> (values: [Value], errors: Int) {
        functionCount += 1
        // float8 holds every float4, and comes in one format.
        let sqlType = type == .float32 ? "float8" : Self.kind(type).rawValue
        _ = try connection.execute(
            """
            CREATE FUNCTION pg_temp.oracle\(functionCount)(OUT number integer, OUT result \(sqlType), OUT failed boolean)
            RETURNS SETOF record LANGUAGE plpgsql AS $oracle$
            BEGIN
                FOR number IN 0..\(sample.rowCount - 1) LOOP
                    BEGIN
                        failed := false;
                        SELECT (\(text))::\(sqlType) INTO result FROM samples WHERE place = number;
                    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
                        result := NULL;
                        failed := true;
                    END;
                    RETURN NEXT;
                END LOOP;
            END $oracle$
            """
        )
        let rows = try connection.query("SELECT result, failed FROM pg_temp.oracle\(functionCount)() ORDER BY number")
        var values: [Value] = []
        for row in 0..<rows.count {
            guard !rows.isNull(row, 0) else {
                values.append(.null)
                continue
            }
            switch type {
            case .bool: values.append(.bool(rows.bool(row, 0) ?? false))
            case .int32: values.append(.int32(rows.int32(row, 0) ?? 0))
            case .int64: values.append(.int64(rows.int64(row, 0) ?? 0))
            case .float32: values.append(.float32(Float(rows.double(row, 0) ?? 0)))
            case .float64: values.append(.float64(rows.double(row, 0) ?? 0))
            case .timestamp: values.append(.timestamp(Timestamp(microseconds: rows.timestamp(row, 0) ?? 0)))
            default: values.append(.string(rows.text(row, 0) ?? ""))
            }
        }
        return (values, (0..<rows.count).count { rows.bool($0, 1) == true })
    }

    /// The first row where ours differs, told; `nil` where none does.
    func difference(_ text: String) throws -> String? {
        let expression = try Expression(text, scope: sample.scope)
        let expected = try evaluate(text, expression.type)
        let found = try sample.evaluate(text)
        for row in 0..<sample.rowCount where found.values[row].identity != expected.values[row].identity {
            let inputs = expression.inputs.map { "\(sample.entries[$0].name) = \(sample.columns[$0].value(row))" }
            return
                "\(text)\n  row \(row): \(found.values[row]), PostgreSQL \(expected.values[row]); \(inputs.joined(separator: ", "))"
        }
        guard found.errors == expected.errors else {
            return "\(text)\n  errors in \(found.errors) rows, in PostgreSQL in \(expected.errors)"
        }
        return nil
    }
}

extension SeededRandom {
    /// Values at which operators and functions change what they do, and ordinary ones; null once in eight times.
    fileprivate mutating func cell(_ kind: RandomExpression.Kind) -> Value {
        if oneIn(8) { return .null }
        switch kind {
        case .int4:
            let some: [Int32] = [0, 1, -1, 2, 7, .max, .min, 46_341]
            return .int32(oneIn(2) ? Int32(int(-9...9)) : pick(some))
        case .int8:
            let some: [Int64] = [0, 1, -1, 7, .max, .min, 2_147_483_648, -2_147_483_649, 9_007_199_254_740_993]
            return .int64(oneIn(2) ? Int64(int(-9...9)) : pick(some))
        case .float4:
            let some: [Float] = [
                0, -0.0, 1, -1, 0.5, 2.5, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
                1e10,
            ]
            return .float32(oneIn(2) ? Float(int(-900...900)) / 64 : pick(some))
        case .float8:
            let some: [Double] = [
                0, -0.0, 1, -1, 0.5, 1.5, 2.5, .nan, .infinity, -.infinity, 1e308, .leastNonzeroMagnitude, -1e308, 1e15,
                123_456.789, -700, 710,
                2_147_483_647.5, -2_147_483_648.5, 9.3e18, 1e-5, 0.1,
            ]
            return .float64(oneIn(2) ? Double(int(-9_000...9_000)) / 1_000 : pick(some))
        case .boolean: return .bool(oneIn(2))
        case .text:
            let some = [
                "", " ", "a", "A", "ñandú", "日本語", "e\u{301}", "🙂x", " 12 ", "-7", "1e3", "0.5", "NaN", "-inf", "true",
                "f",
                "yes", "of", "it's", "a'b", "2147483648", "9223372036854775808", "1e400", "1e-400", "+3", "\t8\n", "zz",
                "Zz",
                "on", ".5", "5.", "infinity", "1 2", "-0",
            ]
            return .string(oneIn(3) ? pick(some) + pick(some) : pick(some))
        case .timestamptz:
            let span = 86_400_000_000 as Int64
            // Changes of clocks in New York, Dublin and Lord Howe, and of centuries; two hours around each.
            let some = [
                "2013-03-10T07:00:00Z", "2013-11-03T06:00:00Z", "2013-03-31T01:00:00Z", "2013-10-27T01:00:00Z",
                "2013-04-06T15:00:00Z", "2013-10-05T15:30:00Z", "1883-11-18T17:00:00Z", "1970-01-01T00:00:00Z",
                "1942-02-09T07:00:00Z", "2050-03-13T07:00:00Z", "2100-03-01T00:00:00Z", "2437-03-31T01:00:00Z",
                "1900-01-01T00:00:00Z", "2024-03-31T01:00:00Z", "2023-10-29T00:00:00Z", "0002-06-05T00:00:00Z",
                "9998-12-28T00:00:00Z", "3000-11-02T06:00:00Z",
            ]
            if oneIn(3) {
                let range = (-2_208_988_800 * 1_000_000 as Int64)...(4_133_980_799 * 1_000_000 as Int64)
                return .timestamp(Timestamp(microseconds: Int64.random(in: range, using: &self)))
            }
            let center = (try? Timestamp(text: pick(some)))?.microseconds ?? 0
            let near = oneIn(4) ? 0 : Int64.random(in: -span / 12...span / 12, using: &self)
            return .timestamp(Timestamp(microseconds: center + (oneIn(2) ? near : near / 1_000_000 * 1_000_000)))
        }
    }
}
