import Glibc

/// Splits lines of JSON objects into the fields of the keys that are asked for.
///
/// The table's row has one field a requested key, in the order of the requests, ``FieldKind/absent`` where the object
/// does not have it. Blank lines are skipped.
struct JSONLinesSplitter {
    /// The keys asked for.
    let columnNames: [String]
    private var keys: KeyOrder
    let isExtraIgnored: Bool
    /// The line that comes next, from 1.
    var line = 1

    init(columnNames: [String], isExtraIgnored: Bool) {
        self.columnNames = columnNames
        self.isExtraIgnored = isExtraIgnored
        keys = KeyOrder(keys: columnNames.map { Array($0.utf8) })
    }

    /// As ``CSVSplitter/split(_:from:isEnd:rowsMax:into:)``.
    mutating func split(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        isEnd: Bool,
        rowsMax: Int,
        into table: inout FieldTable
    ) throws(GrammarError) {
        while position < bytes.count, table.rowCount < rowsMax {
            guard let lineEnd = Self.lineEnd(bytes, from: position, isEnd: isEnd) else { return }
            let next = min(lineEnd + 1, bytes.count)
            let fieldsBefore = table.fields.count
            do throws(GrammarError) {
                if try scan(bytes, from: position, to: lineEnd, into: &table.fields) {
                    table.lines.append(line)
                    table.extents.append(UInt32(position)..<UInt32(lineEnd))
                }
            } catch {
                table.fields.removeLast(table.fields.count - fieldsBefore)
                var error = error
                error.resume = (next, 1)
                throw error
            }
            position = next
            line += 1
        }
    }

    /// Where the line that starts at `position` ends, before its line feed; `nil` where the buffer does not hold it.
    static func lineEnd(_ bytes: Span<UInt8>, from position: Int, isEnd: Bool) -> Int? {
        let rest = bytes.extracting(position..<bytes.count)
        let found = rest.withUnsafeBytes { raw -> Int? in
            // Safe: memchr looks at the bytes of `raw` only.
            guard let start = raw.baseAddress, let hit = memchr(start, 0x0A, raw.count) else { return nil }
            return UnsafeRawPointer(hit) - start
        }
        if let found { return position + found }
        return isEnd ? bytes.count : nil
    }

    /// - Returns: `false` for a blank line.
    private mutating func scan(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int,
        into fields: inout [Field]
    ) throws(GrammarError) -> Bool {
        if Self.isBlank(bytes, from: start, to: end) { return false }
        let base = fields.count
        var column: String?
        var unknown: String?
        do throws(JSONSyntaxError) {
            var object = try JSONObjectScanner(bytes, from: start, to: end)
            fields.append(contentsOf: repeatElement(.absent, count: columnNames.count))
            var place = 0
            while let key = try object.nextKey() {
                let number = keys.find(key, in: bytes, at: place)
                place += 1
                guard let number else {
                    _ = try object.value()
                    if !isExtraIgnored, unknown == nil { unknown = JSONText.string(key, in: bytes) }
                    continue
                }
                column = columnNames[number]
                guard fields[base + number].kind == .absent else {
                    throw JSONSyntaxError(reason: "the object has this key twice")
                }
                fields[base + number] = try object.value()
                column = nil
            }
        } catch {
            throw GrammarError(line: line, column: column, reason: error.reason)
        }
        if let unknown { throw GrammarError(line: line, column: unknown, reason: "", isUnknownKey: true) }
        return true
    }

    static func isBlank(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        for index in start..<end {
            switch bytes[index] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): continue
            default: return false
            }
        }
        return true
    }
}
