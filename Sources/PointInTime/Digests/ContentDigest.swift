package import Features
import Hashing
import Synchronization

/// A digest of a table's content that is the same for every file format, machine, locale and time zone.
///
/// Version 1: rows are cut into blocks of 65,536; each block's SHA-256 goes over its rows' canonical bytes; the content
/// digest is the SHA-256 over a header (version, and each column's name and type) and the blocks' digests in order,
/// the last block being whatever is left. Canonical bytes of a row are, for each column, 0 for null, or 1 and the value:
/// bool as one byte; integers, timestamps (µs) and floats as 8 bytes little-endian (floats as float64, every NaN as
/// one); string and bytes as a 4-byte length and the bytes; vectors and lists as a 4-byte count and their elements.
///
/// Version 2, only where a column has a ``PassedType``: the header says so, and such a column's type is that one's text. Its
/// values are encoded as those of its carrier in version 1: integers, dates, times and durations as 8 bytes in their own
/// unit, float16 as float64; decimals, numeric, JSON and texts of SQL types as a length and a text, that of a number its
/// shortest plain one (``ExactNumber``; `NaN`, `inf`, `-inf`); UUIDs, bytes and intervals as a length and the bytes (of
/// intervals Arrow's, little-endian; of months alone as an integer); lists of integers as those of int64.
/// docs/reference/digest.md says all of this for other programs.
package struct ContentDigest {
    package static let blockRows = 65_536

    private let types: [FeatureType]
    private var tree = SHA256()
    private var block = SHA256()
    private var rowsInBlock = 0
    package private(set) var rowCount = 0
    /// Gets every row's canonical bytes, where it is there.
    package var marks: RowMarker?

    /// - Parameter passed: the type of each column that passes through; none of them as a rule.
    package init(names: [String], types: [FeatureType], passed: [PassedType?] = []) {
        self.types = types
        let version = passed.contains { $0 != nil } ? 2 : 1
        var header = Array("asof-content/\(version)\n".utf8)
        for (index, (name, type)) in zip(names, types).enumerated() {
            let text = (passed.isEmpty ? nil : passed[index])?.text ?? type.text
            header += Array("\(name.utf8.count):\(name) \(text)\n".utf8)
        }
        tree.update(header)
    }

    /// Adds rows; how they are cut into batches makes no difference.
    /// - Parameter columns: as many as the digest has, of its types.
    package mutating func update(_ columns: [Column], rowCount count: Int) {
        update(columns, 0..<count)
    }

    private mutating func update(_ columns: [Column], _ rows: Range<Int>) {
        precondition(columns.map(\.type) == types, "the digest's columns have other types")
        var start = rows.lowerBound
        while start < rows.upperBound {
            let end = min(rows.upperBound, start + min(Self.blockRows - rowsInBlock, CanonicalRows.chunkRows))
            CanonicalRows.withRows(of: columns, rows: start..<end) { rows in
                block.update(rows.bytes)
                marks?.add(rows)
            }
            rowsInBlock += end - start
            rowCount += end - start
            start = end
            if rowsInBlock == Self.blockRows { closeBlock() }
        }
    }

    /// Like ``update(_:rowCount:)``, with whole blocks of rows digested side by side.
    package mutating func update(_ columns: [Column], rowCount count: Int, _ workers: Workers) {
        let head = min(count, (Self.blockRows - rowsInBlock) % Self.blockRows)
        let blocks = (count - head) / Self.blockRows
        guard workers.count > 1, blocks > 1 else {
            update(columns, rowCount: count)
            return
        }
        update(columns, 0..<head)
        let digests = Mutex([(digest: [UInt8], rows: [UInt32])?](repeating: nil, count: blocks))
        let wantsMarks = marks != nil
        workers.each(blocks) { number in
            var block = SHA256()
            var rowMarks: [UInt32] = []
            let first = head + number * Self.blockRows
            for start in stride(from: first, to: first + Self.blockRows, by: CanonicalRows.chunkRows) {
                CanonicalRows.withRows(of: columns, rows: start..<start + CanonicalRows.chunkRows) { rows in
                    block.update(rows.bytes)
                    if wantsMarks { RowMarker.append(rows, to: &rowMarks) }
                }
            }
            let digest = block.value()
            digests.withLock { $0[number] = (digest, rowMarks) }
        }
        for block in digests.withLock({ $0 }) {
            tree.update(block?.digest ?? [])
            marks?.add(block?.rows ?? [])
        }
        rowCount += blocks * Self.blockRows
        update(columns, head + blocks * Self.blockRows..<count)
    }

    private mutating func closeBlock() {
        tree.update(block.value())
        block = SHA256()
        rowsInBlock = 0
    }

    /// The digest of what was added so far: 32 bytes. More rows may follow.
    package func value() -> [UInt8] {
        var copy = self
        if copy.rowsInBlock > 0 { copy.closeBlock() }
        return copy.tree.value()
    }

    /// ``value()`` as manifests spell it: `sha256:` and 64 hexadecimal digits.
    package var text: String { "sha256:" + Self.hex(value()) }

    package static func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] { SHA256.digest(bytes) }

    package static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// The canonical bytes of rows, see ``ContentDigest``.
package enum CanonicalRows {
    /// Rows that are encoded at a time: their bytes stay in the cache.
    package static let chunkRows = 1_024

    package static func withBytes(of columns: [Column], rows: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
        withRows(of: columns, rows: rows) { body($0.bytes) }
    }

    /// - Parameter body: gets the rows, complete.
    static func withRows(of columns: [Column], rows: Range<Int>, _ body: (borrowing RowBuffer) -> Void) {
        var buffer = RowBuffer(rowCount: rows.count)
        for column in columns { reserve(column, rows: rows, in: &buffer) }
        buffer.allocate()
        for column in columns { append(column, rows: rows, to: &buffer) }
        body(buffer)
    }

    private static func reserve(_ column: Column, rows: Range<Int>, in buffer: inout RowBuffer) {
        buffer.reserve(1)
        if let width = fixedWidth(column), column.validity == nil {
            buffer.reserve(width)
            return
        }
        forEachValue(column.validity, rows: rows) { row, at in
            switch column.values {
            case .bool, .int32, .int64, .float32, .float64, .vector:
                buffer.reserve(fixedWidth(column) ?? 0, row: at)
            case .text(let values): buffer.reserve(4 + values.offsets[row + 1] - values.offsets[row], row: at)
            case .listInt64(let offsets, _): buffer.reserve(4 + 8 * (offsets[row + 1] - offsets[row]), row: at)
            case .listString(let offsets, let texts):
                let elements = offsets[row]..<offsets[row + 1]
                let bytes = texts.offsets[elements.upperBound] - texts.offsets[elements.lowerBound]
                buffer.reserve(4 + 4 * elements.count + bytes, row: at)
            }
        }
    }

    /// The canonical bytes of a value, where all have as many.
    private static func fixedWidth(_ column: Column) -> Int? {
        switch column.values {
        case .bool: 1
        case .int32, .int64, .float32, .float64: 8
        case .vector(let dimensions, _): 4 + 8 * dimensions
        case .text, .listInt64, .listString: nil
        }
    }

    private static func append(_ column: Column, rows: Range<Int>, to buffer: inout RowBuffer) {
        let validity = column.validity
        if let validity {
            for row in rows where !validity[row] { buffer.append(0 as UInt8, row: row - rows.lowerBound) }
        }
        switch column.values {
        case .bool(let values):
            forEachValue(validity, rows: rows) { buffer.append(1, values[$0] ? 1 as UInt8 : 0, row: $1) }
        case .int32(let values):
            forEachValue(validity, rows: rows) { buffer.append(1, Int64(values[$0]).littleEndian, row: $1) }
        case .int64(let values):
            forEachValue(validity, rows: rows) { buffer.append(1, values[$0].littleEndian, row: $1) }
        case .float32(let values):
            forEachValue(validity, rows: rows) { buffer.append(1, bits(Double(values[$0])), row: $1) }
        case .float64(let values):
            forEachValue(validity, rows: rows) { buffer.append(1, bits(values[$0]), row: $1) }
        case .text(let values):
            values.bytes.withUnsafeBytes { bytes in
                forEachValue(validity, rows: rows) { row, at in
                    let range = values.offsets[row]..<values.offsets[row + 1]
                    buffer.append(1, UInt32(range.count).littleEndian, row: at)
                    buffer.append(UnsafeRawBufferPointer(rebasing: bytes[range]), row: at)
                }
            }
        case .vector(let dimensions, let values):
            forEachValue(validity, rows: rows) { row, at in
                buffer.append(1, UInt32(dimensions).littleEndian, row: at)
                for index in row * dimensions..<(row + 1) * dimensions {
                    buffer.append(bits(Double(values[index])), row: at)
                }
            }
        case .listInt64(let offsets, let values):
            forEachValue(validity, rows: rows) { row, at in
                buffer.append(1, UInt32(offsets[row + 1] - offsets[row]).littleEndian, row: at)
                for index in offsets[row]..<offsets[row + 1] { buffer.append(values[index].littleEndian, row: at) }
            }
        case .listString(let offsets, let values):
            forEachValue(validity, rows: rows) { row, at in
                buffer.append(1, UInt32(offsets[row + 1] - offsets[row]).littleEndian, row: at)
                for index in offsets[row]..<offsets[row + 1] { append(values, index, row: at, to: &buffer) }
            }
        }
    }

    private static func append(_ texts: TextValues, _ index: Int, row: Int, to buffer: inout RowBuffer) {
        let range = texts.offsets[index]..<texts.offsets[index + 1]
        buffer.append(UInt32(range.count).littleEndian, row: row)
        texts.bytes.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[range]), row: row) }
    }

    /// Float bits in little-endian order, with one pattern for every NaN.
    private static func bits(_ value: Double) -> UInt64 {
        (value.isNaN ? 0x7FF8_0000_0000_0000 : value.bitPattern).littleEndian
    }

    /// Calls `body(row, row from the range's start)` for each row that is not null.
    @inline(__always)
    private static func forEachValue(_ validity: [Bool]?, rows: Range<Int>, _ body: (Int, Int) -> Void) {
        if let validity {
            for row in rows where validity[row] { body(row, row - rows.lowerBound) }
        } else {
            for row in rows { body(row, row - rows.lowerBound) }
        }
    }
}
