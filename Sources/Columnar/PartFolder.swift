import Glibc

/// A folder whose files are one table, as Spark, Hive, Dask and DuckDB write them.
///
/// Files count in the order of their names, folder by folder; those whose names begin with `_` or `.` are not of the table
/// (`_SUCCESS`, `.part-0.crc`), nor are empty ones. Folders are called `key=value`: each row of the files in them has that
/// value in a column of that name.
package struct PartFolder {
    struct Part {
        let path: String
        /// Of the folders that it lies in, from the outermost; `nil` = null.
        let values: [(name: String, value: [UInt8]?)]
        let bytes: Int
    }

    let parts: [Part]

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return path != "-" && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The first file, by which the table is recognized.
    package var firstPath: String { parts[0].path }

    /// Whether its folders' names have columns, which rows by themselves lack.
    package var hasColumns: Bool { !parts[0].values.isEmpty }

    /// - Throws: ``ColumnarError``: the folder cannot be read, has no files, or folders that say no `key=value`.
    package init(_ path: String) throws(ColumnarError) {
        var parts: [Part] = []
        var found = Found()
        try Self.collect(path, [], above: [], &found, into: &parts)
        guard !parts.isEmpty else {
            throw .empty(file: path, expected: "of a folder all files are read, but for those that begin with _ or .")
        }
        let keys = parts[0].values.map(\.name)
        if let other = parts.first(where: { $0.values.map(\.name) != keys }) {
            let (mine, first) = (Self.shown(other.values.map(\.name)), Self.shown(keys))
            throw .malformed(
                .init(file: other.path),
                reason:
                    "it lies in \(mine), and \(parts[0].path) in \(first); all files of a table lie in folders of the same keys"
            )
        }
        self.parts = parts
    }

    private static func shown(_ keys: [String]) -> String {
        keys.isEmpty ? "no folder key=value" : "folders " + keys.map { "\($0)=…" }.joined(separator: "/")
    }

    /// A folder as the system knows it, whatever path leads to it.
    private struct Identity: Equatable {
        let device: dev_t
        let number: ino_t

        init(_ status: stat) {
            device = status.st_dev
            number = status.st_ino
        }
    }

    /// What has been looked at.
    private struct Found {
        var folders = 0
        var names = 0
    }

    /// - Parameter above: the folders that this one lies in: a link may lead back to them, and so on without an end.
    private static func collect(
        _ folder: String,
        _ values: [(name: String, value: [UInt8]?)],
        above: [Identity],
        _ found: inout Found,
        into parts: inout [Part]
    ) throws(ColumnarError) {
        guard above.count <= ColumnarLimits.partDepthMax else {
            throw .malformed(.init(file: folder), reason: "folders lie more than \(ColumnarLimits.partDepthMax) deep")
        }
        var own = stat()
        guard stat(folder, &own) == 0 else { throw .cannotRead(file: folder, reason: InputFile.systemReason(errno)) }
        guard !above.contains(Identity(own)) else {
            throw .malformed(.init(file: folder), reason: "it is a link to a folder that it lies in; remove it")
        }
        found.folders += 1
        guard found.folders <= ColumnarLimits.partFoldersMax else {
            throw .malformed(.init(file: folder), reason: "more than \(ColumnarLimits.partFoldersMax) folders")
        }
        let above = above + [Identity(own)]
        for name in try names(in: folder, &found) where !name.hasPrefix("_") && !name.hasPrefix(".") {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else { throw .cannotRead(file: path, reason: InputFile.systemReason(errno)) }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                guard let sign = name.firstIndex(of: "="), sign > name.startIndex else {
                    throw .malformed(
                        .init(file: path),
                        reason:
                            "folders within a table's folder are called key=value; move this one away, or read it by itself"
                    )
                }
                let value = decoded(name[name.index(after: sign)...].utf8)
                let isNull = value == Array("__HIVE_DEFAULT_PARTITION__".utf8)
                let key = String(decoding: decoded(name[..<sign].utf8), as: UTF8.self)
                try collect(path, values + [(key, isNull ? nil : value)], above: above, &found, into: &parts)
            case S_IFREG where status.st_size > 0:
                guard parts.count < ColumnarLimits.partsMax else {
                    throw .malformed(.init(file: folder), reason: "more than \(ColumnarLimits.partsMax) files")
                }
                parts.append(Part(path: path, values: values, bytes: Int(status.st_size)))
            // Spark leaves empty files for partitions without rows.
            case S_IFREG: continue
            default: throw .malformed(.init(file: path), reason: "it is neither a file nor a folder")
            }
        }
    }

    /// The names in a folder, bytewise.
    private static func names(in folder: String, _ found: inout Found) throws(ColumnarError) -> [String] {
        guard let stream = opendir(folder) else {
            if errno == EACCES { throw .permissionDenied(file: folder) }
            throw .cannotRead(file: folder, reason: InputFile.systemReason(errno))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // Safe: d_name ends with a NUL within the entry.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            found.names += 1
            guard found.names <= ColumnarLimits.partNamesMax else {
                throw .malformed(.init(file: folder), reason: "more than \(ColumnarLimits.partNamesMax) names of files")
            }
            names.append(name)
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// `%3A` stands for `:`, as Hive writes what file names may not have.
    private static func decoded(_ text: Substring.UTF8View) -> [UInt8] {
        let bytes = Array(text)
        var out: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count,
                let code = UInt8(String(decoding: bytes[at + 1...at + 2], as: UTF8.self), radix: 16)
            {
                out.append(code)
                at += 3
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return out
    }
}

extension FileFormat {
    /// The format of a folder's files, which their extensions say; `.json` is JSON Lines there, as Spark calls it.
    /// - Throws: ``ColumnarError`` where it is not clear, or not the same for all.
    init(of folder: PartFolder, option: String) throws(ColumnarError) {
        var format: FileFormat?
        for part in folder.parts {
            let stem = part.path.dropLast(Compression(path: part.path)?.fileExtension.count ?? 0)
            let own =
                stem.lowercased().hasSuffix(".json") ? .jsonLines : try FileFormat(inputPath: part.path, option: option)
            guard format == nil || format == own else {
                throw .malformed(
                    .init(file: part.path),
                    reason:
                        "the files of one folder have one format, and \(folder.firstPath) has another; say \(option) where names are wrong"
                )
            }
            format = own
        }
        self = format ?? .csv
    }
}
