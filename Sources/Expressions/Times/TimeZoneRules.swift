import Features

/// When the clocks of a time zone change, as PostgreSQL reads it out of tzdata.
struct TimeZoneRules: Sendable {
    /// Seconds since 1970 UTC, ascending.
    let transitions: [Int64]
    /// Seconds east of UTC from each transition on.
    let offsets: [Int32]
    /// Before the first transition.
    let firstOffset: Int32
    /// What PostgreSQL takes for it when it turns a local time into UTC.
    let firstStandardOffset: Int32
    /// Whether the rule of the file's footer goes on for ever: then the last 400 years repeat.
    let repeats: Bool

    private static let cycleSeconds: Int64 = 146_097 * 86_400

    /// Reads a TZif file of version 2 or later (RFC 8536). `nil` where it is none, is cut, or counts leap seconds.
    init?(_ bytes: [UInt8]) {
        guard let first = Block(bytes, at: 0, timeBytes: 4), first.version >= UInt8(ascii: "2"),
            let block = Block(bytes, at: first.end, timeBytes: 8), block.leapCount == 0, block.typeCount > 0
        else { return nil }
        var transitions: [Int64] = []
        var offsets: [Int32] = []
        for index in 0..<block.timeCount {
            let type = block.type(index)
            let time = block.time(index)
            // Beyond 2^60 seconds sums could overflow.
            guard type < block.typeCount, time.magnitude < 1 << 60, transitions.last.map({ $0 < time }) ?? true else {
                return nil
            }
            transitions.append(time)
            offsets.append(block.offset(type))
        }
        firstOffset = block.offset(0)
        firstStandardOffset = block.offset((0..<block.typeCount).first { !block.isSummer($0) } ?? 0)

        // The footer: a rule between two line feeds.
        var repeats = false
        let footer = bytes[min(block.end, bytes.count)...]
        if footer.first == 0x0A, let close = footer.dropFirst().firstIndex(of: 0x0A) {
            let text = Array(footer[(footer.startIndex + 1)..<close])
            if !text.isEmpty {
                guard let rule = PosixRule(text) else { return nil }
                if let summer = rule.summer {
                    repeats = true
                    let lastDay = (transitions.last ?? -2_208_988_800).flooredQuotient(86_400)
                    let year = Timestamp.civil(daysSinceEpoch: lastDay).year
                    for year in year...(year + 402) {
                        for change in rule.changes(summer, in: year)
                        where transitions.last.map({ $0 < change.time }) ?? true {
                            transitions.append(change.time)
                            offsets.append(change.offset)
                        }
                    }
                }
            }
        }
        self.transitions = transitions
        self.offsets = offsets
        self.repeats = repeats
    }

    /// How many transitions are at or before `time`.
    private func place(_ time: Int64) -> Int {
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if time < transitions[middle] { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Seconds by which `time` is moved back so that the table has it: whole cycles of 400 years.
    private func shift(_ time: Int64) -> Int64 {
        guard repeats, let last = transitions.last, time > last else { return 0 }
        return ((time - last - 1) / Self.cycleSeconds + 1) * Self.cycleSeconds
    }

    /// Seconds east of UTC at a time, and until when (exclusive) and since when that holds.
    func segment(at seconds: Int64) -> (offset: Int64, since: Int64, until: Int64) {
        let shift = shift(seconds)
        let place = place(seconds - shift)
        let since = place == 0 ? .min : transitions[place - 1] + shift
        let until =
            place == transitions.count ? (shift == 0 && !repeats ? .max : seconds + 1) : transitions[place] + shift
        return (Int64(place == 0 ? firstOffset : offsets[place - 1]), since, until)
    }

    /// Seconds east of UTC where clocks show `local`, in seconds since 1970-01-01 00:00 of the zone.
    ///
    /// As PostgreSQL's `DetermineTimeZoneOffset`: a time that clocks leap over is taken by the offset before, one that they
    /// show twice by the offset after.
    func offset(atLocal local: Int64) -> Int64 {
        let previous = local - 86_400
        let shift = shift(previous)
        let place = place(previous - shift)
        let before = Int64(place == 0 ? firstStandardOffset : offsets[place - 1])
        guard place < transitions.count else { return transitions.isEmpty ? Int64(firstOffset) : before }
        let boundary = transitions[place] + shift
        let after = Int64(offsets[place])
        let (beforeTime, afterTime) = (local - before, local - after)
        if beforeTime < boundary, afterTime < boundary { return before }
        if beforeTime > boundary, afterTime >= boundary { return after }
        return beforeTime > afterTime ? before : after
    }
}

/// One of a TZif file's blocks, whose lengths were checked.
private struct Block {
    let version: UInt8
    let timeCount: Int
    let typeCount: Int
    let leapCount: Int
    /// Where the next block or the footer begins.
    let end: Int
    private let bytes: [UInt8]
    private let timeBytes: Int
    private let start: Int

    init?(_ bytes: [UInt8], at start: Int, timeBytes: Int) {
        guard start + 44 <= bytes.count, bytes[start..<start + 4].elementsEqual("TZif".utf8) else { return nil }
        func count(_ place: Int) -> Int {
            bytes[(start + 20 + place * 4)..<(start + 24 + place * 4)].reduce(0) { $0 << 8 | Int($1) }
        }
        version = bytes[start + 4]
        leapCount = count(2)
        timeCount = count(3)
        typeCount = count(4)
        let size =
            timeCount * (timeBytes + 1) + typeCount * 6 + count(5) + leapCount * (timeBytes + 4) + count(0) + count(1)
        guard start + 44 + size <= bytes.count else { return nil }
        end = start + 44 + size
        self.bytes = bytes
        self.timeBytes = timeBytes
        self.start = start + 44
    }

    func time(_ index: Int) -> Int64 {
        let place = start + index * timeBytes
        return Int64(bitPattern: bytes[place..<place + timeBytes].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    func type(_ index: Int) -> Int { Int(bytes[start + timeCount * timeBytes + index]) }

    private func typeStart(_ type: Int) -> Int { start + timeCount * (timeBytes + 1) + type * 6 }

    func offset(_ type: Int) -> Int32 {
        let place = typeStart(type)
        return Int32(bitPattern: bytes[place..<place + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }

    func isSummer(_ type: Int) -> Bool { bytes[typeStart(type) + 4] != 0 }
}
