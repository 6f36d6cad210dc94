import Columnar
import Testing

/// What is no table, told by its first bytes.
@Suite struct InputHeadTests {
    static let kinds: [(name: String, head: [UInt8], says: String)] = [
        (
            "zip", Array("PK\u{3}\u{4}\u{14}\0\0\0\0\0".utf8) + Array(repeating: 7, count: 20) + Array("rows.csv".utf8),
            "a zip archive"
        ),
        (
            "xlsx", Array("PK\u{3}\u{4}".utf8) + Array(repeating: 7, count: 26) + Array("[Content_Types].xml".utf8),
            "an Excel workbook (.xlsx)"
        ),
        ("xls", [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0, 0], "old Excel"),
        ("bzip2", Array("BZh91AY&SY".utf8) + [1, 2], "compressed with bzip2"),
        ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 0, 4], "compressed with xz"),
        ("lz4", [0x04, 0x22, 0x4D, 0x18, 0x64], "compressed with lz4"),
        ("snappy", [0xFF, 0x06, 0x00, 0x00, 0x73, 0x4E, 0x61, 0x50, 0x70, 0x59], "compressed with Snappy"),
        ("7z", [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], "a 7z archive"),
        ("sqlite", Array("SQLite format 3\0".utf8), "a SQLite database"),
        ("avro", Array("Obj\u{1}\u{4}".utf8), "an Avro file"),
        ("orc", Array("ORC".utf8) + [0x0, 0x8A], "an ORC file"),
        ("pdf", Array("%PDF-1.7\n".utf8), "a PDF"),
    ]

    static let texts: [(name: String, head: [UInt8], says: String)] = [
        ("utf32le", [0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "this is UTF-32 text"),
        ("utf32be", [0, 0, 0xFE, 0xFF, 0, 0, 0, 0x61], "this is UTF-32 text"),
        ("utf16le", [0xFF, 0xFE, 0x61, 0, 0x2C, 0], "this is UTF-16 text"),
        ("utf16be", [0xFE, 0xFF, 0, 0x61, 0, 0x2C], "this is UTF-16 text"),
        ("utf16 without a mark", [0x61, 0, 0x2C, 0, 0x62, 0], "this is UTF-16 text"),
        ("utf32 without a mark", [0x61, 0, 0, 0, 0x2C, 0, 0, 0], "this is UTF-32 text"),
        ("html", Array("\n<!DOCTYPE html>\n<html>".utf8), "a page of HTML"),
        ("xml", Array("<?xml version='1.0'?>".utf8), "this is XML"),
        ("parquet", Array("PAR1xx".utf8), "this is a Parquet file; say --format parquet"),
        ("arrow", Array("ARROW1\0\0".utf8), "this is an Arrow IPC file; say --format arrow"),
    ]

    @Test("another kind of file is named, whatever it is called", arguments: kinds, FileFormat.allCases)
    func named(kind: (name: String, head: [UInt8], says: String), format: FileFormat) throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.x", kind.head + Array(repeating: 0x20, count: 40))
        let text = message { _ = try TableReader(path: path, format: format) }
        #expect(
            text?.hasPrefix("\(path): this is ") == true && text?.contains(kind.says) == true,
            "\(text ?? "nothing")"
        )
        #expect(message { _ = try FileFormat(inputPath: path) }?.contains(kind.says) == true)
    }

    @Test(
        "text in another encoding, and other text than tables, is named",
        arguments: texts,
        [FileFormat.csv, .jsonLines]
    )
    func encoded(kind: (name: String, head: [UInt8], says: String), format: FileFormat) throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.x", kind.head + [0x0A])
        let text = message { _ = try TableReader(path: path, format: format) }
        #expect(text?.contains(kind.says) == true, "\(text ?? "nothing")")
    }

    @Test(
        "a header that begins as other files do is a header",
        arguments: ["ORCID,b\n1,2\n", "BZh,b\n1,2\n", "PK,b\n1,2\n", "Obj,b\n1,2\n"]
    )
    func header(text: String) throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.csv", text: text)
        #expect(try TableReader(path: path, format: .csv).sourceColumns.count == 2)
    }
}
