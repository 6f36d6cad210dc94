import Features
import Serving
import Wire

/// What stands behind the values of FS.SET, and behind the time of FS.DEL.
///
/// Its words count only in capitals, since features may stand where they stand. Options have any order.
struct RowOptions {
    /// The place behind the values.
    private(set) var valuesEnd = 4
    /// The places of the features that NULLS names.
    private(set) var nulls: Range<Int>?
    private(set) var source: SourceSequence?
    private(set) var allowsEarly1970 = false
    /// The place of the event's id, of FS.DEL.
    private(set) var event: Int?

    static let specs = [
        SourceOption.spec, ArgumentSpec("early", .token, token: "ALLOW1970", isOptional: true),
    ]

    static let eventSpec = ArgumentSpec("id", token: "ID", isOptional: true)

    private static let expected = "SOURCE name SEQ n, ALLOW1970"

    /// - Parameter hasValues: whether names and values come in pairs before the options: FS.SET.
    init(_ arguments: borrowing Arguments, hasValues: Bool) throws(CommandFault) {
        var index = 4
        while hasValues, index < arguments.count, !Self.isOption(arguments, index) { index += 2 }
        valuesEnd = min(index, arguments.count)
        index = valuesEnd
        var option = SourceOption()
        while index < arguments.count {
            switch arguments.text(index) {
            case "ALLOW1970":
                allowsEarly1970 = true
                index += 1
            case "SOURCE", "SEQ":
                try option.take(arguments, isName: arguments.text(index) == "SOURCE", at: index)
                index += 2
            case "ID" where !hasValues && event == nil:
                guard index + 1 < arguments.count else {
                    throw CommandFault(.general, "ID is followed by the id of the event that is deleted")
                }
                event = index + 1
                index += 2
            case "NULLS" where hasValues && nulls == nil:
                let names = try Self.nulls(arguments, from: index + 1)
                nulls = names
                index = names.upperBound
            case let word:
                guard hasValues else {
                    throw .unknownOption(word, command: "fs.del", expected: "ID id, \(Self.expected)")
                }
                throw CommandFault(
                    .general,
                    "behind the values only NULLS n feature …, \(Self.expected) may stand, got \(CommandFault.quoted(word))"
                )
            }
        }
        source = try option.finish()
    }

    private static func isOption(_ arguments: borrowing Arguments, _ index: Int) -> Bool {
        // The first letter tells nearly all names apart, without a string.
        let word = arguments[index]
        guard word.count > 0,
            word[0] == UInt8(ascii: "N") || word[0] == UInt8(ascii: "S") || word[0] == UInt8(ascii: "A")
        else { return false }
        return ["NULLS", "SOURCE", "SEQ", "ALLOW1970"].contains(arguments.text(index))
    }

    /// - Parameter start: the place of the number of features.
    private static func nulls(_ arguments: borrowing Arguments, from start: Int) throws(CommandFault) -> Range<Int> {
        guard start < arguments.count,
            let count = (try? ValueText.int64(arguments[start])).flatMap({ Int(exactly: $0) }),
            count >= 0, count <= arguments.count - start - 1
        else {
            throw CommandFault(.general, "NULLS is followed by the number of features and so many of their names")
        }
        return start + 1..<start + 1 + count
    }
}
