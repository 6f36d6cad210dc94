import Features
package import Online
import PointInTime
package import Serving
import Store
package import Wire

/// The keys that a request looks up in one view, in the form in which the view's memory finds them.
package struct LookupKeys: Sendable {
    private let view: ServedView
    /// For views with ``RowLayout/KeyForm/int64`` keys.
    private(set) var integers: [Int64] = []
    /// For the others: each key's canonical bytes, one behind another, and where each ends.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var scratch: EntityKey
    /// The keys' values, one array a key column, kept only for what may ask PostgreSQL.
    private var values: [[Value]]

    /// - Parameter isTimed: whether rows of an earlier time, or beside windows, are asked for, which may have to come from history.
    package init(_ view: ServedView, capacity: Int, isTimed: Bool = false) {
        self.view = view
        scratch = EntityKey(view.layout.keys)
        let mayAsk = view.residentRows == nil || view.windows != nil || isTimed
        values = mayAsk ? view.definition.keys.map { _ in [] } : []
        if isInteger { integers.reserveCapacity(capacity) } else { ends.reserveCapacity(capacity) }
    }

    /// Keys with every character escaped, and their names.
    private static let textBytesMax = 4 * DefinitionLimits.keyBytesMax

    /// What the keys take, and some more where they are to be fetched.
    package var byteCount: Int { 8 * (integers.count + ends.count) + bytes.count }

    /// The same with what is kept to fetch them: about as much again, and a value each.
    var memoryBytes: Int {
        values.isEmpty ? byteCount : 2 * byteCount + values.reduce(0) { $0 + $1.count * MemoryLayout<Value>.stride }
    }

    private var isInteger: Bool { view.layout.keyForm == .int64 }

    package var count: Int { isInteger ? integers.count : ends.count }

    /// Adds an entity: a bare key, or `name=value` pairs.
    package mutating func append(entity text: Span<UInt8>) throws(CommandFault) {
        let keys = view.definition.keys
        if isInteger, keys.count == 1, let value = DecimalText.integer(text) { return append(value) }
        guard text.count <= Self.textBytesMax else {
            throw .entity("the entity has \(text.count) bytes; \(Self.textBytesMax) are allowed", view: view.name)
        }
        // Replacement characters would name another entity.
        guard (try? UTF8Span(validating: text)) != nil else {
            throw .entity("the entity is not valid UTF-8", view: view.name)
        }
        let entity = text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        do {
            append(try EntityText.parse(entity, keys: keys))
        } catch {
            throw .entity(error.description, view: view.name)
        }
    }

    /// Adds the entity that some of a request row's values name.
    /// - Parameters:
    ///   - start: the argument that the row begins with.
    ///   - places: for each of the view's keys, its place in the row.
    ///   - names: for each of the view's keys, what the request calls it; for errors.
    package mutating func append(
        _ arguments: borrowing Arguments,
        from start: Int,
        places: [Int],
        row: Int,
        names: (Int) -> String
    ) throws(CommandFault) {
        let keys = view.definition.keys
        if isInteger, places.count == 1, let value = DecimalText.integer(arguments[start + places[0]]) {
            return append(value)
        }
        var entity: [Value] = []
        for (index, key) in keys.enumerated() {
            let text = arguments[start + places[index]]
            do throws(ValueTextError) {
                switch key.type {
                case .int64: entity.append(.int64(try ValueText.integer(text)))
                case .string:
                    guard text.count <= DefinitionLimits.keyBytesMax else { throw .tooLong(bytes: text.count) }
                    try ValueText.checkString(text)
                    entity.append(.string(arguments.text(start + places[index])))
                }
            } catch {
                let reason =
                    if case .tooLong(let count) = error {
                        "it has \(count) bytes; \(DefinitionLimits.keyBytesMax) are allowed"
                    } else {
                        error.reason
                    }
                throw CommandFault(
                    .entity,
                    "row \(row + 1), key '\(names(index))': expected \(key.type.rawValue), got "
                        + "\(CommandFault.quoted(arguments.text(start + places[index]))): \(reason)"
                )
            }
        }
        append(entity)
    }

    private mutating func append(_ value: Int64) {
        integers.append(value)
        if !values.isEmpty { values[0].append(.int64(value)) }
    }

    private mutating func append(_ entity: [Value]) {
        for index in values.indices { values[index].append(entity[index]) }
        if isInteger {
            // A global view has one entity, 0.
            if case .int64(let value)? = entity.first { integers.append(value) } else { integers.append(0) }
            return
        }
        scratch.reset()
        scratch.append(entity)
        bytes += scratch.bytes
        ends.append(bytes.count)
    }

    /// Adds another list's keys of the same view.
    package mutating func append(_ other: LookupKeys) {
        integers += other.integers
        ends += other.ends.map { $0 + bytes.count }
        bytes += other.bytes
        for index in values.indices { values[index] += other.values[index] }
    }

    /// Looks all keys up; the result of key *i* is at `role + i × roles`.
    package func find(_ role: Int, in rows: borrowing FoundRows, _ reader: ViewMemory.SharedReader) {
        find(0..<count, role, in: rows, reader)
    }

    /// Looks some of the keys up; the result of the range's key *i* is at `role + i × roles`. Of keys that are not there
    /// nothing is found.
    func find(
        _ range: Range<Int>,
        _ role: Int,
        in rows: borrowing FoundRows,
        _ reader: ViewMemory.SharedReader
    ) {
        let range = range.clamped(to: 0..<count)
        var index = role
        if isInteger {
            for key in integers[range] {
                rows.set(index, reader.row(key))
                index &+= rows.roleCount
            }
            return
        }
        bytes.withUnsafeBytes { bytes in
            var start = range.lowerBound == 0 ? 0 : ends[range.lowerBound - 1]
            for end in ends[range] {
                rows.set(index, reader.row(keyBytes: UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
                start = end
                index &+= rows.roleCount
            }
        }
    }

    /// Where some of the keys have their events.
    func places(_ range: Range<Int>, in events: EventMemory) -> [Int] {
        let range = range.clamped(to: 0..<count)
        if isInteger { return integers[range].map { events.place($0) } }
        return bytes.withUnsafeBytes { bytes in
            range.map { key in
                let start = key == 0 ? 0 : ends[key - 1]
                return events.place(keyBytes: UnsafeRawBufferPointer(rebasing: bytes[start..<ends[key]]))
            }
        }
    }

    /// The keys of several roles of a view that is not resident, as one query takes them: a column a key.
    static func columns(_ roles: [LookupKeys]) -> [Column] {
        guard let view = roles.first?.view else { return [] }
        return view.definition.keys.enumerated().map { index, key in
            let values = roles.flatMap { $0.values[index] }
            switch key.type {
            case .int64:
                return Column(
                    type: .int64,
                    values: .int64(values.map { if case .int64(let value) = $0 { value } else { 0 } })
                )
            case .string:
                return Column(
                    type: .string,
                    values: .text(TextValues(values.map { if case .string(let value) = $0 { value } else { "" } }))
                )
            }
        }
    }
}
