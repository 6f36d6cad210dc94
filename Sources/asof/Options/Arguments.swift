import ArgumentParser
import Features

/// Times on the command line.
enum TimeArgument {
    /// - Throws: a usage error where `text` is no unit.
    static func checkUnit(_ text: String?) throws {
        guard let text, TimeUnit(rawValue: text) == nil else { return }
        throw ValidationError("--time-unit '\(text)': expected s, ms, us or ns")
    }

    static func parse(_ text: String, option: String) throws -> Timestamp {
        do {
            return try Timestamp(text: text)
        } catch {
            throw ValidationError(
                "\(option) '\(text)': \(ValueTextError.time(error).reason); expected RFC 3339, as 2026-01-31T12:00:00Z"
            )
        }
    }
}

/// An amount of memory, such as 2GiB.
enum MemoryArgument {
    /// Nothing of ours does anything with less: it is a number whose unit was forgotten.
    private static let bytesMin = 1 << 20

    /// - Throws: a usage error where `text` is no amount, or less than a MiB.
    static func parse(_ text: String, option: String) throws -> Int {
        let units = ["B": 0, "K": 10, "KB": 10, "KiB": 10, "M": 20, "MB": 20, "MiB": 20, "G": 30, "GB": 30, "GiB": 30]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int(digits), let shift = units[unit.isEmpty ? "B" : unit], number > 0,
            number <= Int.max >> shift
        else { throw ValidationError("\(option) '\(text)': expected an amount such as 512MiB or 2GiB") }
        guard number << shift >= bytesMin else {
            let meant = unit.isEmpty ? "; did you mean \(number)MiB or \(number)GiB?" : ""
            throw ValidationError(
                "\(option) '\(text)': that is \(number << shift) bytes, and at least 1MiB is needed\(meant)"
            )
        }
        return number << shift
    }
}
