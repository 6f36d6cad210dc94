import Columnar
import Features
import NIOHTTP1
import Serving
import Wire

/// The JSON of a request for rows of a service, as arguments of FS.SERVE and ML.PREDICT.
///
/// Rows come by column, `{"keys": {"user_id": [1001, 1002]}}`, where a single value is a column of one row, or one by one,
/// `{"rows": [{"user_id": 1001}]}`. Values go on as the text that they have, so that an integer of 64 bits stays what it is.
/// Read from left to right without a tree; memory is bounded by the body's size and `WireLimits.argumentsMax` values.
struct RowBody {
    /// Members besides the rows.
    enum Option: String, CaseIterable {
        case meta, at
        case minPosition = "min_position"
        case features, id, log
    }

    /// What stands for null among the values: no text of a request has a NUL.
    static let null = "\u{0}null"

    let service: ServicePlan
    private let allowed: Set<Option>
    var words: CommandWords
    private(set) var names: [String] = []
    /// Values, row after row, or column after column where ``isByColumn``.
    private(set) var cells: [Field] = []
    private(set) var isByColumn = false
    private(set) var rowCount: Int?
    var hasNull = false
    /// What follows the rows.
    private(set) var options: [String] = []
    private var given: Set<String> = []

    /// - Parameters:
    ///   - body: the request's, with what it is to be in an error.
    ///   - command: with what stands before KEYS: `FS.SERVE`, `ranking@3`.
    ///   - service: whose keys and request fields have types.
    ///   - allowed: which options there are.
    /// - Throws: 400 for what is no such JSON, with what and where; FSENTITY, FSVALUE for values of another kind than their
    ///   key's or field's; FSLIMIT for too many.
    static func words(
        _ body: [UInt8],
        command: [String],
        _ service: ServicePlan,
        _ allowed: Set<Option>
    ) throws(HTTPFault) -> CommandWords {
        var read = RowBody(body, service, allowed)
        do throws(JSONSyntaxError) { try read.scan(body.span) } catch {
            throw ColumnsBody.fault(error)
        }
        return try read.words(command)
    }

    /// - Parameter columns: as they lie in the body, all of `rowCount` values.
    static func words(
        _ body: [UInt8],
        command: [String],
        _ service: ServicePlan,
        columns: [(name: String, cells: [Field])],
        rowCount: Int,
        options: [String]
    ) throws(HTTPFault) -> CommandWords {
        var read = RowBody(body, service, [])
        read.names = columns.map(\.name)
        read.cells = columns.flatMap(\.cells)
        read.isByColumn = true
        read.rowCount = rowCount
        read.options = options
        return try read.words(command)
    }

    private init(_ body: [UInt8], _ service: ServicePlan, _ allowed: Set<Option>) {
        self.service = service
        self.allowed = allowed
        words = CommandWords(over: body)
    }

    private mutating func scan(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        guard (try? UTF8Span(validating: bytes)) != nil else { throw JSONSyntaxError(reason: "it is not valid UTF-8") }
        var scanner = JSONScanner(bytes, from: 0, to: bytes.count)
        scanner.skipBlanks()
        guard !scanner.isAtEnd else { throw JSONSyntaxError(reason: "it is empty; \(expected)") }
        guard scanner.take(UInt8(ascii: "{")) else {
            throw JSONSyntaxError(
                reason: "expected a JSON object, got \(try scanner.value().kind.jsonDescription); \(expected)"
            )
        }
        try members(&scanner, of: "the object") { this, name, scanner throws(JSONSyntaxError) in
            guard this.given.insert(name).inserted else {
                throw JSONSyntaxError(reason: "'\(Self.shown(name))' stands twice")
            }
            switch name {
            case "keys": try this.scanColumns(&scanner)
            case "rows": try this.scanRows(&scanner)
            default: try this.scanOption(name, &scanner)
            }
        }
        scanner.skipBlanks()
        guard scanner.isAtEnd else { throw JSONSyntaxError(reason: "text follows the JSON object") }
        guard given.contains("keys") != given.contains("rows") else {
            throw JSONSyntaxError(
                reason: given.contains("keys")
                    ? "it has both keys and rows; \(expected)" : "it has no rows; \(expected)"
            )
        }
    }

    /// Of the service's keys, then of its request fields that are none.
    private var requestNames: [String] {
        let keys = service.keys.map(\.name)
        return keys + service.inputs.fields.map(\.name).filter { !keys.contains($0) }
    }

    private var expected: String {
        let names = requestNames
        let keys = names.prefix(4).map { "\"\($0)\": […]" }.joined(separator: ", ") + (names.count > 4 ? ", …" : "")
        return "expected {\"keys\": {\(keys)}} or {\"rows\": [{…}]}"
    }

    private static func shown(_ text: String) -> String {
        String(CommandFault.quoted(text).dropFirst().dropLast())
    }

    /// Takes the members of an object whose brace has been taken.
    private mutating func members(
        _ scanner: inout JSONScanner,
        of what: String,
        _ body: (inout RowBody, String, inout JSONScanner) throws(JSONSyntaxError) -> Void
    ) throws(JSONSyntaxError) {
        if scanner.take(UInt8(ascii: "}")) { return }
        while true {
            let name = JSONText.string(try scanner.key(), in: scanner.bytes)
            try body(&self, name, &scanner)
            if scanner.take(UInt8(ascii: "}")) { return }
            guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or '}'") }
        }
    }

    private mutating func add(_ cell: Field) throws(JSONSyntaxError) {
        guard cells.count < WireLimits.argumentsMax else {
            throw ColumnsBody.tooMany
        }
        guard cell.kind != .object else {
            throw JSONSyntaxError(reason: "a value is a JSON object; expected a value of a column")
        }
        cells.append(cell)
    }

    /// No request has a use for more names than its service has: each row's are looked up among them.
    private mutating func addName(_ name: String) throws(JSONSyntaxError) {
        let namesMax = service.keys.count + service.inputs.fields.count + service.definition.columns.count
        guard names.count < namesMax else {
            throw JSONSyntaxError(
                reason: "more names than the \(namesMax) keys, request fields and columns of the service"
            )
        }
        names.append(name)
    }

    private mutating func scanColumns(_ scanner: inout JSONScanner) throws(JSONSyntaxError) {
        isByColumn = true
        guard scanner.take(UInt8(ascii: "{")) else {
            throw JSONSyntaxError(reason: "keys: got \(try scanner.value().kind.jsonDescription); \(expected)")
        }
        try members(&scanner, of: "keys") { this, name, scanner throws(JSONSyntaxError) in
            try this.addName(name)
            let start = this.cells.count
            if scanner.take(UInt8(ascii: "[")) {
                if !scanner.take(UInt8(ascii: "]")) {
                    while true {
                        try this.add(try scanner.value())
                        if scanner.take(UInt8(ascii: "]")) { break }
                        guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or ']'") }
                    }
                }
            } else {
                try this.add(try scanner.value())
            }
            let count = this.cells.count - start
            if let rowCount = this.rowCount, rowCount != count {
                throw JSONSyntaxError(
                    reason:
                        "keys: '\(Self.shown(name))' has \(count) values and '\(Self.shown(this.names[0]))' \(rowCount)"
                )
            }
            this.rowCount = count
        }
        // Global views alone have no keys, and one row.
        rowCount = rowCount ?? 1
    }

    private mutating func scanRows(_ scanner: inout JSONScanner) throws(JSONSyntaxError) {
        guard scanner.take(UInt8(ascii: "[")) else {
            throw JSONSyntaxError(reason: "rows: got \(try scanner.value().kind.jsonDescription); \(expected)")
        }
        var row = 0
        if !scanner.take(UInt8(ascii: "]")) {
            while true {
                guard row < WireLimits.argumentsMax else {
                    throw ColumnsBody.tooMany
                }
                try scanRow(row, &scanner)
                row += 1
                if scanner.take(UInt8(ascii: "]")) { break }
                guard scanner.take(UInt8(ascii: ",")) else { throw scanner.unexpected("',' or ']'") }
            }
        }
        // No rows have no names; they are rows of what the service takes.
        if row == 0 { names = requestNames }
        rowCount = row
    }

    /// The first row's names are those of all rows.
    private mutating func scanRow(_ row: Int, _ scanner: inout JSONScanner) throws(JSONSyntaxError) {
        guard scanner.take(UInt8(ascii: "{")) else {
            throw JSONSyntaxError(
                reason: "row \(row + 1) is \(try scanner.value().kind.jsonDescription); expected a JSON object"
            )
        }
        let start = cells.count
        if row > 0 { for _ in names { try add(.absent) } }
        var count = 0
        try members(&scanner, of: "the row") { this, name, scanner throws(JSONSyntaxError) in
            let value = try scanner.value()
            count += 1
            guard row > 0 else {
                try this.addName(name)
                return try this.add(value)
            }
            // Rows mostly have one order of names.
            let place =
                count <= this.names.count && this.names[count - 1] == name
                ? count - 1 : this.names.firstIndex(of: name)
            guard let place else {
                throw JSONSyntaxError(reason: "row \(row + 1) has '\(Self.shown(name))', which row 1 does not have")
            }
            guard this.cells[start + place].kind == .absent else {
                throw JSONSyntaxError(reason: "row \(row + 1) has '\(Self.shown(name))' twice")
            }
            guard value.kind != .object else {
                throw JSONSyntaxError(reason: "row \(row + 1): '\(Self.shown(name))' is a JSON object")
            }
            this.cells[start + place] = value
        }
        if row > 0, let missing = names.indices.first(where: { cells[start + $0].kind == .absent }) {
            throw JSONSyntaxError(reason: "row \(row + 1) lacks '\(Self.shown(names[missing]))', which row 1 has")
        }
    }

    private mutating func scanOption(_ name: String, _ scanner: inout JSONScanner) throws(JSONSyntaxError) {
        guard let option = Option(rawValue: name), allowed.contains(option) else {
            let known = ["keys", "rows"] + Option.allCases.filter(allowed.contains).map(\.rawValue)
            throw JSONSyntaxError(
                reason: "unknown member '\(Self.shown(name))'; expected \(known.joined(separator: ", "))"
            )
        }
        let value = try scanner.value()
        let text = JSONText.string(value, in: scanner.bytes)
        func refuse(_ expected: String) -> JSONSyntaxError {
            JSONSyntaxError(reason: "\(name): expected \(expected), got \(value.kind.jsonDescription)")
        }
        switch option {
        case .meta, .features, .log:
            guard value.kind == .true || value.kind == .false else { throw refuse("true or false") }
            let isSet = value.kind == .true
            if option == .log {
                if !isSet { options.append("NOLOG") }
            } else if isSet {
                options.append(name.uppercased())
            }
        case .minPosition:
            guard value.kind == .number else { throw refuse("a position") }
            options += ["MINPOS", text]
        case .at:
            guard [.number, .string, .stringEscaped].contains(value.kind) else {
                throw refuse("a time, as \"2026-01-31T00:00:00Z\" or in µs")
            }
            options += ["AT", text]
        case .id:
            guard value.kind == .string || value.kind == .stringEscaped else { throw refuse("a text") }
            options += ["ID", text]
        }
    }
}
