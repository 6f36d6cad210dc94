package import Columnar
import Foundation

/// Where an export's set and manifest go: files that finished ones can take the place of, as far as can be told before the
/// work, or standard output.
package struct ExportTarget: Sendable, Hashable {
    /// As it was named; `-` is standard output.
    package let path: String
    package let format: FileFormat
    package let manifestPath: String
    /// The file that is replaced, links followed, or the object; `nil` = standard output.
    let place: String?
    /// The same of the manifest.
    let manifestPlace: String

    /// - Parameters:
    ///   - format: `nil` = what the path's extension says.
    ///   - spine: the spine's file, which the target must not be.
    ///   - manifest: where the manifest goes instead of next to the set; needed for standard output.
    /// - Throws: ``WorkflowError/refused(_:)`` with the reason; ``ColumnarError`` where nothing tells the format.
    package init(_ path: String, format: FileFormat?, spine: String?, manifest: String? = nil) throws {
        self.path = path
        self.format = try format ?? FileFormat(outputPath: path)
        if ObjectName.isOne(path) {
            _ = try ObjectName(path)
            guard path != spine else {
                throw WorkflowError.refused("\(path) is the spine itself; give the training set another name")
            }
            place = path
            manifestPath = path + ".manifest.json"
            manifestPlace = manifestPath
            return
        }
        guard path != "-" else {
            guard let manifest else {
                throw WorkflowError.usage("--out - needs --manifest FILE, which says how the set was made")
            }
            if self.format == .parquet {
                throw WorkflowError.usage(
                    "--out -: Parquet, which ends with where its parts lie, goes to files only; --format arrow, csv or jsonl is "
                        + "written as it comes"
                )
            }
            place = nil
            manifestPath = manifest
            manifestPlace = try Self.replaceable(manifest, spine)
            return
        }
        let place = try Self.replaceable(path, spine)
        self.place = place
        manifestPath = manifest ?? path + ".manifest.json"
        manifestPlace = try OutputPlace.resolve(manifestPath)
    }

    private static func replaceable(_ path: String, _ spine: String?) throws -> String {
        let place = try OutputPlace.resolve(path)
        var target = stat()
        if stat(place, &target) == 0 {
            if path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
                throw WorkflowError.refused("\(path) is a file of definitions; give the training set another name")
            }
            var source = stat()
            if let spine, stat(spine, &source) == 0, source.st_ino == target.st_ino, source.st_dev == target.st_dev {
                throw WorkflowError.refused("\(path) is the spine itself; give the training set another name")
            }
        }
        let folder = URL(fileURLWithPath: place).deletingLastPathComponent().path
        guard access(folder, W_OK | X_OK) == 0 else {
            throw WorkflowError.refused(
                "\(path): cannot be written: the folder \(folder): \(String(cString: strerror(errno)))"
            )
        }
        return place
    }

    /// Without its folder.
    package var fileName: String {
        (try? ObjectName(path))?.lastPart ?? URL(fileURLWithPath: path).lastPathComponent
    }

    /// Removes what may stand there of an earlier set.
    func removeManifest() throws {
        guard ObjectName.isOne(manifestPlace) else {
            unlink(manifestPlace)
            return
        }
        let name = try ObjectName(manifestPlace)
        try ObjectStorage.of(name).remove(name)
    }
}
