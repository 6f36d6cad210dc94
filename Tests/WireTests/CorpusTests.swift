import Features
import Foundation
import TestSupport
import Testing
import Wire

/// The published corpus of line protocol.
@Suite struct CorpusTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        struct Point: Decodable, Sendable {
            var measurement: String
            var tags: [[String]]
            var fields: [Field]
            var timeNs: Int64

            enum CodingKeys: String, CodingKey {
                case measurement, tags, fields
                case timeNs = "time_ns"
            }
        }
        /// Name, type, and the value in a text that is equal exactly where values are.
        struct Field: Decodable, Sendable {
            var spelled: String

            init(from decoder: any Decoder) throws {
                var parts = try decoder.unkeyedContainer()
                let name = try parts.decode(String.self)
                let type = try parts.decode(String.self)
                switch type {
                case "float": spelled = "\(name) float \(try parts.decode(Double.self).bitPattern)"
                case "int": spelled = "\(name) int \(try parts.decode(Int64.self))"
                case "uint": spelled = "\(name) uint \(try parts.decode(UInt64.self))"
                case "bool": spelled = "\(name) bool \(try parts.decode(Bool.self))"
                default: spelled = "\(name) string \(try parts.decode(String.self))"
                }
            }
        }
        var id: String
        var text: String?
        var b64: Data?
        var precision: String
        var defaultTimeNs: Int64
        var expect: String
        var points: [Point]?
        var errorLine: Int?
        var errorCol: Int?

        enum CodingKeys: String, CodingKey {
            case id, text, b64, precision, expect, points
            case defaultTimeNs = "default_time_ns"
            case errorLine = "error_line"
            case errorCol = "error_col"
        }

        var bytes: [UInt8] { text.map { Array($0.utf8) } ?? b64.map { Array($0) } ?? [] }
        var testDescription: String { text ?? id }
        /// Unescaped by the corpus's decoder, but not by InfluxDB's documentation.
        var isControlEscape: Bool {
            ["m v=\"\\n\"", "m v=\"\\r\"", "m v=\"\\t\""].contains(text)
        }
        /// More tags than a point may have here; InfluxDB has no such bound.
        var isBeyondBounds: Bool { (points ?? []).contains { $0.tags.count > WireLimits.pointTagsMax } }
    }

    static let cases = Cases.read("ilp_corpus_decode_curated", Case.self, name: \.id)

    @Test(
        "each input of the corpus is accepted or refused, with exact values",
        arguments: cases.filter { !$0.isControlEscape }
    )
    func decodes(item: Case) throws {
        guard item.expect == "points", !item.isBeyondBounds else {
            let error = #expect(throws: LineProtocolError.self) { try Spelled.points(item.bytes) }
            if let line = item.errorLine { #expect(error?.line == line) }
            return
        }
        let unit = try #require(TimeUnit(rawValue: item.precision))
        let scale: Int64 = [.s: 1_000_000_000, .ms: 1_000_000, .us: 1_000, .ns: 1][unit] ?? 1
        let expected = (item.points ?? []).map { point in
            Spelled(
                measurement: point.measurement,
                tags: point.tags.map { $0.joined(separator: " ") },
                fields: point.fields.map(\.spelled),
                time: point.timeNs
            )
        }
        let got = try Spelled.points(item.bytes).map { point in
            var point = point
            point.tags.sort()
            point.time = point.time.map { $0 * scale } ?? item.defaultTimeNs / scale * scale
            return point
        }
        #expect(
            got
                == expected.map {
                    var point = $0
                    point.tags.sort()
                    return point
                }
        )
    }

    @Test("the corpus is decoded alike, wherever the bytes are cut")
    func cuts() throws {
        for item in Self.cases {
            let whole = Spelled.outcome(item.bytes, chunk: item.bytes.count + 1)
            for chunk in [1, 3, 7] {
                #expect(Spelled.outcome(item.bytes, chunk: chunk) == whole, "\(item.testDescription)")
            }
        }
    }

    @Test("the cases of \\n, \\r and \\t keep their backslash, as InfluxDB documents", arguments: ["n", "r", "t"])
    func controlEscapes(letter: String) throws {
        #expect(try Spelled.points(Array("m v=\"\\\(letter)\"".utf8)).map(\.fields) == [["v string \\\(letter)"]])
    }
}
