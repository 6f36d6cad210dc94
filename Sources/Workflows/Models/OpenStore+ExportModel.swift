import Features
import Foundation
package import Models
import PointInTime
import Store
import Training

extension OpenStore {
    /// Writes a version into a folder of its own, see ``ModelFolder``.
    ///
    /// - Parameters:
    ///   - name: `model`, `model@7` or `model@challenger`.
    ///   - folder: there is none, or an empty one; it is there whole, or not at all.
    /// - Throws: ``WorkflowError``, `ModelsError` or ``StoreError``.
    package func exportModel(_ name: String, to folder: String) throws -> ModelVersion {
        try control.run {
            let registry = ModelRegistry(session)
            let version = try registry.resolve(name)
            guard try registry.publish(version.model, version.version) == nil else {
                throw WorkflowError.refused(
                    """
                    \(version.model)@\(version.version) answers by what its learner has published, and a folder has the file that \
                    it began with; export a version that does not learn
                    """
                )
            }
            let file = try registry.file(version)
            let files = FileManager.default
            let place = URL(fileURLWithPath: folder).standardizedFileURL
            if let there = try? files.contentsOfDirectory(atPath: place.path) {
                guard there.isEmpty else {
                    throw WorkflowError.refused("\(folder) is there and not empty; name a folder that is new or empty")
                }
            } else if files.fileExists(atPath: place.path) {
                throw WorkflowError.refused("\(folder) is a file; name a folder that is new or empty")
            }
            let made = place.deletingLastPathComponent().appendingPathComponent(
                ".\(place.lastPathComponent).\(getpid())-\(UInt32.random(in: 0...(.max))).tmp"
            )
            do {
                try files.createDirectory(at: made, withIntermediateDirectories: false)
                // As Forest tells them apart.
                let second = file.dropFirst().first { !" \t\r\n".utf8.contains($0) }
                let fileName = second == UInt8(ascii: "\"") ? "model.json" : "model.ubj"
                try Data(file).write(to: made.appendingPathComponent(fileName))
                let described = ModelFolder.Version(
                    model: version.model,
                    version: version.version,
                    service: version.service,
                    serviceVersion: version.serviceVersion,
                    fingerprint: version.fingerprint,
                    rules: version.rules,
                    algorithm: version.algorithm,
                    signature: version.signature,
                    base: version.base,
                    // Of a version from before they kept their own, what it answers by.
                    fallback: version.fallback(in: try Registry.load(session).definitions),
                    file: fileName,
                    sha256: ContentDigest.hex(version.artifact),
                    manifest: version.manifest,
                    metrics: version.metrics,
                    reference: try registry.reference(version)
                )
                try Data(try JSONDocument.encode(described, isPretty: true).utf8).write(
                    to: made.appendingPathComponent(ModelFolder.versionName)
                )
                if let golden = try registry.golden(version) {
                    let text = ModelFolder.golden(
                        golden,
                        names: version.signature.featureNames,
                        outputs: version.signature.outputs
                    )
                    try Data(text.utf8).write(to: made.appendingPathComponent(ModelFolder.goldenName))
                }
                try control.check()
                // An empty folder gives way.
                guard rename(made.path, place.path) == 0 else {
                    throw WorkflowError.refused("\(folder): cannot be written: \(String(cString: strerror(errno)))")
                }
            } catch {
                try? files.removeItem(at: made)
                if let error = error as? CocoaError {
                    throw WorkflowError.refused("\(folder): cannot be written: \(error.localizedDescription)")
                }
                throw error
            }
            return version
        }
    }
}
