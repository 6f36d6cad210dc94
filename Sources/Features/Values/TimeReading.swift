/// How times are read, one rule for files, lines, the command line and the server.
package struct TimeReading: Sendable, Hashable {
    /// Which way a time that is finer than µs moves, so that nothing is ever seen before it was true: events and what is
    /// known at a time move up, labels and requests down.
    package enum Rounding: Sendable, Hashable {
        case down, up
    }

    /// Of times given as integers; `nil` = they are refused.
    package var unit: TimeUnit?
    package var rounding = Rounding.down
    /// Whether integers may mean the first days of 1970, see ``DefinitionLimits/earlyUntilUs``.
    package var allowsEarly1970 = false

    package init(unit: TimeUnit? = nil, rounding: Rounding = .down, allowsEarly1970: Bool = false) {
        self.unit = unit
        self.rounding = rounding
        self.allowsEarly1970 = allowsEarly1970
    }

    /// RFC 3339 text, or a number of ``unit``: an integer, or a decimal as programs print seconds that are floats.
    package func time(_ text: Span<UInt8>) throws(ValueTextError) -> RoundedTime {
        do throws(TimestampTextError) {
            return try RoundedTime(text: text, rounding)
        } catch {
            guard error == .unitNeeded, let unit else { throw .time(error) }
            let integer: Int64
            do throws(ValueTextError) { integer = try ValueText.int64(text) } catch {
                guard error == .malformed else { throw error }
                return try checked(RoundedTime(decimal: text, unit, rounding), unit)
            }
            return try time(integer: integer)
        }
    }

    /// An integer of ``unit``.
    package func time(integer value: Int64) throws(ValueTextError) -> RoundedTime {
        guard let unit else { throw .time(.unitNeeded) }
        return try checked(RoundedTime(value, unit, rounding), unit)
    }

    private func checked(_ time: RoundedTime?, _ unit: TimeUnit) throws(ValueTextError) -> RoundedTime {
        guard let time, Timestamp(microseconds: time.microseconds).isInRange else { throw .time(.outOfRange) }
        if !allowsEarly1970, (0..<DefinitionLimits.earlyUntilUs).contains(time.microseconds) {
            throw .time(.early1970(unit))
        }
        return time
    }

    /// Why a time in the first days of 1970 is refused.
    package static func early1970Reason(_ unit: TimeUnit) -> String {
        """
        read in \(unit.rawValue), it lies in the first 100 days of 1970: so do times of today in a unit that is read as a \
        finer one. 2026-01-01 is 1767225600 in s, 1767225600000 in ms, 1767225600000000 in us. If the time is right, write it \
        as RFC 3339, or say --allow-1970 (ALLOW1970 in the server's commands that take it)
        """
    }
}

/// A time in µs, and how far it was moved to get there.
package struct RoundedTime: Sendable, Hashable {
    /// Since 1970-01-01 UTC.
    package var microseconds: Int64
    /// The distance to the finer time, 1 to 999 ns, at least 1 where it is less; 0 = the time was one of whole µs.
    package var movedNs: UInt16

    package init(microseconds: Int64, movedNs: UInt16 = 0) {
        self.microseconds = microseconds
        self.movedNs = movedNs
    }

    /// - Parameters:
    ///   - microseconds: floored.
    ///   - nanoseconds: what lies above it, 0 to 999.
    ///   - isFiner: whether there is still more, finer than ns.
    init(microseconds: Int64, nanoseconds: Int64, isFiner: Bool = false, _ rounding: TimeReading.Rounding) {
        guard nanoseconds > 0 || isFiner else {
            self.init(microseconds: microseconds)
            return
        }
        switch rounding {
        case .down: self.init(microseconds: microseconds, movedNs: UInt16(max(nanoseconds, 1)))
        case .up:
            let moved = 1_000 - nanoseconds - (isFiner ? 1 : 0)
            self.init(microseconds: microseconds + 1, movedNs: UInt16(max(moved, 1)))
        }
    }

    /// - Returns: `nil` where it does not fit.
    init?(_ value: Int64, _ unit: TimeUnit, _ rounding: TimeReading.Rounding) {
        let product: (partialValue: Int64, overflow: Bool)
        switch unit {
        case .s: product = value.multipliedReportingOverflow(by: 1_000_000)
        case .ms: product = value.multipliedReportingOverflow(by: 1_000)
        case .us: product = (value, false)
        case .ns:
            // Not by the product of the quotient, which is out of range for the smallest integers.
            let rest = value % 1_000
            self.init(
                microseconds: value.flooredQuotient(1_000),
                nanoseconds: rest < 0 ? rest + 1_000 : rest,
                rounding
            )
            return
        }
        guard !product.overflow else { return nil }
        self.init(microseconds: product.partialValue)
    }

    /// A decimal number of `unit`, to its last digit.
    /// - Returns: `nil` where `text` is none, or does not fit.
    init?(decimal text: Span<UInt8>, _ unit: TimeUnit, _ rounding: TimeReading.Rounding) {
        guard let number = ExactNumber(text), number.integerDigits <= 19 else { return nil }
        var isNegative = false
        var isFiner = false
        var nanoseconds: Int128 = 0
        /// Of the next digit behind the point.
        var place: Int128?
        let perUnit = Int128(1_000_000_000 / unit.perSecond)
        for byte in number.text {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): place = perUnit / 10
            default:
                let digit = Int128(byte - UInt8(ascii: "0"))
                guard let at = place else {
                    nanoseconds = nanoseconds * 10 + digit * perUnit
                    continue
                }
                nanoseconds += digit * at
                isFiner = isFiner || (at == 0 && digit > 0)
                place = at / 10
            }
        }
        // Floored, so that what is finer still lies above.
        if isNegative { nanoseconds = -nanoseconds - (isFiner ? 1 : 0) }
        let rest = (nanoseconds % 1_000 + 1_000) % 1_000
        guard let microseconds = Int64(exactly: (nanoseconds - rest) / 1_000), microseconds < .max else { return nil }
        self.init(microseconds: microseconds, nanoseconds: Int64(rest), isFiner: isFiner, rounding)
    }
}
