import Dispatch
import Features
import NIOCore
import PointInTime
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Reading
@testable import Serving
@testable import Store

/// FS.SERVE of services with request fields and derived columns, and AT.
@Suite struct ComputedServiceTests {
    private static let yaml = """
        entities: { airport: { key: origin, type: string }, user: { key: user_id, type: int64 } }
        views:
          weather: { entities: [airport], ttl: 1s, features: { wind: float64, name: string } }
          users: { entities: [user], features: { n: int64, v: vector(2) } }
        services:
          both:
            - weather.wind
            - { request: add, type: float64 }
            - { derive: sum, from: "weather.wind + add + users.n" }
            - { request: tag, type: string }
            - { derive: age_s, from: "extract(epoch from label_time - weather._event_time)" }
            - { derive: text, from: "tag || ':' || origin" }
            - { derive: ratio, from: "weather.wind / (add - 1)" }
          static: [{ request: pixels, type: vector(3) }, { derive: first, from: "pixels[1]" }]
          numbers: [users.n, users.v, { request: x, type: int32 }, { derive: y, from: "x * 2.5" }]
        """

    private static func store(resident: Set<String>? = nil) throws -> ServedStore {
        let store = try ServedStore(yaml, resident: resident)
        try store.add(
            "weather",
            [
                HistoryRow([.string("JFK")], at: store.now - 500_000, [.float64(2.5), .string("a")]),
                HistoryRow([.string("OLD")], at: store.now - 1_500_000, [.float64(9), .string("b")]),
                HistoryRow([.string("DEL")], at: store.now - 100, isDeleted: true, [.null, .null]),
            ]
        )
        try store.add(
            "users",
            [HistoryRow([.int64(1)], at: store.now - 5, [.int64(10), .vector([1, 2])])]
        )
        return store
    }

    @Test(arguments: [nil, ["users"], []] as [Set<String>?])
    func `derived columns are computed of rows, request fields, keys and the request's time`(
        resident: Set<String>?
    ) throws {
        let store = try Self.store(resident: resident)
        let reply = store.text(
            "FS.SERVE both KEYS 4 user_id add origin tag ROWS 4 1 4 JFK x 1 1 JFK y 2 '' OLD '' 1 2 DEL z META",
            .resp3
        )
        for part in [
            "$13|weather__wind|$12|request__add|$11|derive__sum|$12|request__tag|$13|derive__age_s|$12|derive__text|$13|derive__ratio|",
            "$4|rows|*4|*7|,2.5|,4|,16.5|$1|x|,0.5|$5|x:JFK|,0.8333333333333334|",
            // A division by zero is null.
            "*7|,2.5|,1|,13.5|$1|y|,0.5|$5|y:JFK|_|",
            // What has expired is null, its event time, too; an empty number is null, an empty string is not.
            "*7|_|_|_|$0||_|$4|:OLD|_|",
            "*7|_|,2|_|$1|z|_|$5|z:DEL|_|",
            "*7|$7|present|$7|present|$7|present|$7|present|$7|present|$7|present|$7|present|",
            "*7|$7|expired|$4|null|$4|null|$7|present|$4|null|$7|present|$4|null|",
            "*7|:999500000|_|_|_|_|_|_|",
            "$2|at|:1000000000|",
        ] { #expect(reply.contains(part), "\(part) in \(reply)") }
        #expect(store.engine.reads?.derivedErrors == 1)
    }

    @Test func `large replies, made in pieces, give the same`() throws {
        let store = try Self.store()
        let rows = (0..<20).map { "1 \($0) \(["JFK", "OLD", "DEL", "NON"][$0 % 4]) t\($0)" }.joined(separator: " ")
        for options in ["", " META", " FORMAT columns", " FORMAT columns META"] {
            let line = "FS.SERVE both KEYS 4 user_id add origin tag ROWS 20 \(rows)\(options)"
            #expect(store.text(line) == store.text(line, reads: store.piecewise), "\(options)")
            // Within EXEC they are written at once, however large.
            let words = line.split(separator: " ").map { Array($0.utf8) }
            #expect(
                store.ask(words, .resp3) == store.ask(words, .resp3, reads: store.piecewise, isTogether: true),
                "\(options)"
            )
        }
        let numbers = "FS.SERVE numbers KEYS 2 x user_id ROWS 9 " + (0..<9).map { "\($0) 1" }.joined(separator: " ")
        for options in [" FORMAT packed64 LOSSY", " FORMAT packed32 LOSSY META"] {
            let words = (numbers + options).split(separator: " ").map { Array($0.utf8) }
            #expect(store.ask(words, .resp3) == store.ask(words, .resp3, reads: store.piecewise))
        }
    }

    @Test func `no rows are no rows`() throws {
        let store = try Self.store()
        for options in ["", " FORMAT columns META"] {
            let reply = store.text("FS.SERVE both KEYS 4 user_id add origin tag ROWS 0\(options)")
            #expect(reply.hasPrefix(options.isEmpty ? "%2|" : "%7|"), "\(reply)")
        }
        #expect(store.text("FS.SERVE both KEYS 4 user_id add origin tag ROWS 0").hasSuffix("$4|rows|*0|"))
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>, [ProtocolVersion.resp2, .resp3])
    func `request fields of every type come back as boxed values do`(seed: UInt64, version: ProtocolVersion) throws {
        let types = FeatureReplyTwinTests.types
        let items = types.enumerated().map { "{ request: f\($0), type: \($1) }" }.joined(separator: ", ")
        let store = try ServedStore("services: { all: [\(items)] }")
        var random = SeededRandom(seed: seed)
        let null = "<no value>"
        let rows = (0..<random.int(1...8)).map { _ in
            types.map { type -> Value in
                random.oneIn(4) ? .null : random.value(FeatureType(text: type) ?? .bool)
            }
        }
        var words = ["FS.SERVE", "all", "KEYS", "\(types.count)"] + types.indices.map { "f\($0)" }
        words += ["ROWS", "\(rows.count)"] + rows.flatMap { row in row.map { $0 == .null ? null : $0.text } }
        for (format, isByColumn) in [("rows", false), ("columns", true)] {
            var writer = ReplyWriter(version: version)
            writer.map(2)
            writer.bulk("columns")
            writer.array(types.count)
            for place in types.indices { writer.bulk("request__f\(place)") }
            writer.bulk(isByColumn ? "values" : "rows")
            writer.array(isByColumn ? types.count : rows.count)
            for outer in 0..<(isByColumn ? types.count : rows.count) {
                writer.array(isByColumn ? rows.count : types.count)
                for inner in 0..<(isByColumn ? rows.count : types.count) {
                    writer.value(isByColumn ? rows[inner][outer] : rows[outer][inner])
                }
            }
            let request = (words + ["FORMAT", format, "NULL", null]).map { Array($0.utf8) }
            let expected = Array(writer.buffer.readableBytesView)
            #expect(store.ask(request, version) == expected, "seed \(seed)")
            #expect(store.ask(request, version, reads: store.piecewise) == expected, "seed \(seed)")
        }
    }

    @Test func `packed rows have request fields and derived columns in place`() throws {
        let store = try Self.store()
        let reply = store.ask(
            "FS.SERVE numbers KEYS 2 user_id x ROWS 2 1 3 7 '' FORMAT packed64".split(separator: " ").map {
                $0 == "''" ? [] : Array($0.utf8)
            },
            .resp3
        )
        let expected: [Double] = [10, 1, 2, 3, 7.5, .nan, .nan, .nan, .nan, .nan]
        let floats = expected.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
        #expect(reply.suffix(floats.count + 2).dropLast(2).elementsEqual(floats))
    }

    @Test func `a static service asks for nothing but its fields, and a vector comes as JSON or as floats`() throws {
        let store = try Self.store()
        #expect(
            store.text("FS.SERVE static KEYS 1 pixels ROWS 1 [0.5,1,-2]").hasSuffix(",0.5|")
        )
        var words = ["FS.SERVE", "static", "KEYS", "1", "pixels", "ROWS", "1"].map { Array($0.utf8) }
        words.append(
            [Float(0.25), 1, 2].flatMap { value in
                withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
            }
        )
        #expect(String(decoding: store.ask(words, .resp3), as: UTF8.self).hasSuffix(",0.25\r\n"))
        #expect(store.fetching.log.withLock { $0.isEmpty })
    }

    @Test(arguments: [
        (
            "KEYS 3 user_id add origin ROWS 1 1 2 JFK",
            "-FSVALUE KEYS lacks the request field 'tag' (string) of service 'both'; expected KEYS 4 origin user_id add tag|"
        ),
        (
            "KEYS 3 user_id add tag ROWS 1 1 2 JFK",
            "-FSENTITY KEYS lacks the key 'origin' of service 'both'; expected KEYS 4 origin user_id add tag|"
        ),
        ("KEYS 5 user_id add tag origin add ROWS 1 1 2 x JFK 2", "-FSENTITY KEYS names 'add' twice|"),
        (
            "KEYS 5 user_id add tag origin nix ROWS 1 1 2 x JFK 2",
            "-FSENTITY service 'both' has no key or request field 'nix'; expected KEYS 4 origin user_id add tag|"
        ),
        (
            "KEYS 4 user_id add tag origin ROWS 1 1 two x JFK",
            "-FSVALUE row 1, request field 'add': expected float64, got 'two': it has another form|"
        ),
        (
            "KEYS 4 user_id add tag origin ROWS 1 1 2 x JFK AT 1970-01-01T00:16:40.000001Z",
            "-FSTIME AT 1970-01-01T00:16:40.000001Z lies after now, 1970-01-01T00:16:40Z; leave AT out for the newest values|"
        ),
        (
            "KEYS 4 user_id add tag origin ROWS 1 1 2 x JFK AT",
            "-ERR AT is followed by too few arguments; expected AT time|"
        ),
    ])
    func `errors say what is missing or wrong`(line: String, expected: String) throws {
        #expect(try Self.store().text("FS.SERVE both " + line) == expected)
    }

    @Test func `NULL names the text that is null, also among strings`() throws {
        let store = try Self.store()
        let reply = store.text("FS.SERVE both KEYS 4 user_id add origin tag ROWS 1 1 - JFK - NULL -")
        #expect(reply.hasSuffix("*7|,2.5|_|_|_|,0.5|_|_|"))
    }

    @Test(arguments: [nil, []] as [Set<String>?])
    func `rows as columns are what FS.SERVE sends, with what was overridden in place of it`(
        resident: Set<String>?
    ) throws {
        let store = try Self.store(resident: resident)
        let reads = try #require(store.engine.reads)
        let service = try store.catalog.service(named: Array("both".utf8).span)
        func rows(_ line: String, of other: ServicePlan? = nil, isLater: Bool) throws -> ServiceRows {
            let service = other ?? service
            let words = line.split(separator: " ").map { Array($0.utf8) }
            var read: ServiceRead?
            try withArguments(words) { arguments throws in
                let given = try ServiceArguments(arguments, from: 0, of: service, command: "T", allowsOverrides: true)
                read = ServiceRead(
                    service,
                    of: store.catalog,
                    reads,
                    keys: try given.keys(arguments, isTimed: false),
                    rowCount: given.rowCount,
                    computation: try given.computation(arguments, null: nil)
                )
            }
            let made = try #require(read)
            if !isLater { return try #require(made.rows(reads, of: store.catalog, after: 77)) }
            let result = Mutex<Result<ServiceRows, ServingError>?>(nil)
            let done = DispatchSemaphore(value: 0)
            made.rows(reads, of: store.catalog, after: 77) { found in
                result.withLock { $0 = found }
                done.signal()
            }
            done.wait()
            return try #require(result.withLock { $0 }).get()
        }
        for isLater in resident == nil ? [false, true] : [true] {
            let plain = try rows("KEYS 4 user_id add origin tag ROWS 2 1 4 JFK x 1 1 OLD y", isLater: isLater)
            #expect(plain.columns[0].boxed == [.float64(2.5), .null])
            #expect(plain.columns[2].boxed == [.float64(16.5), .null])
            #expect(plain.statuses[0] == [.present, .expired])
            #expect(plain.eventTimes[0] == [store.now - 500_000, store.now - 1_500_000])
            #expect(plain.eventTimes[2] == nil)
            #expect(plain.position == 77 && plain.time == store.now)
            let other = try rows("KEYS 5 user_id add origin tag weather__wind ROWS 1 1 4 JFK x 100", isLater: isLater)
            #expect(other.columns[0].boxed == [.float64(100)])
            #expect(other.columns[2].boxed == [.float64(114)])
            #expect(other.columns[4].boxed == [.float64(0.5)])
            // Of a view all of whose columns are given nothing is looked up, and no key is needed.
            let numbers = try store.catalog.service(named: Array("numbers".utf8).span)
            store.fetching.log.withLock { $0 = [] }
            let given = try rows(
                "KEYS 3 x users__n users__v ROWS 1 4 7 [1,2]",
                of: numbers,
                isLater: isLater
            )
            #expect(given.columns.map { $0.value(0) } == [.int64(7), .vector([1, 2]), .int32(4), .float64(10)])
            #expect(store.fetching.log.withLock { $0.isEmpty })
        }
    }
}
