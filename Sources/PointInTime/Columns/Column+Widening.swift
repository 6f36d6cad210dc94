package import Features

/// A value that the narrower type, which somebody asks for, does not have.
package struct TooNarrow: Error, Sendable, Hashable {
    package let row: Int
    package let value: Value
    package let type: FeatureType
}

extension Column {
    /// The same values in a type that the column's widens to.
    ///
    /// - Precondition: ``FeatureType/isShown(of:)`` says so; integers are within ``Widening/exactIntegerMax``, as they were
    ///   when the type was changed.
    package func widened(to type: FeatureType) -> Column {
        let wider: Values
        switch (values, type) {
        case (.int32(let values), .int64): wider = .int64(values.map { Int64($0) })
        case (.int32(let values), .float64): wider = .float64(values.map { Double($0) })
        case (.int64(let values), .float64): wider = .float64(values.map { Double($0) })
        case (.float32(let values), .float64): wider = .float64(values.map { Double($0) })
        default: return self
        }
        return Column(type: type, validity: validity, values: wider)
    }

    /// The same values in a type that widens to the column's: what was stored before the type was changed, as it was.
    ///
    /// Integers are exact; a float32 is the nearest one, as where a text is stored in it.
    /// - Throws: ``TooNarrow`` for the first value that the type does not have: an integer beyond it, a fraction, a float
    ///   beyond the largest or the least float32.
    package func narrowed(to type: FeatureType) throws(TooNarrow) -> Column {
        if type == self.type { return self }
        let narrower: Values
        switch (values, type) {
        case (.int64(let values), .int32): narrower = .int32(try each(values, 0, type) { Int32(exactly: $0) })
        case (.float64(let values), .int32): narrower = .int32(try each(values, 0, type) { Int32(exactly: $0) })
        case (.float64(let values), .int64): narrower = .int64(try each(values, 0, type, Self.exactInteger))
        case (.float64(let values), .float32): narrower = .float32(try each(values, 0, type, Self.nearestFloat))
        default: return self
        }
        return Column(type: type, validity: validity, values: narrower)
    }

    private func each<Wide, Narrow>(
        _ values: [Wide],
        _ zero: Narrow,
        _ type: FeatureType,
        _ narrow: (Wide) -> Narrow?
    ) throws(TooNarrow) -> [Narrow] {
        var narrower: [Narrow] = []
        narrower.reserveCapacity(values.count)
        for row in values.indices {
            guard !isNull(row) else {
                narrower.append(zero)
                continue
            }
            guard let value = narrow(values[row]) else {
                throw TooNarrow(row: row, value: self.value(row), type: type)
            }
            narrower.append(value)
        }
        return narrower
    }

    private static func exactInteger(_ value: Double) -> Int64? {
        // Beyond, several integers are one float64.
        guard let integer = Int64(exactly: value), integer.magnitude <= UInt64(Widening.exactIntegerMax) else {
            return nil
        }
        return integer
    }

    private static func nearestFloat(_ value: Double) -> Float? {
        let nearest = Float(value)
        return (nearest.isInfinite && value.isFinite) || (nearest == 0 && value != 0) ? nil : nearest
    }
}
