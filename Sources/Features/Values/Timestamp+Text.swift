/// Why a text is no time.
package enum TimestampTextError: Error, Equatable, Sendable {
    case malformed
    /// `infinity`, `-infinity`: PostgreSQL's words, which no comparison of ours could honour.
    case infinite
    case outOfRange
    /// A second of 60, which RFC 3339 has and PostgreSQL moves to the next minute.
    case leapSecond
    /// A bare number, whose unit nobody said.
    case unitNeeded
    /// An integer of the given unit that would mean the first days of 1970, see ``DefinitionLimits/earlyUntilUs``.
    case early1970(TimeUnit)
}

extension Timestamp {
    /// Reads RFC 3339 text, leniently as other programs write it: `T`, `t` or a blank between date and time; the time, its
    /// seconds and its fraction may be absent, and the hour may have one digit; zone `Z`, `z`, `UTC`, `GMT`, `+hh`, `+hhmm`,
    /// `+hh:mm`, also behind a blank, or `+0000 UTC`; none = UTC.
    ///
    /// Digits beyond µs are floored.
    /// - Complexity: O(length), no allocation.
    package init(text bytes: Span<UInt8>) throws(TimestampTextError) {
        self.init(microseconds: try RoundedTime(text: bytes, .down).microseconds)
    }

    package init(text: String) throws(TimestampTextError) {
        let bytes = Array(text.utf8)
        try self.init(text: bytes.span)
    }
}

extension RoundedTime {
    /// Reads text as ``Timestamp/init(text:)`` does; digits beyond µs move it the way that `rounding` says.
    package init(text bytes: Span<UInt8>, _ rounding: TimeReading.Rounding) throws(TimestampTextError) {
        var cursor = TimestampCursor(bytes: bytes)
        if let error = cursor.refusal() { throw error }
        guard let year = cursor.digits(4), cursor.take("-"), let month = cursor.digits(2), cursor.take("-"),
            let day = cursor.digits(2)
        else { throw .malformed }
        var microseconds: Int64 = 0
        var nanoseconds: Int64 = 0
        var isFiner = false
        if !cursor.isAtEnd, !cursor.startsZone {
            guard cursor.take("T") || cursor.take("t") || cursor.take(" ") else { throw .malformed }
            guard let hour = cursor.hour(), cursor.take(":"), let minute = cursor.digits(2), hour < 24, minute < 60
            else { throw .malformed }
            var second: Int64 = 0
            if cursor.take(":") {
                guard let read = cursor.digits(2), read <= 60 else { throw .malformed }
                guard read < 60 else { throw .leapSecond }
                second = read
                if cursor.take(".") || cursor.take(",") {
                    guard let fraction = cursor.fraction() else { throw .malformed }
                    microseconds = fraction.microseconds
                    nanoseconds = fraction.nanoseconds
                    isFiner = fraction.isFiner
                }
            }
            microseconds += ((hour * 60 + minute) * 60 + second) * 1_000_000
        }
        guard let offset = cursor.zoneSeconds(), cursor.isAtEnd else { throw .malformed }
        guard year >= 1, month >= 1, month <= 12, day >= 1, day <= Timestamp.days(inMonth: month, year: year) else {
            throw year < 1 ? .outOfRange : .malformed
        }
        let days = Timestamp.daysSinceEpoch(year: year, month: month, day: day)
        self.init(
            microseconds: days * 86_400_000_000 + microseconds - offset * 1_000_000,
            nanoseconds: nanoseconds,
            isFiner: isFiner,
            rounding
        )
        guard Timestamp(microseconds: self.microseconds).isInRange else { throw .outOfRange }
    }
}

extension Timestamp {

    /// RFC 3339 in UTC with `Z`: no fraction where it is zero, else six digits.
    ///
    /// Times out of range have years of more digits or with a sign, for messages: nothing reads them back.
    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(27)
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends ``text`` as UTF-8.
    package func write(to bytes: inout [UInt8]) {
        let day = microseconds.flooredQuotient(86_400_000_000)
        // Wraps for the first days that Int64 can hold, whose midnight it cannot; the difference is right again.
        let rest = microseconds &- day &* 86_400_000_000
        let (year, month, dayOfMonth) = Self.civil(daysSinceEpoch: day)
        if year < 0 { bytes.append(UInt8(ascii: "-")) }
        Self.append(abs(year), width: abs(year) > 9_999 ? 6 : 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(month, width: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Self.append(dayOfMonth, width: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        Self.append(rest / 3_600_000_000, width: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(rest / 60_000_000 % 60, width: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Self.append(rest / 1_000_000 % 60, width: 2, to: &bytes)
        if rest % 1_000_000 != 0 {
            bytes.append(UInt8(ascii: "."))
            Self.append(rest % 1_000_000, width: 6, to: &bytes)
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    private static func append(_ value: Int64, width: Int, to bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    package static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
    package static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        // Years start in March here, so that the leap day is the last one and months have a linear formula.
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.flooredQuotient(400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The inverse of ``daysSinceEpoch(year:month:day:)``.
    package static func civil(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Int64 {
    /// The quotient rounded towards minus infinity; `divisor` is positive.
    package func flooredQuotient(_ divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }
}

/// Reads a timestamp's parts from left to right.
private struct TimestampCursor: ~Escapable {
    let bytes: Span<UInt8>
    var position = 0

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    var startsZone: Bool {
        guard position < bytes.count else { return false }
        switch bytes[position] {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"), UInt8(ascii: "+"), UInt8(ascii: "-"): return true
        default: return false
        }
    }

    /// The texts that look like something else than a date, each with its own error.
    func refusal() -> TimestampTextError? {
        guard bytes.count > 0 else { return .malformed }
        var digits = 0
        for index in 0..<bytes.count {
            if bytes[index] >= UInt8(ascii: "0"), bytes[index] <= UInt8(ascii: "9") { digits += 1 } else { break }
        }
        let start = bytes[0] == UInt8(ascii: "-") || bytes[0] == UInt8(ascii: "+") ? 1 : 0
        if digits == bytes.count || isNumber(from: start) { return .unitNeeded }
        // A year of five digits or more; other texts that begin so (20240101T00) are no times at all.
        if digits > 4, bytes[digits] == UInt8(ascii: "-") { return .outOfRange }
        if isWord("infinity", from: start) || isWord("inf", from: start) { return .infinite }
        return nil
    }

    /// Whether these are digits, perhaps with a point and an exponent.
    private func isNumber(from start: Int) -> Bool {
        var (digits, points, exponents) = (0, 0, 0)
        for index in start..<bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: ".") where exponents == 0: points += 1
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                guard digits > 0 else { return false }
                exponents += 1
                digits = 0
            case UInt8(ascii: "-"), UInt8(ascii: "+"):
                guard exponents == 1, digits == 0, bytes[index - 1] | 0x20 == UInt8(ascii: "e") else { return false }
            default: return false
            }
        }
        return digits > 0 && points <= 1 && exponents <= 1
    }

    private func isWord(_ word: StaticString, from start: Int) -> Bool {
        guard bytes.count - start == word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount where bytes[start + index] | 0x20 != word.utf8Start[index] {
            return false
        }
        return true
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Of one digit as spreadsheets write it, of two else.
    mutating func hour() -> Int64? {
        digits(position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: ":") ? 1 : 2)
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        guard position + word.utf8CodeUnitCount <= bytes.count else { return false }
        // Safe: `index` is below the word's length.
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    mutating func digits(_ count: Int) -> Int64? {
        guard position + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for index in position..<position + count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int64(digit)
        }
        position += count
        return value
    }

    /// Digits after the point.
    mutating func fraction() -> (microseconds: Int64, nanoseconds: Int64, isFiner: Bool)? {
        let start = position
        var value: Int64 = 0
        var isFiner = false
        while position < bytes.count {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            if position - start < 9 { value = value * 10 + Int64(digit) } else if digit > 0 { isFiner = true }
            position += 1
        }
        guard position > start else { return nil }
        for _ in min(position - start, 9)..<9 { value *= 10 }
        return (value / 1_000, value % 1_000, isFiner)
    }

    /// Seconds east of UTC; 0 where no zone is given; `nil` where it is malformed.
    mutating func zoneSeconds() -> Int64? {
        if isAtEnd || take("Z") || take("z") { return 0 }
        _ = take(" ")
        if takeWord("UTC") || takeWord("GMT") || take("Z") { return 0 }
        let sign: Int64
        if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
        guard let hours = digits(2) else { return nil }
        var minutes: Int64 = 0
        if !isAtEnd, bytes[position] != UInt8(ascii: " ") {
            _ = take(":")
            guard let read = digits(2) else { return nil }
            minutes = read
        }
        guard hours <= 23, minutes < 60 else { return nil }
        // Go's String() has the zone's name behind its offset.
        if hours == 0, minutes == 0 { _ = takeWord(" UTC") }
        return sign * (hours * 3_600 + minutes * 60)
    }
}
