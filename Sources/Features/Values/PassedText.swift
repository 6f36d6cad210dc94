/// The text of values of a ``PassedType`` whose carrier is a number: dates, times of day, moments, integers.
///
/// Dates and times are ISO 8601: `2026-01-31`, `08:30:00.250`, `2026-01-31T08:30:00`, with `Z` where the type has a zone.
/// A fraction is absent where it is zero, else it has all digits of the unit. Years beyond 1 to 9999 have a sign and as
/// many digits as they need: `-0044-03-15`, `+12026-01-01`.
package enum PassedText {
    private static let daySeconds: Int64 = 86_400

    /// Appends a value.
    package static func append(_ value: Int64, _ type: PassedType, to out: inout [UInt8]) {
        switch type {
        case .integer(64, isSigned: false):
            out.append(contentsOf: String(UInt64(bitPattern: value)).utf8)
        case .date32: append(day: value, to: &out)
        case .date64:
            let day = value.flooredQuotient(86_400_000)
            append(day: day, to: &out)
            // Arrow says that there is none, and does not see to it.
            let rest = value &- day &* 86_400_000
            if rest != 0 {
                out.append(UInt8(ascii: "T"))
                append(timeOfDay: rest, .ms, to: &out)
            }
        case .time(let unit): append(timeOfDay: value, unit, to: &out)
        case .timestamp(let unit, let zone):
            let perDay = daySeconds * unit.perSecond
            let day = value.flooredQuotient(perDay)
            append(day: day, to: &out)
            out.append(UInt8(ascii: "T"))
            // Wraps on the first day that Int64 can hold, whose midnight it cannot; the difference is right again.
            append(timeOfDay: value &- day &* perDay, unit, to: &out)
            if zone != nil { out.append(UInt8(ascii: "Z")) }
        default: out.append(contentsOf: String(value).utf8)
        }
    }

    private static func append(day: Int64, to out: inout [UInt8]) {
        let (year, month, dayOfMonth) = Timestamp.civil(daysSinceEpoch: day)
        if year < 1 || year > 9_999 { out.append(year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")) }
        append(abs(year), width: 4, to: &out)
        out.append(UInt8(ascii: "-"))
        append(month, width: 2, to: &out)
        out.append(UInt8(ascii: "-"))
        append(dayOfMonth, width: 2, to: &out)
    }

    private static func append(timeOfDay value: Int64, _ unit: TimeUnit, to out: inout [UInt8]) {
        let seconds = value.flooredQuotient(unit.perSecond)
        for (part, separator) in [(seconds / 3_600, ":"), (seconds / 60 % 60, ":"), (seconds % 60, "")] {
            append(part, width: 2, to: &out)
            out.append(contentsOf: separator.utf8)
        }
        let fraction = value &- seconds &* unit.perSecond
        guard fraction != 0 else { return }
        out.append(UInt8(ascii: "."))
        append(fraction, width: unit.fractionDigits, to: &out)
    }

    /// Digits with zeros before them; a minus, which only values that are none of their type have, comes first.
    private static func append(_ value: Int64, width: Int, to out: inout [UInt8]) {
        let digits = String(value.magnitude)
        if value < 0 { out.append(UInt8(ascii: "-")) }
        out.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(width - digits.utf8.count, 0)))
        out.append(contentsOf: digits.utf8)
    }

    /// Reads what ``append(_:_:to:)`` writes; moments also as ``RoundedTime`` reads them, where nothing is finer than the
    /// type's unit.
    package static func value(_ text: Span<UInt8>, _ type: PassedType) throws(ValueTextError) -> Int64 {
        switch type {
        case .integer(let bits, let isSigned):
            if bits == 64, !isSigned {
                guard let value = UInt64(String(span: text)) else { throw .malformed }
                return Int64(bitPattern: value)
            }
            let value = try ValueText.int64(text)
            let range: ClosedRange<Int64> =
                isSigned ? -(1 << (bits - 1))...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1
            guard range.contains(value) else { throw .outOfRange }
            return value
        case .date32, .date64, .timestamp:
            return try moment(text, type)
        case .time(let unit):
            var parts = MomentParts(text)
            guard let value = parts.timeOfDay(unit), parts.isAtEnd else { throw .malformed }
            return value
        default: return try ValueText.int64(text)
        }
    }

    private static func moment(_ text: Span<UInt8>, _ type: PassedType) throws(ValueTextError) -> Int64 {
        var parts = MomentParts(text)
        if let day = parts.day() {
            switch type {
            case .date32 where parts.isAtEnd: return day
            case .date64:
                guard parts.isAtEnd || parts.take("T") else { break }
                let rest = parts.isAtEnd ? 0 : parts.timeOfDay(.ms)
                if let rest, parts.isAtEnd { return try sum(day, rest, .ms) }
            case .timestamp(let unit, let zone):
                guard parts.take("T"), let rest = parts.timeOfDay(unit) else { break }
                if parts.isAtEnd == (zone == nil), parts.isAtEnd || (parts.take("Z") && parts.isAtEnd) {
                    return try sum(day, rest, unit)
                }
            default: break
            }
        }
        guard case .timestamp(let unit, _) = type else { throw .malformed }
        return try moment(spelled: text, unit)
    }

    /// A moment of any spelling that times may have.
    private static func moment(spelled text: Span<UInt8>, _ unit: TimeUnit) throws(ValueTextError) -> Int64 {
        let time: RoundedTime
        do throws(TimestampTextError) {
            time = try RoundedTime(text: text, .down)
        } catch {
            throw .time(error)
        }
        guard let ns = nanoseconds(of: text), unit == .ns || time.movedNs == 0 else { throw .outOfRange }
        if unit == .ns {
            let scaled = time.microseconds.multipliedReportingOverflow(by: 1_000)
            let sum = scaled.partialValue.addingReportingOverflow(Int64(ns))
            guard !scaled.overflow, !sum.overflow else { throw .outOfRange }
            return sum.partialValue
        }
        let divisor = 1_000_000 / unit.perSecond
        guard time.microseconds % divisor == 0 else { throw .outOfRange }
        return time.microseconds / divisor
    }

    /// The ns beyond whole µs of a time's text; `nil` where it is finer than ns.
    private static func nanoseconds(of text: Span<UInt8>) -> UInt16? {
        var index = 0
        while index < text.count, text[index] != UInt8(ascii: "."), text[index] != UInt8(ascii: ",") { index += 1 }
        var ns: UInt16 = 0
        for place in 1... {
            let digit = index + place < text.count ? text[index + place] &- UInt8(ascii: "0") : 10
            guard digit <= 9 else {
                for _ in min(max(place, 7), 10)..<10 { ns *= 10 }
                return ns
            }
            if place > 9, digit > 0 { return nil }
            if place > 6, place <= 9 { ns = ns * 10 + UInt16(digit) }
        }
        return ns
    }

    private static func sum(_ day: Int64, _ rest: Int64, _ unit: TimeUnit) throws(ValueTextError) -> Int64 {
        // The sum may fit where the product does not: on the first day that Int64 can hold.
        let perDay = daySeconds * unit.perSecond
        let isFirst = day < 0 && rest > 0
        let scaled = (isFirst ? day + 1 : day).multipliedReportingOverflow(by: perDay)
        let sum = scaled.partialValue.addingReportingOverflow(isFirst ? rest - perDay : rest)
        guard !scaled.overflow, !sum.overflow else { throw .outOfRange }
        return sum.partialValue
    }
}

/// Reads dates and times of day from left to right.
private struct MomentParts: ~Escapable {
    private let bytes: Span<UInt8>
    private var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func digits(_ counts: ClosedRange<Int>) -> Int64? {
        var value: Int64 = 0
        let start = position
        while position < bytes.count, position - start < counts.upperBound {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value * 10 + Int64(digit)
            position += 1
        }
        return counts.contains(position - start) ? value : nil
    }

    mutating func day() -> Int64? {
        let isNegative = take("-")
        let hasSign = isNegative || take("+")
        guard let year = digits(4...(hasSign ? 12 : 4)), take("-"), let month = digits(2...2), take("-"),
            let day = digits(2...2), (1...12).contains(month), day >= 1,
            day <= Timestamp.days(inMonth: month, year: isNegative ? -year : year)
        else { return nil }
        return Timestamp.daysSinceEpoch(year: isNegative ? -year : year, month: month, day: day)
    }

    mutating func timeOfDay(_ unit: TimeUnit) -> Int64? {
        guard let hours = digits(2...2), take(":"), let minutes = digits(2...2), take(":"),
            let seconds = digits(2...2), hours < 24, minutes < 60, seconds < 60
        else { return nil }
        var fraction: Int64 = 0
        if take(".") {
            let start = position
            guard let read = digits(1...9) else { return nil }
            let count = position - start
            fraction = read
            for _ in 0..<max(unit.fractionDigits - count, 0) { fraction *= 10 }
            for _ in 0..<max(count - unit.fractionDigits, 0) {
                guard fraction % 10 == 0 else { return nil }
                fraction /= 10
            }
        }
        return ((hours * 60 + minutes) * 60 + seconds) * unit.perSecond + fraction
    }
}
