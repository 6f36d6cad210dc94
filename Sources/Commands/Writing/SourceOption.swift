import Features
import Serving
import Store
import Wire

/// `SOURCE name SEQ n`: by which a write that is sent again is known again.
struct SourceOption {
    private var name: String?
    private var sequence: Int64?

    static let spec = ArgumentSpec(
        "once",
        .block,
        isOptional: true,
        parts: [ArgumentSpec("source", token: "SOURCE"), ArgumentSpec("seq", .integer, token: "SEQ")]
    )

    /// Takes an option and its argument, which must be there.
    ///
    /// - Parameter word: the option's place.
    mutating func take(_ arguments: borrowing Arguments, isName: Bool, at word: Int) throws(CommandFault) {
        guard word + 1 < arguments.count else {
            throw .cutOff(isName ? "SOURCE" : "SEQ", expected: "SOURCE name SEQ n")
        }
        guard isName ? name == nil : sequence == nil else {
            throw CommandFault(.general, "\(isName ? "SOURCE" : "SEQ") is given twice")
        }
        if isName {
            name = try Self.name(arguments[word + 1])
        } else {
            guard let number = try? ValueText.int64(arguments[word + 1]), number >= 0 else {
                let text = CommandFault.quoted(arguments.text(word + 1))
                throw CommandFault(.value, "SEQ \(text): expected an integer that is not negative")
            }
            sequence = number
        }
    }

    /// - Throws: where one of the two is given without the other.
    func finish() throws(CommandFault) -> SourceSequence? {
        switch (name, sequence) {
        case (nil, nil): return nil
        case (let name?, let sequence?): return SourceSequence(source: name, sequence: sequence)
        default:
            throw CommandFault(
                .general,
                "SOURCE and SEQ go together: a source numbers its writes, each greater than the last"
            )
        }
    }

    /// The number of a write that is refused, however the rest of its options reads: the last SOURCE and the last SEQ that
    /// are whole.
    ///
    /// - Parameters:
    ///   - start: where options may stand, also with too few arguments.
    ///   - areCapitals: whether the words count only in capitals.
    static func number(
        in arguments: borrowing Arguments,
        from start: Int,
        areCapitals: Bool
    ) -> SourceSequence? {
        var name: String?
        var sequence: Int64?
        var index = arguments.count - 2
        while index >= start, name == nil || sequence == nil {
            defer { index -= 1 }
            let isName = arguments.matches(index, "SOURCE")
            guard isName || arguments.matches(index, "SEQ") else { continue }
            if areCapitals, arguments.text(index) != (isName ? "SOURCE" : "SEQ") { continue }
            if isName, name == nil { name = try? Self.name(arguments[index + 1]) }
            if !isName, sequence == nil {
                sequence = (try? ValueText.int64(arguments[index + 1])).flatMap { $0 >= 0 ? $0 : nil }
            }
        }
        guard let name, let sequence else { return nil }
        return SourceSequence(source: name, sequence: sequence)
    }

    private static func name(_ text: Span<UInt8>) throws(CommandFault) -> String {
        do throws(ValueTextError) {
            guard text.count > 0, text.count <= ServingLimits.writeSourceBytesMax else {
                throw .tooLong(bytes: text.count)
            }
            try ValueText.checkString(text)
        } catch {
            throw CommandFault(
                .value,
                "SOURCE: expected 1 to \(ServingLimits.writeSourceBytesMax) bytes of UTF-8 without U+0000, got \(text.count) bytes"
            )
        }
        return text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
