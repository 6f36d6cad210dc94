import Features

/// The rule in a TZif file's footer, such as `EST5EDT,M3.2.0,M11.1.0`.
struct PosixRule {
    struct Summer {
        /// Seconds east of UTC.
        var offset: Int32
        var start: Change
        var end: Change
    }

    struct Change {
        var day: Day
        /// Seconds after midnight by the clocks before the change.
        var seconds: Int64
    }

    enum Day {
        /// 1 to 365; February 29th is never counted.
        case julian(Int64)
        /// 0 to 365.
        case ordinal(Int64)
        /// The week is 1 to 5, 5 = the last one; Sunday is 0.
        case weekday(month: Int64, week: Int64, Int64)
    }

    let offset: Int32
    let summer: Summer?

    init?(_ text: [UInt8]) {
        var cursor = Cursor(text: text)
        guard cursor.name(), let offset = cursor.time() else { return nil }
        self.offset = Int32(truncatingIfNeeded: -offset)
        guard !cursor.isAtEnd else {
            summer = nil
            return
        }
        guard cursor.name() else { return nil }
        var summerOffset = -offset + 3_600
        if !cursor.isAtEnd, cursor.current != UInt8(ascii: ",") {
            guard let read = cursor.time() else { return nil }
            summerOffset = -read
        }
        guard cursor.take(","), let start = cursor.change(), cursor.take(","), let end = cursor.change(), cursor.isAtEnd
        else { return nil }
        summer = Summer(offset: Int32(truncatingIfNeeded: summerOffset), start: start, end: end)
    }

    /// Both changes of a year, in seconds since 1970 UTC, in their order, with the offset from then on.
    func changes(_ summer: Summer, in year: Int64) -> [(time: Int64, offset: Int32)] {
        let start = Self.day(summer.start.day, in: year) * 86_400 + summer.start.seconds - Int64(offset)
        let end = Self.day(summer.end.day, in: year) * 86_400 + summer.end.seconds - Int64(summer.offset)
        let changes = [(time: start, offset: summer.offset), (time: end, offset: offset)]
        return start < end ? changes : changes.reversed()
    }

    /// Days since 1970-01-01.
    private static func day(_ day: Day, in year: Int64) -> Int64 {
        let first = Timestamp.daysSinceEpoch(year: year, month: 1, day: 1)
        switch day {
        case .ordinal(let ordinal): return first + ordinal
        case .julian(let julian):
            let isLeap = Timestamp.days(inMonth: 2, year: year) == 29
            return first + julian - 1 + (isLeap && julian >= 60 ? 1 : 0)
        case .weekday(let month, let week, let weekday):
            let first = Timestamp.daysSinceEpoch(year: year, month: month, day: 1)
            let firstWeekday = (first + 4) - (first + 4).flooredQuotient(7) * 7
            var day = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
            if day >= Timestamp.days(inMonth: month, year: year) { day -= 7 }
            return first + day
        }
    }

    private struct Cursor {
        let text: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == text.count }
        var current: UInt8? { isAtEnd ? nil : text[position] }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard current == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        /// Letters, or anything between `<` and `>`.
        mutating func name() -> Bool {
            let start = position
            if take("<") {
                while let byte = current, byte != UInt8(ascii: ">") { position += 1 }
                return take(">")
            }
            while let byte = current, byte | 0x20 >= UInt8(ascii: "a"), byte | 0x20 <= UInt8(ascii: "z") {
                position += 1
            }
            return position > start
        }

        mutating func number(_ range: ClosedRange<Int64>) -> Int64? {
            let start = position
            var value: Int64 = 0
            while let byte = current, Lexer.isDigit(byte), position - start < 4 {
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
                position += 1
            }
            return position > start && range.contains(value) ? value : nil
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time() -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard var seconds = number(0...167) else { return nil }
            seconds *= 3_600
            if take(":") {
                guard let minutes = number(0...59) else { return nil }
                seconds += minutes * 60
                if take(":") {
                    guard let more = number(0...59) else { return nil }
                    seconds += more
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func change() -> Change? {
            guard let day = day() else { return nil }
            guard take("/") else { return Change(day: day, seconds: 7_200) }
            return time().map { Change(day: day, seconds: $0) }
        }

        private mutating func day() -> Day? {
            if take("J") { return number(1...365).map { .julian($0) } }
            guard take("M") else { return number(0...365).map { .ordinal($0) } }
            guard let month = number(1...12), take("."), let week = number(1...5), take("."), let day = number(0...6)
            else { return nil }
            return .weekday(month: month, week: week, day)
        }
    }
}
