import CLibPQ

/// The result of one statement.
///
/// Typed getters read PostgreSQL's binary format; ``text(_:_:)`` reads text columns of either format.
package final class Rows {
    private let result: OpaquePointer

    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    package var count: Int { Int(PQntuples(result)) }
    package var columnCount: Int { Int(PQnfields(result)) }

    /// How many rows an INSERT, UPDATE, DELETE or COPY touched.
    package var affectedCount: Int { PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0 }

    /// Whether this is no result but the start of a COPY to the client.
    var isCopyOut: Bool { PQresultStatus(result) == PGRES_COPY_OUT }

    package func columnName(_ column: Int) -> String {
        PQfname(result, Int32(column)).map { String(cString: $0) } ?? ""
    }

    package func columnType(_ column: Int) -> UInt32 { PQftype(result, Int32(column)) }

    /// What a column's type was given in parentheses, as the server encodes it; -1 where there was nothing.
    package func columnModifier(_ column: Int) -> Int32 { PQfmod(result, Int32(column)) }

    package func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(result, Int32(row), Int32(column)) == 1 }

    /// A value's bytes; valid as long as this object is.
    package func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)),
            count: Int(PQgetlength(result, Int32(row), Int32(column)))
        )
    }

    package func text(_ row: Int, _ column: Int) -> String? {
        isNull(row, column) ? nil : String(decoding: bytes(row, column), as: UTF8.self)
    }

    package func bool(_ row: Int, _ column: Int) -> Bool? {
        isNull(row, column) ? nil : bytes(row, column).first == 1
    }

    package func int32(_ row: Int, _ column: Int) -> Int32? { integer(row, column) }

    /// An int8, int4 or int2.
    package func int64(_ row: Int, _ column: Int) -> Int64? {
        switch PQgetlength(result, Int32(row), Int32(column)) {
        case 4: return int32(row, column).map { Int64($0) }
        case 2: return (integer(row, column) as Int16?).map { Int64($0) }
        default: return integer(row, column)
        }
    }

    /// A float8.
    package func double(_ row: Int, _ column: Int) -> Double? {
        (integer(row, column) as UInt64?).map { Double(bitPattern: $0) }
    }

    /// A timestamptz in µs since 1970-01-01 UTC.
    package func timestamp(_ row: Int, _ column: Int) -> Int64? {
        (integer(row, column) as Int64?).map { $0 &+ PostgresEpoch.microseconds }
    }

    package func byteArray(_ row: Int, _ column: Int) -> [UInt8]? {
        isNull(row, column) ? nil : Array(bytes(row, column))
    }

    /// A uuid in its usual text form.
    package func uuid(_ row: Int, _ column: Int) -> String? {
        guard !isNull(row, column) else { return nil }
        var text = ""
        for (index, byte) in bytes(row, column).enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return text
    }

    /// A one-dimensional int8[] without nulls.
    package func int64Array(_ row: Int, _ column: Int) -> [Int64]? {
        guard !isNull(row, column) else { return nil }
        let bytes = bytes(row, column)
        guard bytes.count >= 20 else { return [] }
        let count = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self)))
        guard bytes.count >= 20 + count * 12 else { return nil }
        return (0..<count).map { Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24 + $0 * 12, as: Int64.self)) }
    }

    private func integer<Integer: FixedWidthInteger & BitwiseCopyable>(_ row: Int, _ column: Int) -> Integer? {
        let bytes = bytes(row, column)
        guard !isNull(row, column), bytes.count == MemoryLayout<Integer>.size else { return nil }
        return Integer(bigEndian: bytes.loadUnaligned(as: Integer.self))
    }
}
