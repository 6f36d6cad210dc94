package import Features
package import PointInTime

/// Where one column of records comes from.
package struct DocumentRequest: Sendable {
    package var path: StreamPath
    package var type: FeatureType
    /// Whether a record that lacks the path has a null there; else it is bad.
    package var absentIsNull: Bool
    package var times: TimeReading
    /// Whether messages may not show values.
    package var isPII: Bool

    package init(
        path: StreamPath,
        type: FeatureType,
        absentIsNull: Bool = false,
        times: TimeReading = TimeReading(),
        isPII: Bool = false
    ) {
        self.path = path
        self.type = type
        self.absentIsNull = absentIsNull
        self.times = times
        self.isPII = isPII
    }
}

/// A value of a record that is none of its column's type.
package struct DocumentFault: Sendable, Hashable {
    /// Counted among the records taken, from 0.
    package var row: Int
    /// As a sentence that begins with the path.
    package var reason: String
}

/// Turns records, each a JSON object with or without a key beside it, into columns.
///
/// Each record is scanned once when it comes, for where the values of the paths lie; the values are decoded column by
/// column at the end, by the loops that files are read with. Bytes are kept until then.
package struct DocumentColumns {
    private let requests: [DocumentRequest]
    private let values: PathTree
    private let keys: PathTree
    /// The records' bytes, one after the other.
    private var bytes: [UInt8] = []
    private var table: FieldTable
    package private(set) var rowCount = 0

    package init(_ requests: [DocumentRequest]) {
        self.requests = requests
        values = PathTree(requests.map(\.path), root: .value)
        keys = PathTree(requests.map(\.path), root: .key)
        table = FieldTable(stride: requests.count)
    }

    /// Of the records that wait to be decoded.
    package var byteCount: Int { bytes.count }

    /// Takes a record.
    /// - Parameters:
    ///   - value: `nil` = a tombstone; all paths into it are null then.
    ///   - key: `nil` = none, likewise.
    /// - Returns: why it was not taken, as a sentence; `nil` = it was.
    package mutating func append(value: Span<UInt8>?, key: Span<UInt8>?) -> String? {
        let size = (value?.count ?? 0) + (key?.count ?? 0)
        guard size <= ColumnarLimits.recordBytesMax else {
            return "the record has \(size) bytes; \(ColumnarLimits.recordBytesMax) are allowed"
        }
        let (bytesBefore, fieldsBefore) = (bytes.count, table.fields.count)
        table.fields.append(contentsOf: repeatElement(.absent, count: requests.count))
        do throws(JSONSyntaxError) {
            try take(key, keys, at: fieldsBefore, isText: true)
            try take(value, values, at: fieldsBefore, isText: false)
        } catch {
            bytes.removeLast(bytes.count - bytesBefore)
            table.fields.removeLast(table.fields.count - fieldsBefore)
            return error.reason
        }
        rowCount += 1
        return nil
    }

    /// - Parameter isText: whether the part itself is a text, not JSON, where a path has no steps.
    private mutating func take(
        _ part: Span<UInt8>?,
        _ tree: PathTree,
        at first: Int,
        isText: Bool
    ) throws(JSONSyntaxError) {
        guard !tree.isEmpty || !isText else { return }
        guard let part else {
            for request in tree.requests { table.fields[first + request].kind = .null }
            return
        }
        let start = bytes.count
        // Safe: the pointer is used only within the closure.
        part.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        let whole = Field(start: UInt32(start), end: UInt32(bytes.count), kind: .quoted)
        if isText {
            for request in tree.nodes[0].requests { table.fields[first + request] = whole }
            if tree.nodes[0].isLeaf { return }
        }
        // A second reference, not a copy: nothing writes to the bytes while they are scanned.
        let buffer = bytes
        try tree.scan(buffer.span, whole, isText: isText, into: &table.fields, at: first)
    }

    /// Decodes the records taken, and forgets them.
    /// - Returns: the columns in the order of the requests, a null where there is a fault; the faults, by row.
    package mutating func finish() -> (columns: [Column], faults: [DocumentFault]) {
        var columns: [Column] = []
        var faults: [DocumentFault] = []
        let (buffer, fields) = (bytes, table.fields)
        for (offset, request) in requests.enumerated() {
            var decoder = FieldDecoder(
                bytes: buffer.span,
                fields: fields.span,
                stride: requests.count,
                rowCount: rowCount,
                nullTexts: NullTexts([]),
                times: request.times,
                stopsAtFailure: false
            )
            var builder = ColumnBuilder(type: request.type)
            decoder.decode(
                offset,
                absentIsNull: request.absentIsNull,
                rounding: request.times.rounding,
                into: &builder
            )
            columns.append(builder.finish())
            for failure in decoder.failures {
                faults.append(DocumentFault(row: failure.row, reason: Self.reason(failure, request, buffer)))
            }
        }
        bytes.removeAll(keepingCapacity: true)
        table.removeAll()
        rowCount = 0
        faults.sort { $0.row < $1.row }
        return (columns, faults)
    }

    private static func reason(_ failure: DecodeFailure, _ request: DocumentRequest, _ bytes: [UInt8]) -> String {
        let path = request.path.text
        let value = request.isPII ? "a value" : "'\(ColumnarError.shown(bytes[failure.field.range]))'"
        switch failure.reason {
        case .absent:
            return "\(path) is not there; expected \(request.type.text) (a feature may be absent where its view says "
                + "missing: null)"
        case .kind: return "\(path) is \(failure.field.kind.jsonDescription); expected \(request.type.text)"
        case .text(let error): return "\(path) is \(value); expected \(request.type.text): \(error.reason)"
        }
    }
}

/// The paths of one part of a record as a tree, so that the part is walked once.
private struct PathTree {
    struct Node {
        var members: [(name: [UInt8], node: Int)] = []
        var elements: [(place: Int, node: Int)] = []
        /// The places of the paths that end here.
        var requests: [Int] = []

        var isLeaf: Bool { members.isEmpty && elements.isEmpty }
    }

    private(set) var nodes = [Node()]
    /// The places of all its paths.
    private(set) var requests: [Int] = []

    var isEmpty: Bool { requests.isEmpty }

    init(_ paths: [StreamPath], root: StreamPath.Root) {
        for (place, path) in paths.enumerated() where path.root == root {
            requests.append(place)
            var node = 0
            for step in path.steps { node = child(of: node, step) }
            nodes[node].requests.append(place)
        }
    }

    private mutating func child(of node: Int, _ step: StreamPath.Step) -> Int {
        let new = nodes.count
        switch step {
        case .member(let name):
            let name = Array(name.utf8)
            if let known = nodes[node].members.first(where: { $0.name == name }) { return known.node }
            nodes[node].members.append((name, new))
        case .element(let place):
            if let known = nodes[node].elements.first(where: { $0.place == place }) { return known.node }
            nodes[node].elements.append((place, new))
        }
        nodes.append(Node())
        return new
    }

    /// Finds the values of the paths in one JSON text.
    /// - Parameter isText: whether paths without steps mean the text as it stands, and have been found.
    func scan(
        _ bytes: Span<UInt8>,
        _ part: Field,
        isText: Bool,
        into fields: inout [Field],
        at first: Int
    ) throws(JSONSyntaxError) {
        guard (try? UTF8Span(validating: bytes.extracting(part.range))) != nil else {
            throw JSONSyntaxError(reason: "it is not valid UTF-8")
        }
        var scanner = JSONScanner(bytes, from: Int(part.start), to: Int(part.end))
        let value = try scanner.value()
        scanner.skipBlanks()
        guard scanner.isAtEnd else { throw JSONSyntaxError(reason: "text follows the JSON value") }
        if !isText {
            guard value.kind == .object || nodes[0].isLeaf else {
                throw JSONSyntaxError(reason: "the record is to be a JSON object, got \(value.kind.jsonDescription)")
            }
            for request in nodes[0].requests { fields[first + request] = value }
        }
        try descend(bytes, value, 0, into: &fields, at: first)
    }

    /// Finds the paths below `node` in a value of which it is known that it is well-formed.
    private func descend(
        _ bytes: Span<UInt8>,
        _ value: Field,
        _ node: Int,
        into fields: inout [Field],
        at first: Int
    ) throws(JSONSyntaxError) {
        if nodes[node].isLeaf { return }
        var scanner = JSONScanner(bytes, from: Int(value.start) + 1, to: Int(value.end))
        switch value.kind {
        case .object:
            while !scanner.take(UInt8(ascii: "}")) {
                _ = scanner.take(UInt8(ascii: ","))
                let key = try scanner.key()
                let member = try scanner.value()
                guard let child = child(of: node, key, bytes) else { continue }
                if let request = nodes[child].requests.first, fields[first + request].kind != .absent {
                    throw JSONSyntaxError(reason: "the key '\(JSONText.string(key, in: bytes))' stands twice")
                }
                for request in nodes[child].requests { fields[first + request] = member }
                try descend(bytes, member, child, into: &fields, at: first)
            }
        case .array:
            var place = 0
            while !scanner.take(UInt8(ascii: "]")) {
                _ = scanner.take(UInt8(ascii: ","))
                let element = try scanner.value()
                if let child = nodes[node].elements.first(where: { $0.place == place })?.node {
                    for request in nodes[child].requests { fields[first + request] = element }
                    try descend(bytes, element, child, into: &fields, at: first)
                }
                place += 1
            }
        case .null:
            // What would stand below a null is null.
            setNull(node, into: &fields, at: first)
        default: return
        }
    }

    private func setNull(_ node: Int, into fields: inout [Field], at first: Int) {
        for child in nodes[node].members.map(\.node) + nodes[node].elements.map(\.node) {
            for request in nodes[child].requests { fields[first + request].kind = .null }
            setNull(child, into: &fields, at: first)
        }
    }

    private func child(of node: Int, _ key: Field, _ bytes: Span<UInt8>) -> Int? {
        if key.kind == .stringEscaped {
            let name = Array(JSONText.string(key, in: bytes).utf8)
            return nodes[node].members.first { $0.name == name }?.node
        }
        search: for (name, child) in nodes[node].members where name.count == key.range.count {
            for index in name.indices where bytes[Int(key.start) + index] != name[index] { continue search }
            return child
        }
        return nil
    }
}
