/// What the values of a feature should be like: checked where rows are written, whatever they come from.
///
/// A null passes ``min``, ``max`` and ``allowed``: ``nullsMax`` is about nulls. NaN lies within no bounds. Rows that are
/// stored already are never looked at, and tombstones have no values.
package struct Expectations: Hashable, Sendable {
    /// Inclusive, of the feature's type.
    package var min: Value?
    /// Inclusive, of the feature's type.
    package var max: Value?
    /// The only values that pass, of the feature's type; `nil` = any does.
    package var allowed: [Value]?
    /// How many of a batch's rows may be null; `nil` = all. With none each null row fails by itself; another share is
    /// judged of batches with ``DefinitionLimits/judgedRowsMin`` rows or more.
    package var nullsMax: Share?
    package var action: Action

    /// What becomes of a value that fails.
    package enum Action: String, Hashable, Sendable, CaseIterable {
        /// Its row is not stored, as with a value of another type.
        case reject
        /// It is stored, counted and told of.
        case warn
        /// Nothing of its batch is stored, even where bad rows are skipped.
        case stop
    }

    package init(
        min: Value? = nil,
        max: Value? = nil,
        allowed: [Value]? = nil,
        nullsMax: Share? = nil,
        action: Action = .reject
    ) {
        self.min = min
        self.max = max
        self.allowed = allowed
        self.nullsMax = nullsMax
        self.action = action
    }

    /// Whether a null fails by itself.
    package var refusesNull: Bool { nullsMax == .zero }

    /// Whether each batch's nulls are counted, so that their share is known over several batches.
    package var countsNulls: Bool { nullsMax.map { $0 > .zero } ?? false }

    /// Whether a batch has more nulls than it may. One null is never too many: it may be the rare one that was meant.
    package func areTooMany(nulls: Int, of rows: Int) -> Bool {
        guard countsNulls, let nullsMax, rows >= DefinitionLimits.judgedRowsMin, nulls > 1 else { return false }
        return nullsMax.isExceeded(by: nulls, of: rows)
    }

    /// Whether a value is as expected: the rule, value by value; columns are checked by loops that are tested against it.
    ///
    /// - Parameter value: of the feature's type, or null.
    package func accepts(_ value: Value) -> Bool {
        if case .null = value { return !refusesNull }
        if let allowed, !allowed.contains(where: { Self.areSame($0, value) }) { return false }
        switch value {
        case .int32(let number): return isWithin(number) { if case .int32(let bound) = $0 { bound } else { nil } }
        case .int64(let number): return isWithin(number) { if case .int64(let bound) = $0 { bound } else { nil } }
        case .float32(let number): return isWithin(number) { if case .float32(let bound) = $0 { bound } else { nil } }
        case .float64(let number): return isWithin(number) { if case .float64(let bound) = $0 { bound } else { nil } }
        case .timestamp(let time): return isWithin(time) { if case .timestamp(let bound) = $0 { bound } else { nil } }
        case .null, .bool, .string, .bytes, .vector, .listInt64, .listString: return true
        }
    }

    /// Strings are what their bytes are, as in PostgreSQL: an accent by itself is not the letter that has it.
    private static func areSame(_ left: Value, _ right: Value) -> Bool {
        if case .string(let left) = left, case .string(let right) = right { return left.utf8.elementsEqual(right.utf8) }
        return left == right
    }

    private func isWithin<Number: Comparable>(_ number: Number, _ unboxed: (Value) -> Number?) -> Bool {
        if let low = min.flatMap(unboxed), !(number >= low) { return false }
        if let high = max.flatMap(unboxed), !(number <= high) { return false }
        return true
    }
}

/// A part of a whole, from 0 % to 100 %, exact to a millionth.
package struct Share: Hashable, Comparable, Sendable {
    package var millionths: Int

    package init(millionths: Int) { self.millionths = millionths }

    package static let zero = Share(millionths: 0)

    package static func < (left: Share, right: Share) -> Bool { left.millionths < right.millionths }

    /// `5%`, `0.25%`: a decimal number of percent with at most four places.
    /// - Returns: `nil` where `text` is something else, or more than 100 %.
    package init?(text: String) {
        guard text.hasSuffix("%") else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isDigit) }),
            let whole = Int(parts[0]), whole <= 100
        else { return nil }
        var millionths = whole * 10_000
        if parts.count == 2 {
            guard parts[1].count <= 4, let places = Int(parts[1] + String(repeating: "0", count: 4 - parts[1].count))
            else { return nil }
            millionths += places
        }
        guard millionths <= 1_000_000 else { return nil }
        self.init(millionths: millionths)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    package var text: String {
        let places = millionths % 10_000
        guard places > 0 else { return "\(millionths / 10_000)%" }
        let digits = String(10_000 + places).dropFirst()
        let end = digits.lastIndex { $0 != "0" } ?? digits.startIndex
        return "\(millionths / 10_000).\(digits[...end])%"
    }

    /// Whether `part` is more of `whole` than this share. Exact for counts of rows that a store can have.
    package func isExceeded(by part: Int, of whole: Int) -> Bool {
        // As 128-bit products, which cannot overflow.
        let left = part.multipliedFullWidth(by: 1_000_000)
        let right = whole.multipliedFullWidth(by: millionths)
        return (left.high, left.low) > (right.high, right.low)
    }
}
