/// Bounds as people read them; their unit is the word in their name.
enum LimitText {
    private static let nanoseconds = ["Ns": 1, "Us": 1_000, "Ms": 1_000_000, "Seconds": 1_000_000_000, "Days": day]
    private static let day = 86_400_000_000_000

    static func shown(_ value: Int, of name: String) -> String {
        let words = name.matches(of: /MiB|[A-Z]?[a-z0-9]+/).map { String($0.output) }
        if words.contains("MiB") { return bytes(value << 20) }
        if words.contains("Bytes") { return bytes(value) }
        for word in words { if let unit = nanoseconds[word] { return time(value * unit) } }
        return grouped(value)
    }

    private static func bytes(_ count: Int) -> String {
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] where count > 0 && count % (1 << shift) == 0 {
            return "\(grouped(count >> shift)) \(unit)"
        }
        return "\(grouped(count)) bytes"
    }

    private static func time(_ count: Int) -> String {
        // A single day is told in hours.
        if count % day == 0, count > day { return "\(grouped(count / day)) d" }
        let units = [
            (3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"),
        ]
        for (unit, name) in units where count % unit == 0 { return "\(grouped(count / unit)) \(name)" }
        return "\(grouped(count)) ns"
    }

    private static func grouped(_ value: Int) -> String {
        let digits = Array(String(value))
        return digits.indices.map { index in
            (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digits[index])
        }.joined()
    }
}
