package import Features
package import PointInTime
package import Wire

/// Rows of one view that came as line protocol.
package struct LineViewRows: Sendable {
    /// The view's place among those that ``LineRows`` was given.
    package var view: Int
    /// In the order of the view's keys; of a global view one column of zeros.
    package var keys: [Column]
    package var eventTimes: Column
    /// In the order of the view's features.
    package var features: [Column]
    /// Each row's place among the points, ascending.
    package var offsets: [Int]
}

/// Turns decoded points into rows of the views that they name: measurement = view, tags = entity keys, fields = features.
///
/// A tag also names a feature of type string. An integer becomes a float where that is exact, never the reverse.
/// `bytes`, `timestamp`, `vector` and `list` features are written as strings, as they are in CSV. A feature that a point
/// lacks is an error unless the view allows null. A point that is refused leaves nothing behind.
package struct LineRows {
    private var views: [ViewRowsBuilder]
    /// Of the points' times, and of integers in `timestamp` features.
    private let times: TimeReading
    private var last = 0
    private var scratch: [UInt8] = []

    /// - Parameters:
    ///   - precision: the unit of the points' times.
    ///   - allowsEarly1970: as in ``TimeReading``.
    package init(views: [ViewDefinition], precision: TimeUnit, allowsEarly1970: Bool = false) {
        self.views = views.map { ViewRowsBuilder($0) }
        times = TimeReading(unit: precision, rounding: .up, allowsEarly1970: allowsEarly1970)
    }

    /// Appends a point's row.
    /// - Parameters:
    ///   - bytes: what the point was decoded from.
    ///   - offset: the point's place, for ``LineViewRows/offsets``.
    ///   - now: µs since 1970-01-01 UTC, for a point without a time.
    /// - Throws: ``LineProtocolError`` naming what is known, where something is not.
    package mutating func append(
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        offset: Int,
        now: Int64
    ) throws(LineProtocolError) {
        scratch.removeAll(keepingCapacity: true)
        point.measurement.append(from: bytes, to: &scratch)
        // Points of one view mostly follow one another.
        if last >= views.count || views[last].name != scratch {
            guard let index = views.firstIndex(where: { $0.name == scratch }) else {
                let name = String(decoding: scratch, as: UTF8.self)
                throw point.error(
                    at: point.measurement.range.lowerBound,
                    "there is no view '\(name)'\(Name.hint(for: name, among: views.map(\.definition.name)))",
                    .view,
                    in: bytes
                )
            }
            last = index
        }
        var time = RoundedTime(microseconds: now)
        if let given = point.time {
            do throws(ValueTextError) {
                time = try times.time(integer: given)
            } catch {
                let text = "the time \(given)\(times.unit.map { " \($0.rawValue)" } ?? ""): \(error.reason)"
                throw point.error(at: point.range.lowerBound, text, .time, in: bytes)
            }
        }
        try views[last].append(point, bytes, offset: offset, time: time)
    }

    /// The rows so far, for each view that has any; then there are none.
    package mutating func take() -> [LineViewRows] {
        var taken: [LineViewRows] = []
        for index in views.indices where !views[index].offsets.isEmpty { taken.append(views[index].take(view: index)) }
        return taken
    }
}

/// The rows of one view under construction.
private struct ViewRowsBuilder {
    let definition: ViewDefinition
    let name: [UInt8]
    private let isMissingNull: Bool
    private var keyNames: KeyOrder
    private var featureNames: KeyOrder
    private var keys: [ColumnBuilder] = []
    private var features: [ColumnBuilder] = []
    private var times = ColumnBuilder(type: .timestamp)
    private(set) var offsets: [Int] = []
    /// For the point at work: which tag is each key, which field each feature; -1 = none yet. Tags count from -2 down.
    private var keyTags: [Int] = []
    private var featureSources: [Int] = []
    private var scratch: [UInt8] = []

    init(_ definition: ViewDefinition) {
        self.definition = definition
        name = Array(definition.name.utf8)
        isMissingNull = definition.missing == .null
        keyNames = KeyOrder(keys: definition.keys.map { Array($0.name.utf8) })
        featureNames = KeyOrder(keys: definition.features.map { Array($0.name.utf8) })
        start()
    }

    private mutating func start() {
        keys = definition.keys.map { ColumnBuilder(type: $0.type.featureType) }
        features = definition.features.map { ColumnBuilder(type: $0.type) }
        times = ColumnBuilder(type: .timestamp)
        offsets = []
    }

    mutating func take(view: Int) -> LineViewRows {
        defer { start() }
        let count = offsets.count
        return LineViewRows(
            view: view,
            keys: keys.isEmpty
                ? [Column(type: .int64, values: .int64(Array(repeating: 0, count: count)))] : keys.map { $0.finish() },
            eventTimes: times.finish(),
            features: features.map { $0.finish() },
            offsets: offsets
        )
    }

    mutating func append(
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        offset: Int,
        time: RoundedTime
    ) throws(LineProtocolError) {
        do throws(LineProtocolError) {
            try match(point, bytes)
            for index in keys.indices { try appendKey(index, point, bytes) }
            for index in features.indices { try appendFeature(index, point, bytes) }
        } catch {
            for index in keys.indices { keys[index].truncate(to: offsets.count) }
            for index in features.indices { features[index].truncate(to: offsets.count) }
            throw error
        }
        times.append(time)
        offsets.append(offset)
    }

    /// Finds the key or feature that each tag and field names.
    private mutating func match(_ point: DecodedLine, _ bytes: Span<UInt8>) throws(LineProtocolError) {
        keyTags = Array(repeating: -1, count: keys.count)
        featureSources = Array(repeating: -1, count: features.count)
        for (index, tag) in point.tags.enumerated() {
            if let key = keyNames.find(Self.field(tag.key), in: bytes, at: index) {
                keyTags[key] = index
            } else if let feature = featureNames.find(Self.field(tag.key), in: bytes, at: index),
                definition.features[feature].type == .string
            {
                featureSources[feature] = -2 - index
            } else {
                throw unknown("tag", tag.key, "", point, bytes)
            }
        }
        for (index, field) in point.fields.enumerated() {
            guard let feature = featureNames.find(Self.field(field.key), in: bytes, at: index) else {
                let isKey = keyNames.find(Self.field(field.key), in: bytes, at: 0) != nil
                throw unknown("field", field.key, isKey ? "; it is an entity key, which is a tag" : "", point, bytes)
            }
            guard featureSources[feature] >= -1 else {
                throw point.error(
                    at: field.key.range.lowerBound,
                    "the feature is there as a tag, too",
                    .feature,
                    in: bytes
                )
            }
            featureSources[feature] = index
        }
    }

    /// Names of keys and features have no character that is escaped, so that an escaped name finds nothing.
    private static func field(_ part: LinePart) -> Field {
        Field(start: UInt32(part.range.lowerBound), end: UInt32(part.range.upperBound), kind: .string)
    }

    private func unknown(
        _ kind: String,
        _ part: LinePart,
        _ hint: String,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>
    ) -> LineProtocolError {
        let name = part.text(in: bytes)
        let strings = definition.features.filter { $0.type == .string }.map(\.name)
        let known = kind == "tag" ? definition.keys.map(\.name) + strings : definition.features.map(\.name)
        let hint = hint.isEmpty ? Name.hint(for: name, among: known) : hint
        return point.error(
            at: part.range.lowerBound,
            "view '\(definition.name)' has no \(kind) '\(name)'\(hint)",
            .feature,
            in: bytes
        )
    }

    private mutating func appendKey(
        _ index: Int,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>
    ) throws(LineProtocolError) {
        let key = definition.keys[index]
        guard keyTags[index] >= 0 else {
            throw point.error(
                at: point.measurement.range.upperBound,
                "the entity key '\(key.name)' of view '\(definition.name)' is missing; it is a tag",
                .entity,
                in: bytes
            )
        }
        let part = point.tags[keyTags[index]].value
        scratch.removeAll(keepingCapacity: true)
        part.append(from: bytes, to: &scratch)
        let text = scratch
        do throws(ValueTextError) {
            switch key.type {
            case .int64: keys[index].int64s.append(try ValueText.int64(text.span))
            case .string: try FieldDecoder.append(text.span, to: &keys[index])
            }
            keys[index].validity.append(true)
        } catch {
            throw badValue(part.range, "tag", key.name, key.type.featureType, error.reason, .entity, point, bytes)
        }
    }

    private mutating func appendFeature(
        _ index: Int,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>
    ) throws(LineProtocolError) {
        let feature = definition.features[index]
        let source = featureSources[index]
        if source == -1 {
            guard isMissingNull else {
                throw point.error(
                    at: point.range.lowerBound,
                    "the feature '\(feature.name)' is missing; view '\(definition.name)' does not allow null for it",
                    .value,
                    in: bytes
                )
            }
            return features[index].appendNull()
        }
        let isTag = source < -1
        let range = isTag ? point.tags[-2 - source].value.range : point.fields[source].range
        do throws(ValueTextError) {
            let value = isTag ? LineValue.string(point.tags[-2 - source].value) : point.fields[source].value
            try append(value, range, bytes, to: index)
            features[index].validity.append(true)
        } catch {
            let reason = error == .malformed ? "it is of another type" : error.reason
            let fault: LineProtocolError.Kind = error == .malformed ? .type : .value
            throw badValue(range, isTag ? "tag" : "field", feature.name, feature.type, reason, fault, point, bytes)
        }
    }

    /// - Throws: ``ValueTextError/malformed`` for a value of another kind.
    private mutating func append(
        _ value: LineValue,
        _ range: Range<Int>,
        _ bytes: Span<UInt8>,
        to index: Int
    ) throws(ValueTextError) {
        switch (features[index].type, value) {
        case (.bool, .bool(let value)): features[index].bools.append(value)
        case (.int64, .int(let value)): features[index].int64s.append(value)
        case (.int64, .unsigned(let value)): features[index].int64s.append(try Self.exactly(Int64(exactly: value)))
        case (.int32, .int(let value)): features[index].int32s.append(try Self.exactly(Int32(exactly: value)))
        case (.int32, .unsigned(let value)): features[index].int32s.append(try Self.exactly(Int32(exactly: value)))
        case (.float64, .float(let value)): features[index].doubles.append(value)
        case (.float64, .int(let value)): features[index].doubles.append(try Self.exactly(Double(exactly: value)))
        case (.float64, .unsigned(let value)): features[index].doubles.append(try Self.exactly(Double(exactly: value)))
        // From the text, so that it is rounded once.
        case (.float32, .float): features[index].floats.append(try ValueText.float32(bytes.extracting(range)))
        case (.float32, .int(let value)): features[index].floats.append(try Self.exactly(Float(exactly: value)))
        case (.float32, .unsigned(let value)): features[index].floats.append(try Self.exactly(Float(exactly: value)))
        case (.timestamp, .string(let part)):
            unescape(part, bytes)
            features[index].int64s.append(try TimeReading().time(scratch.span).microseconds)
        case (.string, .string(let part)), (.bytes, .string(let part)), (.vector, .string(let part)),
            (.listInt64, .string(let part)), (.listString, .string(let part)):
            unescape(part, bytes)
            let text = scratch
            try FieldDecoder.append(text.span, to: &features[index])
        default: throw .malformed
        }
    }

    private mutating func unescape(_ part: LinePart, _ bytes: Span<UInt8>) {
        scratch.removeAll(keepingCapacity: true)
        part.append(from: bytes, to: &scratch)
    }

    private static func exactly<Number>(_ value: Number?) throws(ValueTextError) -> Number {
        guard let value else { throw .outOfRange }
        return value
    }

    private func badValue(
        _ range: Range<Int>,
        _ kind: String,
        _ name: String,
        _ type: FeatureType,
        _ reason: String,
        _ fault: LineProtocolError.Kind,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>
    ) -> LineProtocolError {
        var text: [UInt8] = []
        for index in range { text.append(bytes[index]) }
        return point.error(
            at: range.lowerBound,
            "\(kind) '\(name)': expected \(type.text), got '\(ColumnarError.shown(text))': \(reason)",
            fault,
            in: bytes
        )
    }
}
