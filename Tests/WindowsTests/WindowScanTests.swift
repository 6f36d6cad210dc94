import Features
import PointInTime
import TestSupport
import Testing

@testable import Windows

/// Windows equal what Python computes for each request from all events, bit by bit.
@Suite struct WindowScanTests {
    private static let script = """
        from fractions import Fraction
        M64 = 2**64 - 1
        def key(v): return (lambda b: b ^ (b >> 63 & 2**63 - 1))(struct.unpack('>q', struct.pack('>d', math.nan if v != v else v + 0.0))[0])
        def quantile(values, fraction):
            b = sorted(key(v) >> 46 for v in values)[fraction * (len(values) - 1) // 10**6]
            if b in (0, -1): return 0.0
            for v in (math.inf, -math.inf, math.nan):
                if key(v) >> 46 == b: return v
            k = (b << 46) + (1 << 45)
            return struct.unpack('>d', struct.pack('>q', k ^ (k >> 63 & 2**63 - 1)))[0]
        def mixed(h):
            h = (h + 0x9E3779B97F4A7C15) & M64
            h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & M64
            h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & M64
            return h ^ h >> 33
        def sketched(values, column):
            registers = {}
            for v in set('nan' if v != v else v for v in values):
                if column == 's':
                    h = 0xCBF29CE484222325
                    for byte in v.encode(): h = (h ^ byte) * 0x100000001B3 & M64
                else: h = (v if column == 'n' else key(float(v))) & M64
                h = mixed(h)
                rest = h & (1 << 52) - 1
                registers[h >> 52] = max(registers.get(h >> 52, 0), 53 - rest.bit_length())
            c = [0] * 54
            for r in registers.values(): c[r] += 1
            m = 4096.0
            c[0] = 4096 - len(registers)
            if not registers: return 0
            x = 1 - c[53] / m
            if x in (0.0, 1.0): z = 0.0
            else:
                y, z, before = 1.0, 1 - x, None
                while z != before: x = math.sqrt(x); before = z; y *= 0.5; z -= (1 - x) * (1 - x) * y
                z /= 3
            z *= m
            for r in range(52, 0, -1): z = 0.5 * (z + c[r])
            x = c[0] / m
            y, s, before = 1.0, x, None
            while s != before: x *= x; before = s; s += x * y; y += y
            return round(0.7213475204444817 * m * m / (z + m * s))
        def answer(w, q, t):
            column = q.get('column')
            rows = sorted(range(len(w['times'])), key=lambda r: (w['times'][r], w['ids'][r]))
            end = t - max(q['offset'], q['delay'])
            rows = [r for r in rows if w['times'][r] < end or w['times'][r] == end and not q['isStrict']]
            if q.get('length') is not None:
                rows = [r for r in rows if t - q['offset'] - q['length'] < w['times'][r]]
            if q['isFiltered']: rows = [r for r in rows if w['kept'][r]]
            if column: rows = [r for r in rows if w[column][r] is not None]
            a = q['aggregate']
            if a == 'seconds_since_last': return text((t - w['times'][rows[-1]]) / 1000000) if rows else 'null'
            if a == 'count': return 'i%d' % len(rows)
            values = [w[column][r] for r in rows]
            isFloat = column in 'xf'
            if isFloat: values = [number(v) for v in values]
            if a == 'distinct': return 'i%d' % len({'nan' if v != v else v for v in values})
            if a == 'approx_distinct': return 'i%d' % sketched(values, column)
            if not values: return 'null'
            if a == 'approx_quantile': return text(quantile([float(v) for v in values], q['fraction']))
            spell = lambda v: 'i%d' % v if column == 'n' else 's' + v
            order = lambda v: v.encode() if column == 's' else v
            if q.get('number') is not None and a in ('first', 'last'):
                some = values[:q['number']] if a == 'first' else values[::-1][:q['number']]
                return '[' + ' '.join(spell(v) for v in some) + ']'
            if a in ('top', 'histogram'):
                ordered = sorted(set(values), key=lambda v: (-values.count(v), order(v)))
                if a == 'top': return '[' + ' '.join(spell(v) for v in ordered[:q['number']]) + ']'
                return '[' + ' '.join('s%s=%d' % (v, values.count(v)) for v in ordered) + ']'
            if a in ('sum', 'avg'):
                if isFloat: s = total(values)
                else: s = sum(values)
                if a == 'avg': return text(float(s) / len(values))
                if isFloat: return text(s)
                return 'i%d' % s if -2**63 <= s < 2**63 else 'null'
            if a in ('variance', 'stddev', 'var_pop', 'stddev_pop'):
                n = len(values)
                if n < 2 and a in ('variance', 'stddev'): return 'null'
                if isFloat and not all(math.isfinite(v) for v in values): return text(math.nan)
                exact = [Fraction(v) for v in values]
                v = (n * sum(x * x for x in exact) - sum(exact) ** 2) / (n * (n - (a in ('variance', 'stddev'))))
                try: v = v.numerator / v.denominator
                except OverflowError: v = math.inf
                return text(math.sqrt(v) if a.startswith('stddev') else v)
            if a == 'first': v = values[0]
            if a == 'last': v = values[-1]
            if a in ('min', 'max'):
                v = (min if a == 'min' else max)(values, key=lambda v: (v != v, 0 if v != v else v.encode() if column == 's' else v))
                if isFloat: v += 0.0
            return text(v) if isFloat else 'i%d' % v if column == 'n' else 's' + v
        print(json.dumps([[[answer(w, q, t) for t in w['requests']] for q in w['windows']] for w in input]))
        """

    private static func worlds(_ count: Int, seed: UInt64) -> [WindowWorld] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in WindowWorld(&random) }
    }

    @Test func `every aggregate over every window is what Python computes, and plain doubles are not`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        let worlds = Self.worlds(400, seed: seed)
        let expected: [[[String]]] = try Oracle.answer(Self.script, to: worlds)
        var (cells, overflows, plainDiffers) = (0, 0, 0)
        for (world, wanted) in zip(worlds, expected) {
            let (values, over) = world.answers()
            overflows += over
            for (place, window) in world.windows.enumerated() {
                #expect(values[place] == wanted[place], "seed \(seed): \(window.definition.text), \(window), \(world)")
                cells += values[place].count
                guard window.aggregate == "sum", window.column == "x" else { continue }
                let rows = world.order
                let counted = rows.map { world.floats[$0] != nil && (!window.isFiltered || world.isKept[$0]) }
                let plain = world.scan(rows).run(
                    PlainSum(rows.map { world.floats[$0] ?? 0 }),
                    world.scan(rows).spans(window.bounds),
                    counted
                )
                plainDiffers += zip(plain.results, wanted[place]).filter { $0 != $1 }.count
            }
        }
        #expect(cells > 50_000 && overflows > 0)
        #expect(plainDiffers > 100, "doubles that are added and subtracted pass the same test")
        print("\(cells) values; \(plainDiffers) sums of plain doubles differ, \(overflows) are beyond int64")
    }

    /// What a sum is without care: doubles that are added, and subtracted when they leave.
    private struct PlainSum: WindowAccumulator {
        let values: [Double]
        var sum = 0.0
        var count = 0
        var results: [String] = []

        init(_ values: [Double]) { self.values = values }

        mutating func add(_ row: Int) {
            sum += values[row]
            count += 1
        }

        mutating func remove(_ row: Int) {
            sum -= values[row]
            count -= 1
        }

        mutating func take() { results.append(count == 0 ? "null" : Oracle.text(sum)) }
    }

    @Test func `keys that are scanned together give what each gives alone`() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        let worlds = Self.worlds(40, seed: seed)
        var (times, requests, groups): ([Int64], [Int64], [WindowGroup]) = ([], [], [])
        var values = Column(emptyOf: .float64)
        for world in worlds {
            let rows = world.order
            groups.append(
                WindowGroup(
                    events: times.count..<times.count + rows.count,
                    requests: requests.count..<requests.count + world.requests.count
                )
            )
            times += rows.map { world.times[$0] }
            requests += world.requests
            values.append(world.column("x", rows))
        }
        let scan = WindowScan(times: times, requests: requests, groups: groups)
        for aggregate in WindowAggregate.allCases where aggregate.resultType(of: .float64) != nil {
            let bounds = WindowBounds(WindowDefinition(aggregate, of: "x", over: Interval(text: "3s")))
            let together = scan.column(aggregate, scan.spans(bounds), values: values, filter: nil).column.boxed
            let alone = worlds.flatMap { world in
                let (own, values) = (world.scan(world.order), world.column("x", world.order))
                return own.column(aggregate, own.spans(bounds), values: values, filter: nil).column.boxed
            }
            #expect(together.map(WindowWorld.text) == alone.map(WindowWorld.text), "\(aggregate.rawValue)")
        }
    }

    private static let bounds: [(String, Int64, Bool, [Int64: Int64])] = [
        // Of events at 0, 10 and 20 µs.
        ("count over 10us", 0, false, [0: 1, 9: 1, 10: 1, 19: 1, 20: 1, 29: 1, 30: 0]),
        ("count over 11us", 0, false, [10: 2, 11: 1, 20: 2, 21: 1]),
        ("count over 10us", 0, true, [0: 0, 1: 1, 10: 0, 11: 1]),
        ("count over 10us", 4, false, [3: 0, 4: 1, 9: 1, 10: 0, 13: 0, 14: 1, 20: 0]),
        ("count over 10us offset 5us", 0, false, [4: 0, 5: 1, 14: 1, 15: 1, 25: 1, 34: 1, 35: 0]),
        ("count over 10us offset 5us", 7, false, [6: 0, 7: 1, 14: 1, 15: 0, 17: 1]),
        ("count over lifetime", 0, false, [-1: 0, 0: 1, 10: 2, 20: 3, .max: 3]),
        ("count over 10us", 30, false, [0: 0, 20: 0, 50: 0]),
        ("count over 106751991d", 0, false, [.min: 0, .min + 1: 0, 20: 3, .max: 0]),
        ("count over 1us offset 106751991d", 0, true, [.min: 0, -20: 0]),
    ]

    @Test(arguments: bounds)
    func `a window starts behind its earliest time and has its last one, to the microsecond`(
        text: String,
        delay: Int64,
        isStrict: Bool,
        expected: [Int64: Int64]
    ) throws {
        let definition = try WindowDefinition(text: text)
        let requests = expected.keys.sorted()
        let scan = WindowScan(
            times: [0, 10, 20],
            requests: requests,
            groups: [WindowGroup(events: 0..<3, requests: 0..<requests.count)]
        )
        let bounds = WindowBounds(definition, delay: Interval(microseconds: delay), isStrict: isStrict)
        let counts = scan.column(.count, scan.spans(bounds), values: nil, filter: nil).column.int64Values
        #expect(counts == requests.map { expected[$0] })
    }
}
