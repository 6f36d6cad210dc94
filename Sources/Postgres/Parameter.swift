/// A statement's parameter in PostgreSQL's binary format.
package struct Parameter: Sendable {
    /// The type's OID, which is fixed for the built-in types.
    package let typeID: UInt32
    /// `nil` is NULL.
    package let bytes: [UInt8]?

    package init(typeID: UInt32, bytes: [UInt8]?) {
        self.typeID = typeID
        self.bytes = bytes
    }

    package static func bool(_ value: Bool?) -> Parameter {
        Parameter(typeID: TypeID.bool, bytes: value.map { [$0 ? 1 : 0] })
    }

    package static func int32(_ value: Int32?) -> Parameter {
        Parameter(typeID: TypeID.int4, bytes: value.map { bigEndian($0) })
    }

    package static func int64(_ value: Int64?) -> Parameter {
        Parameter(typeID: TypeID.int8, bytes: value.map { bigEndian($0) })
    }

    package static func text(_ value: String?) -> Parameter {
        Parameter(typeID: TypeID.text, bytes: value.map { Array($0.utf8) })
    }

    package static func bytes(_ value: [UInt8]?) -> Parameter {
        Parameter(typeID: TypeID.bytea, bytes: value)
    }

    /// A JSON document as text.
    package static func jsonb(_ value: String?) -> Parameter {
        Parameter(typeID: TypeID.jsonb, bytes: value.map { [1] + Array($0.utf8) })
    }

    /// - Parameter microseconds: since 1970-01-01 UTC; a time that PostgreSQL does not have gives its error, or another time.
    package static func timestamp(microseconds: Int64?) -> Parameter {
        Parameter(typeID: TypeID.timestamptz, bytes: microseconds.map { bigEndian($0 &- PostgresEpoch.microseconds) })
    }

    package static func int64Array(_ values: [Int64], validity: [Bool]? = nil) -> Parameter {
        array(of: TypeID.int8, arrayType: TypeID.int8Array, count: values.count) { row, bytes in
            guard validity?[row] ?? true else { return false }
            append(Int32(8), to: &bytes)
            append(values[row], to: &bytes)
            return true
        }
    }

    /// - Parameter microseconds: since 1970-01-01 UTC.
    package static func timestampArray(microseconds values: [Int64], validity: [Bool]? = nil) -> Parameter {
        array(of: TypeID.timestamptz, arrayType: TypeID.timestamptzArray, count: values.count) { row, bytes in
            guard validity?[row] ?? true else { return false }
            append(Int32(8), to: &bytes)
            append(values[row] &- PostgresEpoch.microseconds, to: &bytes)
            return true
        }
    }

    /// - Parameter text: the bytes of each element, valid UTF-8 without U+0000.
    package static func textArray(count: Int, validity: [Bool]? = nil, text: (Int) -> ArraySlice<UInt8>) -> Parameter {
        array(of: TypeID.text, arrayType: TypeID.textArray, count: count) { row, bytes in
            guard validity?[row] ?? true else { return false }
            let element = text(row)
            append(Int32(element.count), to: &bytes)
            bytes.append(contentsOf: element)
            return true
        }
    }

    package static func textArray(_ values: [String]) -> Parameter {
        textArray(count: values.count) { ArraySlice(values[$0].utf8) }
    }

    /// A one-dimensional array; `element` appends length and value of a row, or returns false for NULL.
    private static func array(
        of element: UInt32,
        arrayType: UInt32,
        count: Int,
        _ append: (Int, inout [UInt8]) -> Bool
    ) -> Parameter {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + count * 12)
        Self.append(Int32(count == 0 ? 0 : 1), to: &bytes)
        Self.append(Int32(1), to: &bytes)
        Self.append(element, to: &bytes)
        if count > 0 {
            Self.append(Int32(count), to: &bytes)
            Self.append(Int32(1), to: &bytes)
        }
        for row in 0..<count where !append(row, &bytes) {
            Self.append(Int32(-1), to: &bytes)
        }
        return Parameter(typeID: arrayType, bytes: bytes)
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return bytes
    }

    private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// PostgreSQL counts µs from 2000-01-01 UTC.
package enum PostgresEpoch {
    /// µs from 1970-01-01 to 2000-01-01.
    package static let microseconds: Int64 = 946_684_800_000_000
}

/// OIDs of built-in types; they never change.
package enum TypeID {
    package static let bool: UInt32 = 16
    package static let bytea: UInt32 = 17
    package static let char: UInt32 = 18
    package static let name: UInt32 = 19
    package static let int8: UInt32 = 20
    package static let int2: UInt32 = 21
    package static let int4: UInt32 = 23
    package static let text: UInt32 = 25
    package static let json: UInt32 = 114
    package static let xml: UInt32 = 142
    package static let float4: UInt32 = 700
    package static let float8: UInt32 = 701
    package static let unknown: UInt32 = 705
    package static let int2Array: UInt32 = 1_005
    package static let float4Array: UInt32 = 1_021
    package static let int8Array: UInt32 = 1_016
    package static let textArray: UInt32 = 1_009
    package static let varcharArray: UInt32 = 1_015
    package static let int4Array: UInt32 = 1_007
    package static let bpchar: UInt32 = 1_042
    package static let varchar: UInt32 = 1_043
    package static let date: UInt32 = 1_082
    package static let time: UInt32 = 1_083
    package static let timestamp: UInt32 = 1_114
    package static let timestamptz: UInt32 = 1_184
    package static let interval: UInt32 = 1_186
    package static let timestamptzArray: UInt32 = 1_185
    package static let numeric: UInt32 = 1_700
    package static let uuid: UInt32 = 2_950
    package static let jsonb: UInt32 = 3_802
}
