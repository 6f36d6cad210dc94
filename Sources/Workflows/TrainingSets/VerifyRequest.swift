import Foundation
package import TrainingSets

/// A training set that is to be made again and compared with its file.
package struct VerifyRequest: Sendable {
    package var manifest: TrainingSetManifest
    /// Where the file lies that the manifest names.
    package var folder: String
    package var lookup: LookupOptions

    /// - Parameter path: of the manifest, which lies beside its file.
    /// - Throws: ``WorkflowError/refused(_:)`` where there is no such file; ``StoreError/request(_:)`` where it is no manifest.
    package init(manifestAt path: String, lookup: LookupOptions = LookupOptions()) throws {
        guard let manifest = try TrainingSetManifest(contentsOf: path) else {
            throw WorkflowError.refused("there is no such file, or it cannot be read")
        }
        self.manifest = manifest
        folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        self.lookup = lookup
    }
}

extension TrainingSetManifest {
    /// - Returns: `nil` where there is no such file, or it cannot be read.
    /// - Throws: as ``init(json:path:)``.
    package init?(contentsOf path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        try self.init(json: String(decoding: data, as: UTF8.self), path: path)
    }
}
