import Columnar
import Foundation
package import TrainingSets

/// A training set that is to be made again and compared with its file.
package struct VerifyRequest: Sendable {
    package var manifest: TrainingSetManifest
    /// Where the file lies that the manifest names.
    package var data: String
    package var lookup: LookupOptions

    /// - Parameters:
    ///   - path: of the manifest.
    ///   - data: the set's file; `nil` = it lies beside the manifest.
    /// - Throws: ``WorkflowError/refused(_:)`` where there is no such file, or the set's is not known;
    ///   ``StoreError/request(_:)`` where it is no manifest.
    package init(manifestAt path: String, data: String? = nil, lookup: LookupOptions = LookupOptions()) throws {
        guard let manifest = try TrainingSetManifest(contentsOf: path) else {
            throw WorkflowError.refused("there is no such file, or it cannot be read")
        }
        self.manifest = manifest
        let file = manifest.output.file
        guard data != nil || file != "-" else {
            throw WorkflowError.refused("the set was written to standard output; say where it is now with --data FILE")
        }
        self.data = data ?? InputPath.file(file, in: InputPath.folder(of: path))
        self.lookup = lookup
    }
}

extension TrainingSetManifest {
    /// - Returns: `nil` where there is no such file, or it cannot be read.
    /// - Throws: as ``init(json:path:)``.
    package init?(contentsOf path: String) throws {
        guard let text = try InputPath.text(at: path) else { return nil }
        try self.init(json: text, path: path)
    }
}
