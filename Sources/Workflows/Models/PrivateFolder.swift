import Foundation

/// A folder of this run's own for temporary files, into which nobody else may look.
struct PrivateFolder {
    let url: URL

    /// - Parameter purpose: of its name, `asof-PURPOSE-…`.
    init(for purpose: String) throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("asof-\(purpose)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
    }

    /// With all that is in it.
    func remove() { try? FileManager.default.removeItem(at: url) }
}
