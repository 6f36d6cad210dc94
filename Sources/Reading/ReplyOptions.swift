package import Wire

/// What stands behind the entities of a read: `[FEATURES n f …] [FORMAT f] [LOSSY] [META] [MINPOS p] [AT t] [NULL text]`, in
/// any order.
package struct ReplyOptions: Sendable {
    package enum Format: Sendable {
        case rows, columns, packed32, packed64
    }

    /// Which of the options a command takes.
    package struct Allowed: OptionSet {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }

        package static let features = Allowed(rawValue: 1)
        package static let format = Allowed(rawValue: 2)
        package static let minimumPosition = Allowed(rawValue: 4)
        package static let time = Allowed(rawValue: 8)
        package static let nulls = Allowed(rawValue: 16)
        /// What only predictions take: FEATURES without names, ID, NOLOG.
        package static let prediction = Allowed(rawValue: 32)
    }

    /// Where the names behind FEATURES stand among the arguments; `nil` = all features.
    package var features: Range<Int>?
    package private(set) var format = Format.rows
    /// Whether packed32 may round integers of 64 bits.
    var isLossy = false
    package private(set) var hasMeta = false
    /// The reply reflects at least this position.
    package var minimumPosition: Int64?
    /// AT: as of when the reply is, µs; `nil` = now.
    package var time: Int64?
    /// Which argument is that time.
    package private(set) var timeArgument: Int?
    /// The text that stands for null among the values of request fields.
    package private(set) var nullArgument: Int?

    /// Whether a prediction's reply has what the model read, too.
    package private(set) var hasVector = false
    /// Whether a prediction is kept out of the log.
    package private(set) var isNotLogged = false
    /// The argument with the name that the client has for its request; `nil` = it gave none.
    package private(set) var requestID: Int?

    init() {}

    /// Reads the arguments from `start` to the end.
    package init(
        _ arguments: borrowing Arguments,
        from start: Int,
        of command: String,
        _ allowed: Allowed
    ) throws(CommandFault) {
        var at = start
        while at < arguments.count {
            if allowed.contains(.features), arguments.matches(at, "FEATURES") {
                let names = try Self.counted(arguments, at + 1, "FEATURES", expected: "FEATURES n feature …")
                guard !names.isEmpty else {
                    throw CommandFault(.general, "FEATURES names none; leave it out for all features")
                }
                features = names
                at = names.upperBound
            } else if allowed.contains(.format), arguments.matches(at, "FORMAT") {
                format = try Self.format(arguments, at + 1)
                at += 2
            } else if allowed.contains(.format), arguments.matches(at, "LOSSY") {
                isLossy = true
                at += 1
            } else if allowed.contains(.prediction), arguments.matches(at, "FEATURES") {
                hasVector = true
                at += 1
            } else if allowed.contains(.prediction), arguments.matches(at, "NOLOG") {
                isNotLogged = true
                at += 1
            } else if allowed.contains(.prediction), arguments.matches(at, "ID") {
                guard at + 1 < arguments.count else { throw .cutOff("ID", expected: "ID id") }
                requestID = at + 1
                at += 2
            } else if arguments.matches(at, "META") {
                hasMeta = true
                at += 1
            } else if allowed.contains(.minimumPosition), arguments.matches(at, "MINPOS") {
                minimumPosition = try Self.number(arguments, at + 1, "MINPOS", expected: "MINPOS position")
                at += 2
            } else if allowed.contains(.time), arguments.matches(at, "AT") {
                guard at + 1 < arguments.count else { throw .cutOff("AT", expected: "AT time") }
                timeArgument = at + 1
                at += 2
            } else if allowed.contains(.nulls), arguments.matches(at, "NULL") {
                guard at + 1 < arguments.count else { throw .cutOff("NULL", expected: "NULL text") }
                nullArgument = at + 1
                at += 2
            } else {
                throw .unknownOption(arguments.text(at), command: command, expected: Self.list(allowed))
            }
        }
    }

    private static func list(_ allowed: Allowed) -> String {
        var words: [String] = []
        if allowed.contains(.features) { words.append("FEATURES n feature …") }
        if allowed.contains(.format) { words += ["FORMAT rows|columns|packed32|packed64", "LOSSY"] }
        words.append("META")
        if allowed.contains(.minimumPosition) { words.append("MINPOS position") }
        if allowed.contains(.time) { words.append("AT time") }
        if allowed.contains(.nulls) { words.append("NULL text") }
        if allowed.contains(.prediction) { words += ["FEATURES", "ID id", "NOLOG"] }
        return words.joined(separator: ", ")
    }

    private static func format(_ arguments: borrowing Arguments, _ at: Int) throws(CommandFault) -> Format {
        let expected = "FORMAT rows|columns|packed32|packed64"
        guard at < arguments.count else { throw .cutOff("FORMAT", expected: expected) }
        if arguments.matches(at, "ROWS") { return .rows }
        if arguments.matches(at, "COLUMNS") { return .columns }
        if arguments.matches(at, "PACKED32") { return .packed32 }
        if arguments.matches(at, "PACKED64") { return .packed64 }
        throw CommandFault(.general, "unknown format \(CommandFault.quoted(arguments.text(at))); expected \(expected)")
    }

    /// A number and so many arguments behind it.
    /// - Parameter at: where the number stands.
    /// - Returns: where the counted arguments stand.
    package static func counted(
        _ arguments: borrowing Arguments,
        _ at: Int,
        _ what: String,
        expected: String,
        each: Int = 1
    ) throws(CommandFault) -> Range<Int> {
        let count = try number(arguments, at, what, expected: expected)
        let (total, overflow) = count.multipliedReportingOverflow(by: Int64(each))
        guard !overflow, total <= Int64(arguments.count - at - 1) else {
            throw CommandFault(
                .general,
                "\(what) announces \(count), and \(arguments.count - at - 1) arguments follow; expected \(expected)"
            )
        }
        return at + 1..<at + 1 + Int(total)
    }

    /// A number that is not negative.
    package static func number(
        _ arguments: borrowing Arguments,
        _ at: Int,
        _ what: String,
        expected: String
    ) throws(CommandFault) -> Int64 {
        guard at < arguments.count else { throw .cutOff(what, expected: expected) }
        guard let value = DecimalText.integer(arguments[at]), value >= 0 else {
            let got = CommandFault.quoted(arguments.text(at))
            throw CommandFault(
                .general,
                "\(what) is followed by \(got), which is no number from 0; expected \(expected)"
            )
        }
        return value
    }
}
