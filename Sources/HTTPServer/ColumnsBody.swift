import Columnar
import NIOHTTP1
import Wire

/// Reads the JSON of other systems' requests: members by name, columns of values, texts.
struct ColumnsBody {
    typealias Columns = [(name: String, cells: [Field])]

    /// Reads a body that is one object.
    /// - Parameter member: takes the value of each member, at which the scanner stands.
    static func read(
        _ body: [UInt8],
        _ member: (String, inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(HTTPFault) {
        do throws(JSONSyntaxError) {
            let bytes = body.span
            guard (try? UTF8Span(validating: bytes)) != nil else {
                throw JSONSyntaxError(reason: "it is not valid UTF-8")
            }
            var scanner = JSONScanner(bytes, from: 0, to: bytes.count)
            try object(&scanner, "the body", member)
            scanner.skipBlanks()
            guard scanner.isAtEnd else { throw JSONSyntaxError(reason: "text follows the JSON object") }
        } catch {
            throw fault(error)
        }
    }

    static let tooMany = JSONSyntaxError(
        reason: "more than \(WireLimits.argumentsMax) values or rows; send several requests",
        isTooMuch: true
    )

    /// - Returns: 413 where the body is right and too large, else 400.
    static func fault(_ error: JSONSyntaxError) -> HTTPFault {
        let message = "the body: \(error.reason)"
        return error.isTooMuch
            ? HTTPFault(CommandFault(.limit, message)) : HTTPFault(.badRequest, message)
    }

    static func object(
        _ scanner: inout JSONScanner,
        _ what: String,
        _ member: (String, inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        guard scanner.take(UInt8(ascii: "{")) else { throw JSONSyntaxError(reason: "\(what) is no JSON object") }
        if scanner.take(UInt8(ascii: "}")) { return }
        var given: Set<String> = []
        while true {
            let name = JSONText.string(try scanner.key(), in: scanner.bytes)
            guard given.insert(name).inserted else {
                throw JSONSyntaxError(reason: "\(what): \(CommandFault.quoted(name)) stands twice")
            }
            try member(name, &scanner)
            if scanner.take(UInt8(ascii: "}")) { return }
            guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or '}'") }
        }
    }

    /// - Parameter element: takes an element, at which the scanner stands.
    static func array(
        _ scanner: inout JSONScanner,
        _ what: String,
        _ element: (inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        guard scanner.take(UInt8(ascii: "[")) else { throw JSONSyntaxError(reason: "\(what) is no JSON array") }
        if scanner.take(UInt8(ascii: "]")) { return }
        while true {
            try element(&scanner)
            if scanner.take(UInt8(ascii: "]")) { return }
            guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or ']'") }
        }
    }

    static func text(_ scanner: inout JSONScanner, _ what: String) throws(JSONSyntaxError) -> String {
        let value = try scanner.value()
        guard value.kind == .string || value.kind == .stringEscaped else {
            throw JSONSyntaxError(reason: "\(what): expected a string, got \(value.kind.jsonDescription)")
        }
        return JSONText.string(value, in: scanner.bytes)
    }

    /// The values of one column.
    static func cells(_ scanner: inout JSONScanner, _ what: String, already: Int) throws(JSONSyntaxError) -> [Field] {
        var cells: [Field] = []
        try array(&scanner, what) { scanner throws(JSONSyntaxError) in
            guard already + cells.count < WireLimits.argumentsMax else {
                throw tooMany
            }
            cells.append(try scanner.value())
        }
        return cells
    }

    /// How many rows columns have.
    /// - Throws: 400 where they differ.
    static func rowCount(_ columns: Columns) throws(HTTPFault) -> Int {
        guard let first = columns.first else { return 1 }
        if let other = columns.first(where: { $0.cells.count != first.cells.count }) {
            throw HTTPFault(
                .badRequest,
                "\(CommandFault.quoted(other.name)) has \(other.cells.count) values and \(CommandFault.quoted(first.name)) \(first.cells.count)"
            )
        }
        return first.cells.count
    }
}
