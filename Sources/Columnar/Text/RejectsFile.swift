import Features
import Foundation
import Glibc
import PointInTime

/// Two files for rows that were set aside: `FILE` has them as they came, to be mended and read again; `FILE.reasons.csv`
/// says for each of them, in the same order, where it came from and what is wrong with it.
///
/// A run that goes on behind a checkpoint keeps what stands in the files for rows up to it and drops the rest, which it
/// reads again: so no row is there twice. Files that are not of the same source, or were changed, are left alone.
package final class RejectsFile {
    private let path: String
    private let source: String
    /// What precedes the rows, with its line end.
    private let header: [UInt8]
    private var rows: Int32 = -1
    private var reasons: Int32 = -1
    package private(set) var count = 0
    /// Rows that an earlier run had set aside, and which were kept.
    package private(set) var keptCount = 0

    private static let reasonColumns: [(name: String, type: FeatureType)] = [
        ("source", .string), ("row", .int64), ("line", .int64), ("column", .string), ("reason", .string),
        ("bytes", .int64),
    ]

    package static func reasonsPath(_ path: String) -> String { path + ".reasons.csv" }

    /// Opens what an earlier run left, and drops what stands behind its checkpoint; where there is nothing, makes nothing yet.
    /// - Parameters:
    ///   - source: names the input; `nil` = nobody could recognize it, so that existing files are never its own.
    ///   - header: the first line, without its end; empty = none.
    ///   - keptRows: rejects of input rows up to this number are kept.
    /// - Throws: ``ColumnarError/cannotWrite(file:reason:)`` where there are files that are not this source's, unchanged.
    package init(path: String, source: String?, header: [UInt8], keptRows: Int) throws(ColumnarError) {
        self.path = path
        self.source = source ?? ""
        self.header = header.isEmpty ? [] : header + [UInt8(ascii: "\n")]
        let reasonsPath = Self.reasonsPath(path)
        let haveRows = access(path, F_OK) == 0
        guard haveRows || access(reasonsPath, F_OK) == 0 else { return }
        guard source != nil, access(reasonsPath, F_OK) == 0 else { throw foreign("it exists already") }
        let sizes = try keep(keptRows, haveRows: haveRows)
        try open(O_CREAT)
        // Without a row to be kept both begin again: a run may have been killed before the first lines were whole.
        let isEmpty = sizes.rows == self.header.count
        for (descriptor, size) in [(rows, isEmpty ? 0 : sizes.rows), (reasons, isEmpty ? 0 : sizes.reasons)] {
            guard ftruncate(descriptor, size) == 0, lseek(descriptor, 0, SEEK_END) == size else {
                throw .cannotWrite(file: path, reason: InputFile.systemReason(errno))
            }
        }
        if isEmpty { try writeHeaders() }
    }

    deinit {
        if rows >= 0 { close(rows) }
        if reasons >= 0 { close(reasons) }
    }

    /// Appends rows and returns when they are on disk.
    /// - Parameter rejects: `row` counts the input's rows from 1.
    package func append(_ rejects: [(row: Int, reject: RejectedRow)]) throws(ColumnarError) {
        guard !rejects.isEmpty else { return }
        if rows < 0 {
            try open(O_CREAT | O_EXCL)
            try writeHeaders()
        }
        var rowBytes: [UInt8] = []
        var reasonBytes: [UInt8] = []
        for (row, reject) in rejects {
            rowBytes += reject.text + [UInt8(ascii: "\n")]
            appendReason(row, reject, to: &reasonBytes)
        }
        // The reasons first: they say how long the rows should be, so that a run that was killed here is told from a change.
        for (descriptor, bytes, name) in [(reasons, reasonBytes, Self.reasonsPath(path)), (rows, rowBytes, path)] {
            try InputFile.write(bytes, to: descriptor, name: name)
            guard fsync(descriptor) == 0 else {
                throw .cannotWrite(file: name, reason: InputFile.systemReason(errno))
            }
        }
        count += rejects.count
    }

    private func open(_ flags: Int32) throws(ColumnarError) {
        reasons = try Self.open(Self.reasonsPath(path), O_WRONLY | flags)
        rows = try Self.open(path, O_WRONLY | flags)
    }

    private func writeHeaders() throws(ColumnarError) {
        try InputFile.write(Self.reasonsHeader, to: reasons, name: Self.reasonsPath(path))
        try InputFile.write(header, to: rows, name: path)
    }

    private static let reasonsHeader = Array((reasonColumns.map(\.name).joined(separator: ",") + "\n").utf8)

    private func appendReason(_ row: Int, _ reject: RejectedRow, to out: inout [UInt8]) {
        let fields: [String?] = [
            source, String(row), reject.line.map { String($0) }, reject.column, reject.reason,
            String(reject.text.count + 1),
        ]
        for (index, field) in fields.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            if let field { TextWriter.appendCSV(Array(field.utf8)[...], to: &out) }
        }
        out.append(UInt8(ascii: "\n"))
    }

    /// How long the files are up to the last reject of an input row up to `keptRows`.
    ///
    /// Behind it stands what a run had set aside that was killed before it stored its batch: of reasons perhaps a part of
    /// a line, of rows any part. Whatever else differs from what was written is somebody's change.
    private func keep(_ keptRows: Int, haveRows: Bool) throws(ColumnarError) -> (rows: Int, reasons: Int) {
        let reasonsPath = Self.reasonsPath(path)
        let written = try Self.mapped(reasonsPath)
        var ends = [header.count]
        var keptEnds = 1
        var kept = Self.reasonsHeader
        let whole = Self.wholeLines(written)
        if !whole.isEmpty {
            let reader = try reasonsReader(whole, isAll: whole.count == written.count)
            while let batch = try reader.next() {
                for row in 0..<batch.rowCount {
                    let values = batch.columns.map { $0.value(row) }
                    guard case .string(source) = values[0], case .int64(let number) = values[1],
                        case .int64(let bytes) = values[5], bytes > 0, bytes < 1 << 40
                    else { throw foreign("it holds rows of another source (\(values[0].text))") }
                    ends.append(ends[ends.count - 1] + Int(bytes))
                    guard number <= Int64(keptRows) else { continue }
                    keptEnds = ends.count
                    keptCount += 1
                    for (index, value) in values.enumerated() {
                        if index > 0 { kept.append(UInt8(ascii: ",")) }
                        if value != .null { TextWriter.appendCSV(Array(value.text.utf8)[...], to: &kept) }
                    }
                    kept.append(UInt8(ascii: "\n"))
                }
            }
        }
        guard haveRows || keptEnds == 1 else { throw foreign("it is missing, its reasons are there") }
        guard written.starts(with: kept) || kept.starts(with: written) else {
            throw foreign("\(reasonsPath) was changed since it was written")
        }
        let rows = haveRows ? try Self.mapped(path) : Data()
        guard isOurs(rows, ends, keptEnds) else { throw foreign("it was changed since it was written") }
        return (ends[keptEnds - 1], kept.count)
    }

    /// Whether the rows are as long as their reasons say; or, where a run was killed, whole up to some byte behind those
    /// that are kept.
    private func isOurs(_ rows: Data, _ ends: [Int], _ keptEnds: Int) -> Bool {
        if rows.count == ends[ends.count - 1] { return true }
        if rows.count < header.count { return keptEnds == 1 && header.starts(with: rows) }
        guard rows.count < ends[ends.count - 1], rows.count >= ends[keptEnds - 1], rows.starts(with: header) else {
            return false
        }
        return ends.dropFirst(header.isEmpty ? 1 : 0)
            .allSatisfy { $0 > rows.count || rows[$0 - 1] == UInt8(ascii: "\n") }
    }

    private static func mapped(_ path: String) throws(ColumnarError) -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        } catch {
            throw .cannotRead(file: path, reason: error.localizedDescription)
        }
    }

    /// The lines that are not cut off; an end of line within quotes is none.
    private static func wholeLines(_ bytes: Data) -> Data {
        var (isQuoted, end) = (false, 0)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: "\n"), !isQuoted { end = index + 1 }
        }
        return bytes[..<end]
    }

    private func reasonsReader(_ whole: Data, isAll: Bool) throws(ColumnarError) -> TableReader {
        let reasonsPath = Self.reasonsPath(path)
        var readPath = reasonsPath
        if !isAll {
            readPath =
                FileManager.default.temporaryDirectory
                .appendingPathComponent("asof-reasons-\(UUID().uuidString)").path
            let isMade = FileManager.default.createFile(
                atPath: readPath,
                contents: whole,
                attributes: [.posixPermissions: 0o600]
            )
            guard isMade else { throw .cannotWrite(file: readPath, reason: InputFile.systemReason(errno)) }
        }
        defer { if !isAll { unlink(readPath) } }
        do {
            let reader = try TableReader(path: readPath, format: .csv)
            try reader.select(Self.reasonColumns.map { ColumnRequest(sourceName: $0.name, type: $0.type) })
            return reader
        } catch {
            throw foreign("\(reasonsPath) is not what this command writes")
        }
    }

    private func foreign(_ reason: String) -> ColumnarError {
        .cannotWrite(
            file: path,
            reason: "\(reason); move it away (with \(Self.reasonsPath(path))), or name another file with --rejects"
        )
    }

    private static func open(_ path: String, _ flags: Int32) throws(ColumnarError) -> Int32 {
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .cannotWrite(file: path, reason: InputFile.systemReason(errno)) }
        return descriptor
    }
}
