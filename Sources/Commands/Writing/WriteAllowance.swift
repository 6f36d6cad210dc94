import Serving
import Store
import Wire

/// What the writes of one transaction may still have together: as much as one FS.WRITE, of text, of rows and of their
/// values. The write that uses it up is the last one.
package struct WriteAllowance: Sendable {
    private(set) var rows = ServingLimits.writeRowsMax
    private(set) var valueBytes = ServingLimits.writeValueBytesMax
    private var textBytes = ServingLimits.writeBytesMax
    /// Bytes of text and of values that are still decoded on an event loop.
    private var inlineBytes = CommandLimits.inlineValueBytesMax
    /// Errors of which the replies tell.
    private var errors = CommandLimits.transactionErrorsMax
    private var isGivenUp = false

    package init() {}

    /// About the memory of what was prepared, in bytes.
    package var takenBytes: Int {
        ServingLimits.writeValueBytesMax - valueBytes + ServingLimits.writeBytesMax - textBytes
    }

    /// Nothing of the transaction will be stored: of the writes that follow only the numbers are looked at.
    package mutating func giveUp() { isGivenUp = true }

    /// - Throws: where no further write may be prepared.
    func check() throws(CommandFault) {
        if isGivenUp { throw CommandFault(.general, "another write of the transaction failed") }
        if rows <= 0 { throw .tooMuchTogether("\(ServingLimits.writeRowsMax) rows") }
        if valueBytes <= 0 {
            throw .tooMuchTogether("\(ServingLimits.writeValueBytesMax) bytes of values, nulls included")
        }
    }

    /// How many errors the next reply may tell.
    var shownErrors: Int { min(CommandLimits.toldErrorsMax, errors) }

    mutating func take(_ decoded: PreparedWrite.Decoded) {
        errors -= decoded.errorCount
        rows -= decoded.item.rowCount
        valueBytes -= decoded.item.memoryBytes
    }

    /// Of lines that are decoded later.
    mutating func take(textBytes count: Int) throws(CommandFault) {
        guard count <= textBytes else { throw .tooMuchTogether("\(ServingLimits.writeBytesMax) bytes of lines") }
        textBytes -= count
    }

    /// - Returns: how many bytes of values lines may become that are decoded at once; `nil` = they are decoded later.
    func inlineValueBytes(ofText count: Int) -> Int? { count < inlineBytes ? inlineBytes - count : nil }

    /// Lines were decoded at once, or were not because they became too much: then no others are tried.
    mutating func takeInline(ofText count: Int, _ decoded: PreparedWrite.Decoded?) {
        inlineBytes = decoded.map { inlineBytes - count - $0.item.memoryBytes } ?? 0
    }
}

extension CommandFault {
    fileprivate static func tooMuchTogether(_ what: String) -> CommandFault {
        CommandFault(.limit, "the writes of a transaction together have more than \(what); send several")
    }
}
