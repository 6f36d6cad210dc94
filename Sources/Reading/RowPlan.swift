import CFloatText
import Features
import Online
import Serving
import Wire

/// Some columns of a view, or those of a service, prepared once for the encoding of many rows.
///
/// A value is named by its role (the row that it comes from) and its place in that row. Everything that does not depend on
/// the row is made here: the names' bytes as replies have them, the most bytes that a row takes, and which rows can be
/// copied at once.
package final class RowPlan: Sendable {
    /// How a value lies in a row, and so how it is encoded.
    enum Kind: UInt8, Sendable {
        case bool, int32, int64, float32, float64, vector, bytes, listInt64, listString
    }

    struct Field: Sendable {
        let kind: Kind
        let role: Int
        /// The role of the view whose row says whether there is a value, and of when; ``role``, unless that is computed of it.
        let origin: Int
        /// Of the value, from the row's start.
        let offset: Int
        /// The byte of the row with the value's null bit, and that bit.
        let nullByte: Int
        let nullBit: UInt8
        /// Of a vector.
        let dimensions: Int
        /// Where the name begins in ``RowPlan/names``, and its bytes there.
        let nameOffset: Int
        let nameCount: Int
    }

    /// Neighbouring float64 columns of one role, of which all rows consist.
    struct Run: Sendable {
        let offset: Int
        /// The bytes of the row in which their null bits lie.
        let nullBytes: Range<Int>
    }

    let fields: [Field]
    /// Of views; what is computed is one more.
    let roleCount: Int
    /// Each column's name and type, in order.
    let columns: [(name: String, type: FeatureType)]
    /// For each field its name as a bulk string, each padded so that 16 bytes can be read anywhere.
    let names: [UInt8]
    /// All names as an array.
    let nameArray: [UInt8]
    /// The most bytes that a row's values take as text, without those of variable length, and with the cursor's slack.
    let textBytesMax: Int
    /// Likewise for each of the fields, each with the slack.
    let fieldBytesMax: [Int]
    /// The most bytes of a row with its names, see ``textBytesMax``.
    let namedTextBytesMax: Int
    let hasVariableWidth: Bool
    /// Whether all columns are float64, so that no row needs a look at types.
    let isFloat64: Bool
    let run: Run?
    /// Floats in a packed row.
    let packedWidth: Int
    /// Why there are no packed replies, as the end of a sentence; `nil` = there are.
    let packedRefusal: String?
    /// The first column that packed32 does not take without LOSSY.
    let lossyColumn: String?
    package let fingerprint: String
    /// What stands before the number of a packed reply's rows: the name and value of `schema`, and the name `rows`.
    let packedHead: [UInt8]
    /// The fingerprint of the rules by which the roles are read.
    package let rules: String
    /// For each role, when its values expire, µs after their event time; `nil` = never.
    let ttls: [Int64?]

    /// - Parameters:
    ///   - sources: for each column, its role's number, that role's layout and the column's place there; ``Field/origin``.
    ///   - ttls: see ``ttls``; as many as there are roles of views.
    init(
        _ sources: [(name: String, role: Int, layout: RowLayout, column: Int, origin: Int)],
        ttls: [Int64?],
        fingerprint: String,
        rules: ServiceRules
    ) {
        var fields: [Field] = []
        var names: [UInt8] = []
        var nameArray = Array("*\(sources.count)\r\n".utf8)
        var textBytes = ReplyCursor.slack
        var fieldBytes: [Int] = []
        var nameBytes = 0
        for source in sources {
            let column = source.layout.columns[source.column]
            let name = Array("$\(source.name.utf8.count)\r\n\(source.name)\r\n".utf8)
            fields.append(
                Field(
                    kind: Kind(column.type),
                    role: source.role,
                    origin: source.origin,
                    offset: column.offset,
                    nullByte: RowLayout.nullsOffset + source.column / 8,
                    nullBit: 1 << UInt8(source.column % 8),
                    dimensions: column.type.packedWidth ?? 0,
                    nameOffset: names.count,
                    nameCount: name.count
                )
            )
            names += name
            nameArray += name
            nameBytes += name.count
            textBytes += Self.textBytesMax(column.type)
            fieldBytes.append(Self.textBytesMax(column.type) + ReplyCursor.slack)
        }
        names += [UInt8](repeating: 0, count: 16)
        columns = sources.map { ($0.name, $0.layout.columns[$0.column].type) }
        self.fields = fields
        roleCount = ttls.count
        self.names = names
        self.nameArray = nameArray
        self.fingerprint = fingerprint
        packedHead = Array("$6\r\nschema\r\n$\(fingerprint.utf8.count)\r\n\(fingerprint)\r\n$4\r\nrows\r\n".utf8)
        self.rules = rules.fingerprint
        self.ttls = ttls
        textBytesMax = textBytes
        fieldBytesMax = fieldBytes
        namedTextBytesMax = textBytes + nameBytes
        hasVariableWidth = columns.contains { $0.type.isVariableWidth }
        isFloat64 = fields.allSatisfy { $0.kind == .float64 }
        run = Self.run(of: fields)
        packedWidth = columns.reduce(0) { $0 + ($1.type.packedWidth ?? 0) }
        packedRefusal = columns.first { $0.type.packedWidth == nil }.map {
            "holds numbers only, and \($0.name) is \($0.type.text); ask for FORMAT rows or columns"
        }
        lossyColumn = columns.first { $0.type.needsLossy }?.name
    }

    private static func run(of fields: [Field]) -> Run? {
        guard let first = fields.first, let last = fields.last else { return nil }
        for (place, field) in fields.enumerated() {
            guard field.kind == .float64, field.role == first.role, field.offset == first.offset + place * 8
            else { return nil }
        }
        return Run(offset: first.offset, nullBytes: first.nullByte..<last.nullByte + 1)
    }

    private static func textBytesMax(_ type: FeatureType) -> Int {
        switch type {
        case .bool: 5
        case .int32, .int64, .timestamp: headerBytesMax
        case .float32, .float64: Int(ASOF_FLOAT_TEXT_MAX) + 7
        case .vector(let dimensions): headerBytesMax + dimensions * 4 + 2
        case .string, .bytes, .listInt64, .listString: headerBytesMax + 2
        }
    }

    static let headerBytesMax = ReplyWriter.headerBytesMax
}

extension RowPlan.Kind {
    init(_ type: FeatureType) {
        switch type {
        case .bool: self = .bool
        case .int32: self = .int32
        case .int64, .timestamp: self = .int64
        case .float32: self = .float32
        case .float64: self = .float64
        case .vector: self = .vector
        case .string, .bytes: self = .bytes
        case .listInt64: self = .listInt64
        case .listString: self = .listString
        }
    }
}
