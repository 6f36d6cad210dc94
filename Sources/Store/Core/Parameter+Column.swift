import Features
package import PointInTime
import Postgres

extension Parameter {
    /// One row's value, of the SQL type that the column's type has.
    package init(_ column: Column, _ row: Int) {
        let typeID = column.type.parameterTypeID
        guard !column.isNull(row) else {
            self.init(typeID: typeID, bytes: nil)
            return
        }
        var bytes: [UInt8] = []
        switch column.values {
        case .bool(let values): bytes.append(values[row] ? 1 : 0)
        case .int32(let values): bytes.append(bigEndian: values[row])
        case .int64(let values):
            bytes.append(bigEndian: column.type == .timestamp ? values[row] &- PostgresEpoch.microseconds : values[row])
        case .float32(let values): bytes.append(bigEndian: values[row].bitPattern)
        case .float64(let values): bytes.append(bigEndian: values[row].bitPattern)
        case .text(let values): bytes.append(contentsOf: values[row])
        case .vector(let dimensions, let values):
            bytes.appendArrayHeader(TypeID.float4, count: dimensions)
            for index in row * dimensions..<(row + 1) * dimensions {
                bytes.append(bigEndian: Int32(4))
                bytes.append(bigEndian: values[index].bitPattern)
            }
        case .listInt64(let offsets, let values):
            bytes.appendArrayHeader(TypeID.int8, count: offsets[row + 1] - offsets[row])
            for index in offsets[row]..<offsets[row + 1] {
                bytes.append(bigEndian: Int32(8))
                bytes.append(bigEndian: values[index])
            }
        case .listString(let offsets, let values):
            bytes.appendArrayHeader(TypeID.text, count: offsets[row + 1] - offsets[row])
            for index in offsets[row]..<offsets[row + 1] {
                bytes.append(bigEndian: Int32(values[index].count))
                bytes.append(contentsOf: values[index])
            }
        }
        self.init(typeID: typeID, bytes: bytes)
    }
}

extension FeatureType {
    /// The OID of the SQL type that ``sqlType`` names.
    fileprivate var parameterTypeID: UInt32 {
        switch self {
        case .bool: TypeID.bool
        case .int32: TypeID.int4
        case .int64: TypeID.int8
        case .float32: TypeID.float4
        case .float64: TypeID.float8
        case .string: TypeID.text
        case .bytes: TypeID.bytea
        case .timestamp: TypeID.timestamptz
        case .vector: TypeID.float4Array
        case .listInt64: TypeID.int8Array
        case .listString: TypeID.textArray
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// The header of a one-dimensional array without nulls.
    fileprivate mutating func appendArrayHeader(_ element: UInt32, count: Int) {
        append(bigEndian: Int32(count == 0 ? 0 : 1))
        append(bigEndian: Int32(0))
        append(bigEndian: element)
        guard count > 0 else { return }
        append(bigEndian: Int32(count))
        append(bigEndian: Int32(1))
    }
}
