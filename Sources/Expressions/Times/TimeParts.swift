import Features

/// Parts of times and of differences of times, and their beginnings.
enum TimeParts {
    enum Part: String, CaseIterable {
        case epoch, year, month, day, hour, minute, dow, isodow, doy, week

        /// What PostgreSQL takes out of a difference of times; years and months are always 0 there.
        static let ofIntervals: [Part] = [.epoch, .day, .hour, .minute]
    }

    enum Unit: String, CaseIterable {
        case second, minute, hour, day, week, month, quarter, year
    }

    private static let dayUs: Int64 = 86_400_000_000

    /// - Returns: `nil` where the type has no such part.
    static func kernel(_ part: Part, of type: ValueType) -> Kernel? {
        switch type {
        case .timestamp, .localTime:
            switch part {
            case .epoch: epoch
            case .year: parts { Double(civil($0).year) }
            case .month: parts { Double(civil($0).month) }
            case .day: parts { Double(civil($0).day) }
            case .hour: parts { Double(($0 &- day($0) &* dayUs) / 3_600_000_000) }
            case .minute: parts { Double(($0 &- day($0) &* dayUs) / 60_000_000 % 60) }
            case .dow: parts { Double(weekday(day($0)) % 7) }
            case .isodow: parts { Double(weekday(day($0))) }
            case .doy: parts { Double(dayOfYear(day($0))) }
            case .week: parts { Double(week(day($0))) }
            }
        case .interval:
            switch part {
            case .epoch: epoch
            case .day: parts { Double($0 / dayUs) }
            case .hour: parts { Double($0 % dayUs / 3_600_000_000) }
            case .minute: parts { Double($0 % 3_600_000_000 / 60_000_000) }
            default: nil
            }
        default: nil
        }
    }

    private static func parts(_ body: @escaping @Sendable (Int64) -> Double) -> Kernel {
        { operands, rowCount in Loops.total(operands, rowCount) { (time: Int64) in body(time) } }
    }

    /// Seconds since 1970, the float64 nearest to them.
    private static let epoch: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (time: Int64) in seconds(time) }
    }

    @inline(__always)
    static func seconds(_ microseconds: Int64) -> Double {
        // Up to 2^53 both numbers are exact, and one rounding happens; beyond, a float64 of the µs would be a first one.
        if microseconds.magnitude <= 1 << 53 { return Double(microseconds) / 1e6 }
        return wideSeconds(microseconds)
    }

    private static func wideSeconds(_ microseconds: Int64) -> Double {
        let (quotient, rest) = (UInt128(microseconds.magnitude) << 30).quotientAndRemainder(dividingBy: 1_000_000)
        // More bits than a float64 has, with one for what is behind them.
        let scaled = Double(quotient | (rest > 0 ? 1 : 0)) / Double(1 << 30)
        return microseconds < 0 ? -scaled : scaled
    }

    private static func day(_ time: Int64) -> Int64 { time.flooredQuotient(dayUs) }

    private static func civil(_ time: Int64) -> (year: Int64, month: Int64, day: Int64) {
        Timestamp.civil(daysSinceEpoch: day(time))
    }

    /// Monday is 1, Sunday 7.
    private static func weekday(_ day: Int64) -> Int64 { (day + 3) - (day + 3).flooredQuotient(7) * 7 + 1 }

    private static func dayOfYear(_ day: Int64) -> Int64 {
        let year = Timestamp.civil(daysSinceEpoch: day).year
        return day - Timestamp.daysSinceEpoch(year: year, month: 1, day: 1) + 1
    }

    /// ISO 8601: a week belongs to the year of its Thursday.
    private static func week(_ day: Int64) -> Int64 { (dayOfYear(day + 4 - weekday(day)) - 1) / 7 + 1 }

    static func truncation(_ unit: Unit) -> Kernel {
        switch unit {
        case .second: truncation { $0.flooredQuotient(1_000_000) * 1_000_000 }
        case .minute: truncation { $0.flooredQuotient(60_000_000) * 60_000_000 }
        case .hour: truncation { $0.flooredQuotient(3_600_000_000) * 3_600_000_000 }
        case .day: truncation { day($0) * dayUs }
        case .week: truncation { (day($0) - weekday(day($0)) + 1) * dayUs }
        case .month: truncation { first($0) { $0 } }
        case .quarter: truncation { first($0) { ($0 - 1) / 3 * 3 + 1 } }
        case .year: truncation { first($0) { _ in 1 } }
        }
    }

    @inline(__always)
    private static func first(_ time: Int64, _ month: (Int64) -> Int64) -> Int64 {
        let civil = civil(time)
        return Timestamp.daysSinceEpoch(year: civil.year, month: month(civil.month), day: 1) * dayUs
    }

    private static func truncation(_ body: @escaping @Sendable (Int64) -> Int64) -> Kernel {
        { operands, rowCount in Loops.total(operands, rowCount) { (time: Int64) in body(bounded(time)) } }
    }

    /// What lies in a null row may be any number; arithmetic with it must not overflow.
    @inline(__always)
    private static func bounded(_ time: Int64) -> Int64 { min(max(time, .min / 4), .max / 4) }

    static let difference: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (a: Int64, b: Int64) in a &- b }
    }
}
