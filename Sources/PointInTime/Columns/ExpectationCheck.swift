package import Features

/// The expectations of a view's features, in the form in which whole columns are checked: the one check of everything
/// that writes rows.
///
/// It says the same as ``Expectations/accepts(_:)`` of each value by itself, which is what tests hold it to.
package struct ExpectationCheck: Sendable {
    /// A feature that has expectations.
    package struct Feature: Sendable {
        /// Among the view's features.
        package let place: Int
        package let name: String
        package let expectations: Expectations
        package let isPII: Bool
        fileprivate let allowed: Allowed?
    }

    /// In the order of the view's features; empty where the view expects nothing.
    package let features: [Feature]

    package init(_ view: ViewDefinition) {
        features = view.features.enumerated().compactMap { place, feature in
            guard let expectations = feature.expectations else { return nil }
            return Feature(
                place: place,
                name: feature.name,
                expectations: expectations,
                isPII: feature.isPII,
                allowed: expectations.allowed.map(Allowed.init)
            )
        }
    }

    package var isEmpty: Bool { features.isEmpty }

    /// What was found in a batch of rows.
    package struct Outcome: Sendable {
        /// Rows that are no tombstones.
        package var rows = 0
        /// One for each of ``ExpectationCheck/features``; none where there are no rows to look at.
        package var features: [Found] = []

        package init() {}
    }

    package struct Found: Sendable, Hashable {
        /// Rows whose value is null.
        package var nulls = 0
        /// Rows whose value is not as expected, ascending; nulls only where none may be.
        package var failed: [Int32] = []

        package init() {}
    }

    /// Checks columns of equal length.
    ///
    /// - Parameters:
    ///   - columns: one for each of ``features``, of its type; of a feature with nothing but ``Expectations/nullsMax`` only
    ///     the nulls count, so that a column of another type will do.
    ///   - isDeleted: bools without nulls; true = the row is a tombstone, whose values nobody looks at.
    /// - Complexity: O(rows × features), a comparison or two each; of allowed values a look-up in a hash table.
    package func run(_ columns: [Column], isDeleted: Column?, rowCount: Int) -> Outcome {
        var outcome = Outcome()
        guard !features.isEmpty, rowCount > 0 else { return outcome }
        var tombstones: [Bool]?
        if case .bool(let flags)? = isDeleted?.values, flags.contains(true) { tombstones = flags }
        outcome.rows = rowCount - (tombstones?.count { $0 } ?? 0)
        outcome.features = zip(features, columns).map { Self.check($1, $0, tombstones) }
        return outcome
    }

    private static func check(_ column: Column, _ feature: Feature, _ tombstones: [Bool]?) -> Found {
        var found = Found()
        let expectations = feature.expectations
        if expectations.min != nil || expectations.max != nil { outside(column, expectations, &found.failed) }
        if let allowed = feature.allowed { unlisted(column, allowed, &found.failed) }
        // The slots of nulls and tombstones hold something, too.
        if column.validity != nil || tombstones != nil {
            found.failed.removeAll { column.isNull(Int($0)) || tombstones?[Int($0)] == true }
        }
        if let validity = column.validity {
            for row in validity.indices where !validity[row] && tombstones?[row] != true {
                found.nulls += 1
                if expectations.refusesNull { found.failed.append(Int32(row)) }
            }
        }
        if expectations.refusesNull && found.nulls > 0 { found.failed.sort() }
        return found
    }

    // MARK: Bounds

    private static func outside(_ column: Column, _ expectations: Expectations, _ failed: inout [Int32]) {
        let (min, max) = (expectations.min, expectations.max)
        switch column.values {
        case .int32(let values): outside(values, min?.int32 ?? .min, max?.int32 ?? .max, &failed)
        case .int64(let values): outside(values, min?.int64 ?? .min, max?.int64 ?? .max, &failed)
        case .float32(let values): outside(values, min?.float32 ?? -.infinity, max?.float32 ?? .infinity, &failed)
        case .float64(let values): outside(values, min?.float64 ?? -.infinity, max?.float64 ?? .infinity, &failed)
        case .bool, .text, .vector, .listInt64, .listString: break
        }
    }

    /// NaN is neither at least `low` nor at most `high`.
    private static func outside<Number: Comparable>(
        _ values: [Number],
        _ low: Number,
        _ high: Number,
        _ failed: inout [Int32]
    ) {
        for row in values.indices where !(values[row] >= low && values[row] <= high) { failed.append(Int32(row)) }
    }

    // MARK: Lists

    /// The values that a feature may have.
    fileprivate enum Allowed: Sendable {
        case bools(Set<Bool>)
        case integers(Set<Int64>)
        case texts(Set<ArraySlice<UInt8>>)

        init(_ values: [Value]) {
            var bools: Set<Bool> = []
            var integers: Set<Int64> = []
            var texts: Set<ArraySlice<UInt8>> = []
            for value in values {
                switch value {
                case .bool(let value): bools.insert(value)
                case .int32(let value): integers.insert(Int64(value))
                case .int64(let value): integers.insert(value)
                case .string(let value): texts.insert(ArraySlice(value.utf8))
                case .null, .float32, .float64, .bytes, .timestamp, .vector, .listInt64, .listString:
                    preconditionFailure("a definition lists bools, integers or strings")
                }
            }
            self = !texts.isEmpty ? .texts(texts) : !integers.isEmpty ? .integers(integers) : .bools(bools)
        }
    }

    /// Appends what is not listed, ascending; a row may be there already.
    private static func unlisted(_ column: Column, _ allowed: Allowed, _ failed: inout [Int32]) {
        let before = failed
        switch (column.values, allowed) {
        case (.bool(let values), .bools(let set)):
            for row in values.indices where !set.contains(values[row]) { failed.append(Int32(row)) }
        case (.int32(let values), .integers(let set)):
            for row in values.indices where !set.contains(Int64(values[row])) { failed.append(Int32(row)) }
        case (.int64(let values), .integers(let set)):
            for row in values.indices where !set.contains(values[row]) { failed.append(Int32(row)) }
        case (.text(let values), .texts(let set)):
            for row in 0..<values.count where !set.contains(values[row]) { failed.append(Int32(row)) }
        default: break
        }
        if !before.isEmpty, failed.count > before.count { failed = Set(failed).sorted() }
    }
}

extension Value {
    fileprivate var int32: Int32? { if case .int32(let value) = self { value } else { nil } }
    fileprivate var int64: Int64? {
        switch self {
        case .int64(let value): value
        case .timestamp(let time): time.microseconds
        default: nil
        }
    }
    fileprivate var float32: Float? { if case .float32(let value) = self { value } else { nil } }
    fileprivate var float64: Double? { if case .float64(let value) = self { value } else { nil } }
}
