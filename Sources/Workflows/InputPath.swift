package import Columnar
import Foundation

/// Paths of what is read: files, or objects in storage.
package enum InputPath {
    /// Whether something is there under a name.
    package static func exists(_ path: String) -> Bool {
        guard ObjectName.isOne(path) else { return FileManager.default.fileExists(atPath: path) }
        guard let name = try? ObjectName(path) else { return false }
        return (try? ObjectStorage.of(name).find(name)) ?? nil != nil
    }

    /// A small text; `nil` where there is none, or it cannot be read.
    /// - Throws: ``ColumnarError`` where storage cannot be asked.
    package static func text(at path: String) throws(ColumnarError) -> String? {
        guard ObjectName.isOne(path) else {
            return FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        }
        let name = try ObjectName(path)
        return try ObjectStorage.of(name).read(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What lies in a folder, in bytewise order; of a folder in it, in storage, what lies in that.
    /// - Throws: ``ColumnarError`` where there is no such folder, or it cannot be read.
    package static func names(in folder: String) throws(ColumnarError) -> [String] {
        let names: [String]
        if ObjectName.isOne(folder) {
            let name = try ObjectName(folder)
            names = try ObjectStorage.of(name).list(name).filter { !$0.isEmpty && !$0.hasSuffix("/") }
        } else {
            guard let found = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
                throw FileManager.default.fileExists(atPath: folder)
                    ? .cannotRead(file: folder, reason: "expected a folder of the set's files, that this user may read")
                    : .noSuchFile(file: folder)
            }
            names = found
        }
        guard !names.isEmpty else { throw .noSuchFile(file: InputPath.file("*", in: folder)) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package static func folder(of path: String) -> String {
        guard ObjectName.isOne(path) else { return URL(fileURLWithPath: path).deletingLastPathComponent().path }
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }

    package static func file(_ name: String, in folder: String) -> String {
        guard ObjectName.isOne(folder) else { return URL(fileURLWithPath: folder).appendingPathComponent(name).path }
        return folder + "/" + name
    }
}
