import Features
import PointInTime

/// `at time zone`, both ways.
enum ZoneKernels {
    /// What the zone's clocks show at a time.
    static func local(_ rules: TimeZoneRules) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let times = Int64.array(operands[0].values)
            var values = [Int64](repeating: 0, count: count)
            // Rows that follow one another mostly lie between the same two changes.
            var held = (offset: Int64(0), since: Int64.max, until: Int64.min)
            for row in 0..<count {
                let seconds = times[row].flooredQuotient(1_000_000)
                if seconds < held.since || seconds >= held.until { held = rules.segment(at: seconds) }
                values[row] = times[row] &+ held.offset &* 1_000_000
            }
            return Loops.result(.int64(values), operands, count)
        }
    }

    /// The time at which the zone's clocks show a local time; an error outside of the years 1 to 9999.
    static func time(_ rules: TimeZoneRules) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (local: Int64) in
                    local &- rules.offset(atLocal: local.flooredQuotient(1_000_000)) &* 1_000_000
                },
                fails: { _, time in !Timestamp(microseconds: time).isInRange }
            )
        }
    }
}
