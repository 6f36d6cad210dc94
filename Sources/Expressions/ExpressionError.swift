/// Why a text is no expression, and where.
package struct ExpressionError: Error, Equatable, CustomStringConvertible {
    /// In the text's UTF-8, from 0.
    package let offset: Int
    /// From 1, within the text.
    package let line: Int
    /// In characters (Unicode scalars) of that line, from 1.
    package let column: Int
    /// What is wrong and what was expected, without the place.
    package let message: String

    init(_ message: String, at offset: Int, in text: [UInt8]) {
        self.offset = offset
        self.message = message
        var (line, column) = (1, 1)
        for byte in text.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.line = line
        self.column = column
    }

    package var description: String { "line \(line), column \(column): \(message)" }
}

/// An error without the text that it is about: where, in UTF-8 from 0, and what.
struct Fault: Error {
    var offset: Int
    var message: String

    init(_ message: String, at offset: Int) {
        self.offset = offset
        self.message = message
    }
}
