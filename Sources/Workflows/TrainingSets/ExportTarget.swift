package import Columnar
import Foundation

/// The file that an export writes: one that a finished file can take the place of, as far as can be told before the work.
package struct ExportTarget: Sendable, Hashable {
    package let path: String
    package let format: FileFormat

    /// - Parameters:
    ///   - format: `nil` = what the path's extension says.
    ///   - spine: the spine's file, which the target must not be.
    /// - Throws: ``WorkflowError/refused(_:)`` with the reason; ``ColumnarError`` where nothing tells the format.
    package init(_ path: String, format: FileFormat?, spine: String?) throws {
        self.path = path
        self.format = try format ?? FileFormat(outputPath: path)
        var target = stat()
        if stat(path, &target) == 0 {
            guard target.st_mode & S_IFMT == S_IFREG else {
                let kind = target.st_mode & S_IFMT == S_IFDIR ? "a directory" : "no regular file"
                throw WorkflowError.refused(
                    "\(path): cannot be written: it is \(kind); name a file, new or to be replaced"
                )
            }
            if path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
                throw WorkflowError.refused("\(path) is a file of definitions; give the training set another name")
            }
            var source = stat()
            if let spine, stat(spine, &source) == 0, source.st_ino == target.st_ino, source.st_dev == target.st_dev {
                throw WorkflowError.refused("\(path) is the spine itself; give the training set another name")
            }
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard access(folder, W_OK | X_OK) == 0 else {
            throw WorkflowError.refused(
                "\(path): cannot be written: the folder \(folder): \(String(cString: strerror(errno)))"
            )
        }
    }

    package var manifestPath: String { path + ".manifest.json" }
}
