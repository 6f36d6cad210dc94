import Features
import Foundation
import Learning
import PointInTime
import TestSupport
import Testing

@testable import Training

@Suite struct MurmurHash3Tests {
    /// As they are published with the function, and as other programs have them.
    @Test(
        arguments: [
            ("", 0, 0), ("", 1, 0x514E_28B7), ("", 0xFFFF_FFFF, 0x81F1_6F39), ("test", 0, 0xBA6B_D213),
            ("Hello, world!", 0, 0xC036_3E43),
            ("The quick brown fox jumps over the lazy dog", 0x9747_B28C, 0x2FA8_26CD),
            ("a", 0x9747_B28C, 0x7FA0_9EA6), ("dest=LAX", 0, 0x2589_80CB), ("carrier=UA", 0, 0x3DD5_2939),
        ] as [(String, UInt32, UInt32)]
    )
    func `hashes are those of the reference`(text: String, seed: UInt32, expected: UInt32) {
        #expect(MurmurHash3.hash(Array(text.utf8)[...], seed: seed) == expected)
        // Wherever the bytes lie.
        #expect(MurmurHash3.hash(Array("xy\(text)".utf8)[2...], seed: seed) == expected)
    }
}

@Suite struct EncodingTests {
    private typealias Columns = [(name: String, column: Column)]

    private static func texts(_ values: [String?]) -> Column {
        Column(
            type: .string,
            validity: values.map { $0 != nil },
            values: .text(TextValues(values.map { $0 ?? "" }))
        )
    }

    private static func numbers(_ values: [Double?]) -> Column {
        Column(type: .float64, validity: values.map { $0 != nil }, values: .float64(values.map { $0 ?? 0 }))
    }

    /// The rows of a matrix, `-` = missing.
    private static func rows(_ matrix: DesignMatrix) -> [String] {
        (0..<matrix.rowCount).map { row in
            matrix.values[row * matrix.width..<(row + 1) * matrix.width]
                .map { $0.isNaN ? "-" : "\($0)" }.joined(separator: " ")
        }
    }

    private static func encode(
        _ columns: [(name: String, column: Column)],
        _ encodings: [String: String],
        for family: EncoderFit.Family = .slots
    ) throws -> (signature: ModelSignature, rows: [String]) {
        let parsed = encodings.mapValues { ModelDefinition.Encoding(text: $0) }
        let fit = try EncoderFit(columns, for: family, encodings: parsed.compactMapValues(\.self))
        let signature = fit.signature(.binary)
        let rowCount = columns.first?.column.rowCount ?? 0
        return (signature, rows(DesignMatrix(columns.map(\.column), signature, rowCount: rowCount)))
    }

    @Test func `a hash is of name=value, golden numbers`() throws {
        let dest = Self.texts(["LAX", nil, "", "é"])
        let (signature, rows) = try Self.encode([("dest", dest)], ["dest": "hash(65536)"])
        #expect(rows[0] == "\(Float(0x2589_80CB & 0xFFFF))" && rows[1] == "-")
        #expect(rows == ["32971.0", "-", "22628.0", "53098.0"])
        #expect(signature.featureNames == ["dest"] && signature.featureTypes == ["c"])
        #expect(signature.layout.groups == [.places(numbers: 1, slots: 65_536, isSigned: false)])
    }

    @Test func `whole numbers and flags are hashed by their decimal text, and by no other`() throws {
        let id = Column(type: .int64, values: .int64([-7, 42]))
        let flag = Column(type: .bool, values: .bool([true, false]))
        let (_, rows) = try Self.encode([("id", id), ("on", flag)], ["id": "hash(1024)", "on": "hash(1024)"])
        let hash = FeatureHash(buckets: 1_024)
        func number(_ text: String) -> Float { hash.number(Array(text.utf8)[...]) }
        #expect(rows == ["\(number("id=-7")) \(number("on=true"))", "\(number("id=42")) \(number("on=false"))"])
        #expect {
            try Self.encode([("x", Self.numbers([1]))], ["x": "hash(16)"])
        } throws: {
            "\($0)".contains("'x' is float64") && "\($0)".contains("whole numbers and flags are hashed")
        }
    }

    @Test func `columns that share the buckets of a hash stand for themselves no more`() throws {
        let columns: Columns = [("tail", Self.texts(["N1", "N2", nil])), ("model", Self.texts(["737", nil, "737"]))]
        let (signature, rows) = try Self.encode(columns, ["tail": "hash(4096) with model"])
        let hash = FeatureHash(buckets: 4_096)
        func number(_ text: String) -> Float { hash.number(Array(text.utf8)[...]) }
        #expect(
            rows == [
                "\(number("tail=N1")) \(number("model=737"))", "\(number("tail=N2")) -", "- \(number("model=737"))",
            ]
        )
        #expect(signature.featureNames == ["tail", "tail_with_model"] && signature.columns.count == 2)
    }

    @Test func `a cross is of all its columns, and missing with one of them`() throws {
        let columns: Columns = [("c", Self.texts(["UA", "AA", "UA"])), ("d", Self.texts(["IAH", nil, "LAX"]))]
        let (signature, rows) = try Self.encode(columns, ["c*d": "hash(1024)"])
        let expected = FeatureHash(buckets: 1_024).number(Array("c^d=UA^IAH".utf8)[...])
        #expect(signature.inputs.map(\.name) == ["c", "d", "c*d"])
        #expect(rows[0].hasSuffix(" \(expected)") && rows[1].hasSuffix(" -"))
    }

    @Test func `numbers are scaled by the training rows, and no others`() throws {
        let x = Self.numbers([0, 2, 4, nil, .infinity])
        #expect(
            try Self.encode([("x", x)], ["x": "standard"]).rows == ["-1.2247449", "0.0", "1.2247449", "-", "inf"]
        )
        #expect(try Self.encode([("x", x)], ["x": "minmax"]).rows == ["0.0", "0.5", "1.0", "-", "inf"])
        #expect(try Self.encode([("x", x)], ["x": "clip(1, 3)"]).rows == ["1.0", "2.0", "3.0", "-", "3.0"])
        #expect(try Self.encode([("x", x)], ["x": "log1p"]).rows == ["0.0", "1.0986123", "1.609438", "-", "inf"])
        #expect(try Self.encode([("x", x)], ["x": "quantiles(3)"]).rows == ["0.0", "0.0", "1.0", "-", "2.0"])
        let fit = try EncoderFit([("x", x)], for: .slots, encodings: ["x": .standard])
        let later = DesignMatrix([Self.numbers([100])], fit.signature(.binary), rowCount: 1)
        #expect(Self.rows(later) == ["60.012497"])
        // All equal, and none at all.
        #expect(try Self.encode([("x", Self.numbers([5, 5]))], [:]).rows == ["0.0", "0.0"])
        #expect(try Self.encode([("x", Self.numbers([nil]))], ["x": "minmax"]).rows == ["-"])
        #expect(try Self.encode([("x", Self.numbers([nil]))], ["x": "quantiles(4)"]).rows == ["-"])
        #expect(try Self.encode([("x", Self.numbers([-1, -3]))], ["x": "log1p"]).rows == ["-inf", "-"])
    }

    @Test func `rare texts share a slot that is trained with those that are new`() throws {
        let x = Self.texts(["a", "a", "b", nil])
        let (signature, rows) = try Self.encode([("x", x)], ["x": "onehot(2)"])
        #expect(rows == ["0.0", "0.0", "1.0", "-"])
        let later = DesignMatrix([Self.texts(["z"])], signature, rowCount: 1)
        #expect(later.values == [1] && later.unseen == [1])
        #expect(signature.layout.slotCount == 1 + 2 + 1)
    }

    @Test func `a new value is represented by those that are like it`() throws {
        let columns: Columns = [
            ("dest", Self.texts(["LAX", "SFO", "BOS", "XXX"])), ("airports__lat", Self.numbers([34, 37, 42, nil])),
            ("airports__lon", Self.numbers([-118, -122, -71, nil])),
        ]
        let map = "map(airports__lat, airports__lon) nearest 2 else hash(16)"
        let (signature, rows) = try Self.encode(columns, ["dest": map])
        #expect(rows == ["1.0 -", "2.0 -", "0.0 -", "3.0 -"])
        #expect(signature.inputs.count == 1 && signature.featureNames == ["dest", "dest_near_1"])
        // San Diego is like Los Angeles and San Francisco; of one without attributes the text is hashed.
        let later = [Self.texts(["SAN", "ZZZ", nil]), Self.numbers([33, nil, 1]), Self.numbers([-117, nil, 1])]
        let matrix = DesignMatrix(later, signature, rowCount: 3)
        let bucket = FeatureHash(buckets: 16).number(Array("dest=ZZZ".utf8)[...])
        #expect(Self.rows(matrix) == ["1.0 2.0", "\(5 + bucket) -", "- -"])
        #expect(matrix.unseen == [2])
        // Without else they have one place.
        let plain = try Self.encode(columns, ["dest": "map(airports__lat, airports__lon) nearest 1"])
        #expect(Self.rows(DesignMatrix(later, plain.signature, rowCount: 3)) == ["1.0", "4.0", "-"])
    }

    @Test func `the nearest are those of a search of all`() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<200 {
            let attributes = (0..<random.int(1...30)).map { _ in
                random.int(0...9) == 0 ? [] : [Double(random.int(0...4)), Double(random.int(0...4))]
            }
            let map = FittedMap(
                levels: attributes.indices.map { "\($0)" },
                attributes: attributes,
                means: [1, 2],
                deviations: [0.5, 2],
                nearest: random.int(1...4)
            )
            let raw = [Double(random.int(0...5)), Double(random.int(0...5))]
            var distances: [(level: Int, distance: Double)] = []
            for (level, own) in attributes.enumerated() where !own.isEmpty {
                let (x, y) = ((raw[0] - 1) / 0.5 - own[0], (raw[1] - 2) / 2 - own[1])
                distances.append((level, x * x + y * y))
            }
            let sorted = distances.sorted { ($0.distance, $0.level) < ($1.distance, $1.level) }
            #expect(map.neighbours(raw) == sorted.prefix(map.nearest).map(\.level))
        }
    }

    @Test func `a linear model has a number for each place of a small hash, and refuses a large one`() throws {
        let dest = Self.texts(["LAX", nil])
        let (signature, rows) = try Self.encode([("d", dest)], ["d": "hash(4)"], for: .linear)
        #expect(signature.width == 5 && rows[1] == "0.0 0.0 0.0 0.0 1.0")
        let bucket = FeatureHash(buckets: 4).bucket(Array("d=LAX".utf8)[...]).bucket
        #expect(rows[0] == (0..<5).map { $0 == bucket ? "1.0" : "0.0" }.joined(separator: " "))
        for (family, text) in [
            (EncoderFit.Family.linear, "hash(2048)"), (.linear, "hash(4, signed)"), (.trees, "hash(4, signed)"),
        ] {
            #expect {
                try Self.encode([("d", dest)], ["d": text], for: family)
            } throws: {
                "\($0)".contains("'encode' of d")
            }
        }
    }

    @Test func `encoders come back from JSON as they were, and old ones are read`() throws {
        let columns: Columns = [
            ("a", Self.texts(["x", "y"])), ("b", Self.texts(["u", "v"])), ("n", Self.numbers([1, 2])),
            ("m", Self.numbers([1, 2])), ("q", Self.numbers([1, 2])),
        ]
        let encodings = [
            "a": "map(m) nearest 2 else hash(8)", "b": "hash(16, signed)", "a*b": "hash(8)", "q": "quantiles(2)",
        ]
        let (signature, _) = try Self.encode(columns, encodings)
        let data = try JSONEncoder().encode(signature)
        #expect(try JSONDecoder().decode(ModelSignature.self, from: data) == signature)
        let old = #"{"task":"binary","classes":[],"inputs":[{"name":"v__x","type":"int64","encoder":{"number":{}}}]}"#
        let read = try JSONDecoder().decode(ModelSignature.self, from: Data(old.utf8))
        #expect(read.columns == [.init(name: "v__x", type: .int64)] && read.inputs[0].reads == [0])
        let wrong = old.replacing(#""encoder""#, with: #""reads":[3],"encoder""#)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(ModelSignature.self, from: Data(wrong.utf8)) }
    }
}

@Suite struct CollisionsTests {
    @Test func `shares, the worst pair and growth equal brute force`() throws {
        for seed in 0..<40 {
            var random = SeededRandom(seed: UInt64(seed))
            let buckets = 1 << random.int(1...8)
            let rowCount = random.int(0...400)
            let values = (0..<rowCount).map { _ in random.int(0...9) == 0 ? nil : "k\(random.int(0...80))" }
            let times: [Int64?] = (0..<rowCount).map { _ in Int64(random.int(0...30)) * 86_400_000_000 }
            let column = Column(
                type: .string,
                validity: values.map { $0 != nil },
                values: .text(TextValues(values.map { $0 ?? "" }))
            )
            let fit = try EncoderFit(
                [("x", column)],
                for: .slots,
                encodings: ["x": .hash(.init(buckets: buckets))],
                times: times
            )
            let found = try #require(fit.collisions.first)
            func bucket(_ key: String) -> Int {
                Int(MurmurHash3.hash(Array("x=\(key)".utf8)[...])) % buckets
            }
            let keys = Set(values.compactMap(\.self))
            let sharing = keys.filter { key in keys.contains { $0 != key && bucket($0) == bucket(key) } }
            func rows(_ key: String) -> Int { values.count { $0 == key } }
            #expect(found.keys == keys.count && found.sharingKeys == sharing.count, "seed \(seed)")
            #expect(
                found.sharingRows == sharing.reduce(0) { $0 + rows($1) } && found.rows == values.count { $0 != nil }
            )
            var worst = 0
            for one in keys {
                for other in keys where one < other && bucket(one) == bucket(other) {
                    worst = max(worst, min(rows(one), rows(other)))
                }
            }
            #expect(found.worstRows == worst && found.worst.isEmpty == (worst == 0), "seed \(seed)")
            if let newest = times.compactMap(\.self).max() {
                let fresh = keys.filter { key in
                    let seen = values.indices.filter { values[$0] == key }.compactMap { times[$0] }
                    return (seen.min() ?? 0) > newest - 7 * 86_400_000_000
                }
                #expect(found.newAWeek == fresh.count, "seed \(seed)")
            }
        }
    }

    @Test func `what is expected is what random hashes have`() {
        for (keys, buckets) in [(100, 1_024), (1_000, 16_384), (4_000, 38_352)] {
            var random = SeededRandom(seed: UInt64(keys))
            let draws = 200_000 / keys
            var sum = 0.0
            for _ in 0..<draws {
                var counts: [Int: Int] = [:]
                for _ in 0..<keys { counts[random.int(0...buckets - 1), default: 0] += 1 }
                sum += Double(counts.values.filter { $0 > 1 }.reduce(0, +)) / Double(keys)
            }
            let expected = 1 - PortableMath.exp(Double(keys - 1) * PortableMath.log1p(-1 / Double(buckets)))
            // 4 standard deviations of the mean of the draws, at most.
            #expect(
                abs(sum / Double(draws) - expected) < 4 * 0.05 / Double(draws).squareRoot(),
                "\(keys) of \(buckets)"
            )
        }
    }

    @Test func `ten percent is reached at m divided by 9.49`() throws {
        let fit = try EncoderFit(
            [("x", Column(type: .int64, values: .int64(Array(0..<1_000))))],
            for: .slots,
            encodings: ["x": .hash(.init(buckets: 65_536))]
        )
        let found = try #require(fit.collisions.first)
        #expect(found.keysAtTenPercent == 6_905 && found.suggestedBuckets == 16_384)
        #expect(abs(found.expected - 0.01513) < 1e-5)
    }
}
