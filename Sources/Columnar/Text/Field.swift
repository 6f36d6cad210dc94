/// What a field is, as the grammar alone tells.
package enum FieldKind: UInt8, Sendable {
    /// CSV without quotes.
    case bare
    /// CSV in quotes; the field's bytes are what stands between them.
    case quoted
    /// As ``quoted``, with doubled quotes inside.
    case quotedEscaped
    /// The JSON object has no such key.
    case absent
    case null
    case `true`
    case `false`
    case number
    /// The field's bytes are what stands between the quotes.
    case string
    /// As ``string``, with backslash escapes inside.
    case stringEscaped
    /// The field's bytes include the brackets.
    case array
    case object

    /// This kind's bit in a set of kinds.
    var bit: UInt16 { 1 << UInt16(rawValue) }

    var isEscaped: Bool { self == .quotedEscaped || self == .stringEscaped }

    /// As the end of a sentence.
    package var jsonDescription: String {
        switch self {
        case .bare, .quoted, .quotedEscaped: "a text"
        case .absent: "absent"
        case .null: "null"
        case .true, .false: "a JSON true/false"
        case .number: "a JSON number"
        case .string, .stringEscaped: "a JSON string"
        case .array: "a JSON array"
        case .object: "a JSON object"
        }
    }
}

/// One field of one row: bytes `start..<end` of the buffer that it was found in.
package struct Field: Sendable {
    package var start: UInt32
    package var end: UInt32
    package var kind: FieldKind

    package static let absent = Field(start: 0, end: 0, kind: .absent)

    package var range: Range<Int> { Int(start)..<Int(end) }
}

/// The fields of the rows that one buffer holds completely, row after row.
struct FieldTable {
    /// Fields a row.
    let stride: Int
    /// Field *c* of row *r* is `fields[r * stride + c]`.
    var fields: [Field] = []
    /// The line on which each row starts, from 1.
    var lines: [Int] = []
    /// Where each row starts and ends in the buffer, without its line end.
    var extents: [Range<UInt32>] = []

    init(stride: Int) { self.stride = stride }

    var rowCount: Int { lines.count }

    mutating func removeAll() {
        fields.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        extents.removeAll(keepingCapacity: true)
    }
}

/// Text that does not follow its format's grammar.
struct GrammarError: Error {
    /// The line to name, from 1.
    var line: Int
    /// The name of the column, where one can be told.
    var column: String?
    var reason: String
    /// Whether the error belongs to a data row, which then is named too.
    var isRow = true
    /// A key that nobody asked for, which has a message of its own.
    var isUnknownKey = false
    /// Where the record ends, with its line end, and how many lines it has, where reading can go on behind it.
    var resume: (position: Int, lines: Int)?
}
