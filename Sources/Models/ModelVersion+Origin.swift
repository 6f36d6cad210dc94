import Store

extension ModelVersion {
    /// Where a version comes from, as its manifest tells it; versions that were imported have neither.
    package struct Origin: Sendable, Hashable {
        /// What fitted it, as in `xgboost 3.4.1`.
        package var library: String?
        /// The content digest of the set that it was fitted to, and the position of that, as in `sha256:fbb4…@1042`.
        package var trainingSet: String?
    }

    private struct Told: Decodable {
        var library: String?
        var contentDigest: String?
        var position: Int64?
    }

    package var origin: Origin {
        guard let told = try? JSONDocument.decode(Told.self, from: manifest) else { return Origin() }
        let position = told.position.map { "@\($0)" } ?? ""
        return Origin(library: told.library, trainingSet: told.contentDigest.map { $0 + position })
    }
}
