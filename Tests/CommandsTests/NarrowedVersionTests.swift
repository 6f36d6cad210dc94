import Features
import PointInTime
import TestSupport
import Testing
import Wire

@testable import Reading
@testable import Store

/// A version of a service from before its features got other names and wider types: its replies are, byte for byte, those of a
/// store in which they never changed.
@Suite struct NarrowedVersionTests {
    private static func yaml(_ a: String, _ b: String, _ c: String, _ d: String) -> String {
        """
        entities: { user: { key: user_id, type: int64 }, item: { key: item, type: string } }
        views:
          stats: { entities: [user], ttl: 100s, features: { a: \(a), b: \(b), c: \(c), d: \(d), s: string } }
          items: { entities: [item], features: { e: \(a), note: string } }
        services:
          svc:
            - stats.a
            - items.note
            - { request: given, type: float64 }
            - stats.b
            - { derive: half, from: "stats.a / 2" }
            - stats.s
            - stats.c
            - stats.d
            - items.e
          numbers: [stats.a, stats.b, stats.c, stats.d]
        """
    }

    private static let narrow = yaml("int32", "int32", "int64", "float32")
    private static let wide = yaml("int64", "float64", "float64", "float64")

    private let before: ServedStore
    private let now: ServedStore

    init() throws {
        let versions: (Definitions) -> [Registry.StoredService] = { _ in
            let old = try? Definitions.parseWithExpressions(yaml: Self.narrow)
            return (old?.services ?? []).map { service in
                Registry.StoredService(service, version: 1, rules: old?.rules(of: service) ?? ServiceRules([]))
            }
        }
        before = try ServedStore(Self.narrow, versions: versions)
        now = try ServedStore(Self.wide, versions: versions)
        var random = SeededRandom(seed: 7)
        for user in Int64(1)...40 {
            let numbers = (0..<5).map { _ in random.oneIn(5) ? nil : random.int(-99...99) }
            let isDeleted = random.oneIn(9)
            // Some have expired: the clock stands at 1,000 s.
            let time = random.oneIn(5) ? Int64(1_000) : 950_000_000
            func row(_ values: [Value]) -> [HistoryRow] {
                [
                    HistoryRow(
                        [.int64(user)],
                        at: time,
                        isDeleted: isDeleted,
                        isDeleted ? values.map { _ in .null } : values
                    )
                ]
            }
            func value(_ place: Int, _ make: (Int) -> Value) -> Value { numbers[place].map(make) ?? .null }
            let text = value(4) { .string("text \($0)") }
            try before.add(
                "stats",
                row([
                    value(0) { .int32(Int32($0)) }, value(1) { .int32(Int32($0)) }, value(2) { .int64(Int64($0)) },
                    value(3) { .float32(Float($0) / 10) }, text,
                ])
            )
            try now.add(
                "stats",
                row([
                    value(0) { .int64(Int64($0)) }, value(1) { .float64(Double($0)) },
                    value(2) { .float64(Double($0)) },
                    value(3) { .float64(Double($0) / 10) }, text,
                ])
            )
        }
        try before.add("items", [HistoryRow([.string("i")], at: 1, [.int32(3), .string("n")])])
        try now.add("items", [HistoryRow([.string("i")], at: 1, [.int64(3), .string("n")])])
    }

    private static var rows: [String] { (0...45).flatMap { ["\($0)", $0 % 3 == 0 ? "i" : "none", "\($0).5"] } }

    private static func words(_ service: String, _ options: [String]) -> [[UInt8]] {
        let words =
            service.hasPrefix("numbers")
            ? ["FS.SERVE", service, "KEYS", "1", "user_id", "ROWS", "46"] + (0...45).map(String.init)
            : ["FS.SERVE", service, "KEYS", "3", "user_id", "item", "given", "ROWS", "46"] + rows
        return (words + options).map { Array($0.utf8) }
    }

    @Test(
        arguments: ["svc@1", "numbers@1"],
        [
            [], ["FORMAT", "columns"], ["META"], ["META", "FORMAT", "columns"], ["FORMAT", "packed64"],
            ["FORMAT", "packed32", "LOSSY"], ["FORMAT", "packed64", "META"],
        ]
    )
    func `replies are those of before, of every format, at once and in pieces`(service: String, options: [String]) {
        let words = Self.words(service, options)
        for version in [ProtocolVersion.resp2, .resp3] {
            let expected = before.ask(words, version)
            let isRefused = expected.first == UInt8(ascii: "-")
            #expect(isRefused == (service == "svc@1" && options.contains { $0.hasPrefix("packed") }), "\(words)")
            #expect(now.ask(words, version) == expected)
            #expect(now.ask(words, version, reads: now.piecewise) == expected)
        }
    }

    @Test(arguments: ["svc@1", "numbers@1"], [[], ["META"], ["FORMAT", "columns"]])
    func `a value that the type does not have is FSVALUE, and the newer version gives it`(
        service: String,
        options: [String]
    ) throws {
        try now.add(
            "stats",
            [HistoryRow([.int64(30)], at: 999_000_000, [.int64(1 << 40), .null, .null, .null, .null])],
            position: 2
        )
        let words = Self.words(service, options)
        for reads in [nil, now.piecewise] {
            let reply = String(decoding: now.ask(words, .resp3, reads: reads), as: UTF8.self)
            #expect(
                reply
                    == "-FSVALUE row 31: column 'stats__a': its value is no int32, which the column is in this version; "
                    + "the feature has a wider type by now: ask for a newer version of the service\r\n"
            )
        }
        let newer = Self.words(service.replacing("@1", with: ""), options)
        #expect(String(decoding: now.ask(newer, .resp3), as: UTF8.self).contains(":\(1 << 40)\r\n"))
    }
}
