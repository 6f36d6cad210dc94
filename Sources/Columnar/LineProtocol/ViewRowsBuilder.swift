import Features
import PointInTime
import Wire

/// The rows of one view under construction.
struct ViewRowsBuilder {
    let definition: ViewDefinition
    /// The view's place among those that ``LineRows`` was given.
    let number: Int
    let name: [UInt8]
    /// Of a row's values, without texts and elements of lists.
    let rowBytes: Int
    private let isMissingNull: Bool
    private let ignoresExtra: Bool
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

    init(_ definition: ViewDefinition, number: Int, ignoresExtra: Bool) {
        self.definition = definition
        self.ignoresExtra = ignoresExtra
        self.number = number
        name = Array(definition.name.utf8)
        isMissingNull = definition.missing == .null
        keyNames = KeyOrder(keys: definition.keys.map { Array($0.name.utf8) })
        featureNames = KeyOrder(keys: definition.features.map { Array($0.name.utf8) })
        // A value's slot and its flag; two more slots are the row's time and place.
        rowBytes = definition.features.reduce(16 + 9 * definition.keys.count) { bytes, feature in
            guard case .vector(let dimensions) = feature.type else { return bytes + 9 }
            return bytes + 4 * dimensions + 1
        }
        start()
    }

    private mutating func start() {
        keys = definition.keys.map { ColumnBuilder(type: $0.type.featureType) }
        features = definition.features.map { ColumnBuilder(type: $0.type) }
        times = ColumnBuilder(type: .timestamp)
        offsets = []
        keyTags = Array(repeating: -1, count: keys.count)
        featureSources = Array(repeating: -1, count: features.count)
    }

    mutating func take() -> LineViewRows {
        defer { start() }
        let count = offsets.count
        return LineViewRows(
            view: number,
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
        time: RoundedTime,
        _ hints: inout HintBudget
    ) throws(LineProtocolError) {
        try match(point, bytes, &hints)
        var (keysDone, featuresDone) = (0, 0)
        do throws(LineProtocolError) {
            while keysDone < keys.count {
                try appendKey(keysDone, point, bytes)
                keysDone += 1
            }
            while featuresDone < features.count {
                try appendFeature(featuresDone, point, bytes)
                featuresDone += 1
            }
        } catch {
            // The one at work may have half a value.
            for index in keys.indices.prefix(keysDone + 1) { keys[index].truncate(to: offsets.count) }
            for index in features.indices.prefix(featuresDone + 1) { features[index].truncate(to: offsets.count) }
            throw error
        }
        times.append(time)
        offsets.append(offset)
    }

    /// Finds the key or feature that each tag and field names.
    private mutating func match(
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        _ hints: inout HintBudget
    ) throws(LineProtocolError) {
        for index in keyTags.indices { keyTags[index] = -1 }
        for index in featureSources.indices { featureSources[index] = -1 }
        for (index, tag) in point.tags.enumerated() {
            if let key = keyNames.find(Self.field(tag.key), in: bytes, at: index) {
                keyTags[key] = index
            } else if let feature = featureNames.find(Self.field(tag.key), in: bytes, at: index),
                definition.features[feature].type == .string
            {
                featureSources[feature] = -2 - index
            } else if !ignoresExtra || featureNames.number(of: bytes.extracting(tag.key.range)) != nil {
                throw unknown(tag: tag.key, point, bytes, &hints)
            }
        }
        for (index, field) in point.fields.enumerated() {
            guard let feature = featureNames.find(Self.field(field.key), in: bytes, at: index) else {
                if ignoresExtra, keyNames.number(of: bytes.extracting(field.key.range)) == nil { continue }
                throw unknown(field: field.key, point, bytes, &hints)
            }
            guard featureSources[feature] >= -1 else {
                let reason = "the feature is there as a tag, too"
                throw point.error(at: field.key.range.lowerBound, reason, .feature, in: bytes)
            }
            featureSources[feature] = index
        }
    }

    /// Names of keys and features have no character that is escaped, so that an escaped name finds nothing.
    private static func field(_ part: LinePart) -> Field {
        Field(start: UInt32(part.range.lowerBound), end: UInt32(part.range.upperBound), kind: .string)
    }

    private func unknown(
        tag: LinePart,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        _ hints: inout HintBudget
    ) -> LineProtocolError {
        let name = tag.shown(in: bytes)
        let hint = hints.hint(for: name, count: definition.keys.count + definition.features.count) {
            definition.keys.map(\.name) + definition.features.filter { $0.type == .string }.map(\.name)
        }
        let reason = "view '\(definition.name)' has no tag '\(name)'\(hint)"
        return point.error(at: tag.range.lowerBound, reason, .feature, in: bytes)
    }

    private func unknown(
        field: LinePart,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        _ hints: inout HintBudget
    ) -> LineProtocolError {
        let name = field.shown(in: bytes)
        let isKey = keyNames.number(of: bytes.extracting(field.range)) != nil
        let hint =
            isKey
            ? "; it is an entity key, which is a tag"
            : hints.hint(for: name, count: definition.features.count) { definition.features.map(\.name) }
        let reason = "view '\(definition.name)' has no field '\(name)'\(hint)"
        return point.error(at: field.range.lowerBound, reason, .feature, in: bytes)
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
            case .int64: keys[index].int64s.append(try ValueText.integer(text.span))
            case .string: try FieldDecoder.append(text.span, to: &keys[index])
            }
            keys[index].validity.append(true)
        } catch {
            throw badValue(part.range, "tag '\(key.name)'", key.type.featureType, error.reason, .entity, point, bytes)
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
            let what = "\(isTag ? "tag" : "field") '\(feature.name)'"
            guard !feature.isPII else {
                let got = Expectations.hiddenValue
                let text = "\(what): expected \(feature.type.text), got \(got): \(reason)"
                throw point.error(at: range.lowerBound, text, fault, in: bytes)
            }
            throw badValue(range, what, feature.type, reason, fault, point, bytes)
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
        _ what: String,
        _ type: FeatureType,
        _ reason: String,
        _ fault: LineProtocolError.Kind,
        _ point: DecodedLine,
        _ bytes: Span<UInt8>
    ) -> LineProtocolError {
        // Safe: the pointer is used only within the closure.
        let text = bytes.extracting(range).withUnsafeBufferPointer { ColumnarError.shown($0) }
        let reason = "\(what): expected \(type.text), got '\(text)': \(reason)"
        return point.error(at: range.lowerBound, reason, fault, in: bytes)
    }
}
