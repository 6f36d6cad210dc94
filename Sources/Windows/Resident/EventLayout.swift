package import Features
import PointInTime

/// How an event of a view lies in memory, so that windows over it can be computed: what they use of it, and nothing else.
///
///     0    event time, µs since 1970-01-01 UTC                          Int64
///     8    identity: an int64 id, or where its bytes lie                Int64, UInt32
///     …    flags: one bit a column, 1 = null, then one a condition, 1 = the event meets it
///     …    values, each of its width; of texts, lists and vectors where their bytes lie: UInt32
///
/// Nothing is aligned. Bytes lie behind one another in a piece of memory of each ``EventBlock``.
package struct EventLayout: Sendable {
    struct Column: Sendable, Hashable {
        let name: String
        let type: FeatureType
        let offset: Int
    }

    /// What tiles have a sum of: a column's values, or the events, of those that meet a condition.
    struct Measure: Sendable, Hashable {
        var column: Int?
        var condition: Int?
    }

    let columns: [Column]
    /// Normalized texts.
    let conditions: [String]
    /// For each of ``conditions`` a window that has it.
    private let windows: [EventWindow]
    /// Whether an event's identity is one int64; else it is bytes, which order events as their ids and other keys do.
    let isIntegerIdentity: Bool
    private(set) var measures: [Measure] = []
    let flagsOffset: Int
    let flagBytes: Int
    let stride: Int
    /// Where records refer to bytes.
    let byteOffsets: [Int]
    /// How far back windows go, µs; `nil` = as far as there are events.
    package let reach: Int64?
    /// How many of the view's keys are the windows'; the others are part of an event's identity.
    package let keyCount: Int
    /// Events of a block at most. One with a quarter is put together with its neighbour where both have room in one.
    var blockRows = 256
    /// Blocks of a group at most, likewise.
    var groupBlocks = 64
    /// Of bytes that lie together: what 32 bits can refer to.
    var bytesMax = Int(UInt32.max) - 1

    /// Bits of ``flagsOffset``.
    private static let flagsMax = 64

    /// - Parameters:
    ///   - windows: over the events of one view.
    ///   - keyCount: of the windows.
    ///   - identity: types of what tells events of one key and time apart: the id, then the keys that are not the window's.
    ///   - type: of a feature or key of the events.
    /// - Returns: `nil` where windows use more columns and conditions than an event has flags for.
    package init?(
        _ windows: [EventWindow],
        keyCount: Int = 1,
        identity: [FeatureType],
        type: (String) -> FeatureType
    ) {
        self.keyCount = keyCount
        var conditions: [String: EventWindow] = [:]
        var names: Set<String> = []
        var reach: Int64? = 0
        for window in windows {
            if let condition = window.definition.filter?.text { conditions[condition] = window }
            if let column = window.definition.column { names.insert(column) }
            reach = window.definition.reach.flatMap { length in reach.map { max($0, length.microseconds) } }
        }
        self.reach = reach
        let texts = conditions.keys.sorted()
        self.conditions = texts
        self.windows = texts.compactMap { conditions[$0] }
        isIntegerIdentity = identity == [.int64]
        let sorted = names.sorted()
        guard sorted.count + texts.count <= Self.flagsMax else { return nil }
        flagsOffset = 8 + (isIntegerIdentity ? 8 : 4)
        let bits = sorted.count + texts.count
        flagBytes = bits == 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : 8
        var end = flagsOffset + flagBytes
        var columns: [Column] = []
        for name in sorted {
            let type = type(name)
            columns.append(Column(name: name, type: type, offset: end))
            end += Self.width(type)
        }
        self.columns = columns
        stride = end
        byteOffsets = (isIntegerIdentity ? [] : [8]) + columns.filter { Self.isBytes($0.type) }.map(\.offset)
        for window in windows { add(measureOf(window)) }
    }

    /// The events themselves are counted, too, since their newest one is asked for.
    private mutating func add(_ measure: Measure) {
        for measure in [measure, Measure(column: nil, condition: measure.condition)]
        where !measures.contains(measure) && measure != Measure(column: nil, condition: nil) {
            measures.append(measure)
        }
    }

    /// What a window is computed of.
    func measureOf(_ window: EventWindow) -> Measure {
        Measure(
            column: window.definition.column.flatMap { name in columns.firstIndex { $0.name == name } },
            condition: window.definition.filter.flatMap { conditions.firstIndex(of: $0.text) }
        )
    }

    private static func width(_ type: FeatureType) -> Int {
        switch type {
        case .bool: 1
        case .int32, .float32, .string, .bytes, .vector, .listInt64, .listString: 4
        case .int64, .float64, .timestamp: 8
        }
    }

    /// Of a column whose values have bytes of their own.
    static func isBytes(_ type: FeatureType) -> Bool {
        switch type {
        case .string, .bytes, .vector, .listInt64, .listString: true
        case .bool, .int32, .int64, .float32, .float64, .timestamp: false
        }
    }

    /// Whether it has all that windows need.
    package func covers(_ windows: [EventWindow]) -> Bool {
        windows.allSatisfy { window in
            let measure = measureOf(window)
            return (window.definition.column == nil) == (measure.column == nil)
                && (window.definition.filter == nil) == (measure.condition == nil)
        }
    }

    /// The bits that an event has as it meets conditions, for each of some events.
    func conditionBits(rowCount: Int, column: (String) -> PointInTime.Column) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: rowCount)
        for (place, window) in windows.enumerated() {
            let flag: UInt64 = 1 << UInt64(columns.count + place)
            guard let counted = window.counted(rowCount: rowCount, column: column) else { continue }
            for row in 0..<rowCount where counted[row] { bits[row] |= flag }
        }
        return bits
    }

    func conditionFlag(_ condition: Int) -> UInt64 { 1 << UInt64(columns.count + condition) }

    /// Names of the features and keys of events that memory is filled from, beside their identity.
    package var names: [String] {
        Set(columns.map(\.name) + windows.flatMap(\.names)).subtracting([FeatureColumn.eventTimeName]).sorted()
    }
}

extension EventLayout: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.columns == right.columns && left.conditions == right.conditions && left.measures == right.measures
            && left.isIntegerIdentity == right.isIntegerIdentity && left.reach == right.reach
            && left.keyCount == right.keyCount
    }
}
