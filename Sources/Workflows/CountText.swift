/// Numbers of things as messages have them.
package enum CountText {
    /// `1234567` as `1,234,567`.
    package static func grouped(_ number: some BinaryInteger) -> String {
        let digits = String(number)
        let sign = digits.hasPrefix("-") ? "-" : ""
        var grouped = ""
        for (index, digit) in digits.dropFirst(sign.count).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { grouped.append(",") }
            grouped.append(digit)
        }
        return sign + String(grouped.reversed())
    }

    /// `1 row`, `1,234 rows`; `plural` where it is not the noun with an s.
    package static func count(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }
}

extension CountText {
    /// Names as a message lists them: the first ten, and how many more there are.
    static func names(_ names: [String], _ shown: (String) -> String = { $0 }) -> String {
        let listed = names.prefix(10).map(shown).joined(separator: ", ")
        return names.count > 10 ? "\(listed), … and \(grouped(names.count - 10)) more" : listed
    }
}
