/// What a client calls a source of its writes.
///
/// Names are equal where their bytes are, as in PostgreSQL's collation "C": two spellings that mean one text in Unicode are
/// two sources.
package struct SourceName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package static func == (left: SourceName, right: SourceName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
