import Features
import PointInTime
import TestSupport
import Testing

@testable import Online

/// Columns as packed rows.
@Suite struct PackedColumnsTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `packed rows have the values of the columns, whatever their types and lengths`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let types: [FeatureType] = [
            .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(3), .listInt64, .listString,
        ]
        let features = (0..<random.int(1...20)).map {
            FeatureDefinition(name: "f\($0)", type: random.pick(types))
        }
        let layout = RowLayout(keys: [KeyColumn(name: "_row", type: .int64)], features: features)
        let rowCount = random.int(0...40)
        let values = features.map { feature in
            (0..<rowCount).map { _ -> Value in
                switch (feature.type, random.int(0...5)) {
                case (_, 0): .null
                // At the border between slot and heap, and far beyond it.
                case (.string, 1): .string(String(repeating: "x", count: random.pick([14, 15, 16, 300])))
                case (.bytes, 1): .bytes([UInt8](repeating: 7, count: random.pick([0, 15, 16, 300])))
                case (.listString, 1):
                    .listString((0..<random.int(0...3)).map { String(repeating: "é", count: $0 * 9) })
                default: random.value(feature.type)
                }
            }
        }
        let columns = zip(features, values).map { Column(type: $0.type, $1) }
        let packed = PackedColumns(columns, layout: layout, rowCount: rowCount, eventTime: 77)
        for row in 0..<rowCount {
            #expect(packed.row(row).eventTime == 77 && !packed.row(row).isDeleted)
            for place in features.indices {
                let got = packed.row(row).value(place, layout)
                // NaN is not equal to itself; its text is.
                #expect(got.text == values[place][row].text, "seed \(seed), row \(row), \(features[place].type.text)")
            }
        }
    }
}
