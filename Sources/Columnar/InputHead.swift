import Glibc

/// The start of a file, by which it is recognized.
package enum InputHead {
    /// The first bytes of a file, decompressed: so a file that was compressed anew, or grew by a member, is still the same.
    /// - Returns: at most `bytesMax`.
    package static func read(path: String, bytesMax: Int) throws(ColumnarError) -> [UInt8] {
        let file = try InputFile(path: path)
        var head: [UInt8] = []
        while head.count < bytesMax {
            if try file.read(bytesMax - head.count, appendingTo: &head) == 0 { break }
        }
        return head
    }

    /// So many first bytes tell the kinds of files that are known here.
    static let kindBytes = 64

    /// Files that hold other files, and how they begin. What is behind the first 30 bytes of a zip archive is the name of
    /// its first member.
    private static let containers: [(start: [UInt8], what: String)] = [
        (Array("PK\u{3}\u{4}".utf8), "a zip archive; unpack it first"),
        (Array("PK\u{5}\u{6}".utf8), "an empty zip archive"),
        (
            [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00],
            "compressed with xz; decompress it first (gzip and zstd are read as they are)"
        ),
        ([0x04, 0x22, 0x4D, 0x18], "compressed with lz4; decompress it first (gzip and zstd are read as they are)"),
        (
            [0xFF, 0x06, 0x00, 0x00, 0x73, 0x4E, 0x61, 0x50, 0x70, 0x59],
            "compressed with Snappy; decompress it first (gzip and zstd are read as they are)"
        ),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive; unpack it first"),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "a workbook of old Excel (.xls); save it as CSV (UTF-8)"),
        (Array("SQLite format 3\u{0}".utf8), "a SQLite database; export its table as CSV"),
        (Array("Obj\u{1}".utf8), "an Avro file; write it as Parquet"),
        (Array("%PDF-".utf8), "a PDF"),
        ([0x1F, 0x8B], "compressed twice; decompress it first"),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed twice; decompress it first"),
    ]

    /// Why a file that begins so is none of the formats that are read, as a sentence; `nil` where nothing is known of it.
    static func refusal(of head: [UInt8]) -> String? {
        // What begins as these do could be text, but for what follows.
        if head.starts(with: Array("BZh".utf8)), head.dropFirst(4).starts(with: [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) {
            return "this is compressed with bzip2; decompress it first (gzip and zstd are read as they are)"
        }
        if head.count > 3, head.starts(with: Array("ORC".utf8)), head[3] < 0x09 || head[3] >= 0x80 {
            return "this is an ORC file; write it as Parquet"
        }
        guard let found = containers.first(where: { head.starts(with: $0.start) }) else { return nil }
        if head.starts(with: Array("PK".utf8)) {
            let member = head.dropFirst(30)
            if ["[Content_Types].xml", "_rels/", "docProps/", "xl/"].contains(where: { member.starts(with: $0.utf8) }) {
                return "this is an Excel workbook (.xlsx); save it as CSV (UTF-8)"
            }
        }
        return "this is \(found.what)"
    }

    private static func wide(_ bits: Int) -> String {
        "this is UTF-\(bits) text; convert it to UTF-8 first, as by `iconv -f UTF-\(bits) -t UTF-8 FILE`"
    }

    /// The same by a file's name; `nil` also of pipes, whose bytes would be gone, and of what cannot be read.
    static func refusal(ofFile path: String) -> String? {
        var status = stat()
        guard path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let head = try? read(path: path, bytesMax: kindBytes)
        else { return nil }
        return refusal(of: head)
    }

    /// The same for a file that is to be UTF-8 text.
    static func refusal(ofText head: [UInt8]) -> String? {
        if let reason = refusal(of: head) { return reason }
        if head.starts(with: Array("PAR1".utf8)) { return "this is a Parquet file; say --format parquet" }
        if head.starts(with: Array("ARROW1".utf8)) { return "this is an Arrow IPC file; say --format arrow" }
        // Before UTF-16, whose mark begins that of UTF-32.
        if head.starts(with: [0xFF, 0xFE, 0x00, 0x00]) || head.starts(with: [0x00, 0x00, 0xFE, 0xFF]) {
            return Self.wide(32)
        }
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
            return Self.wide(16)
        }
        // Without a mark every other byte of what begins in ASCII is 0.
        if head.count >= 4, [[0, 2], [1, 3]].contains(where: { $0.allSatisfy { head[$0] == 0 } }) {
            let isWide = head[1] == 0 && head[2] == 0
            return Self.wide(isWide ? 32 : 16)
        }
        let start = String(decoding: head.prefix(kindBytes), as: UTF8.self).lowercased().drop { $0.isWhitespace }
        if ["<!doctype", "<html", "<?xml"].contains(where: { start.hasPrefix($0) }) {
            return
                "this is \(start.hasPrefix("<?xml") ? "XML" : "a page of HTML, such as a download answers with that failed")"
        }
        return nil
    }
}
