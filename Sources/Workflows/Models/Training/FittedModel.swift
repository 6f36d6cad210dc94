import Models
import Training

/// A model that was fitted and judged.
struct FittedModel {
    var file: [UInt8]
    var signature: ModelSignature
    /// Of the test rows: what is served of each.
    var answers: TestAnswers
    var golden: GoldenRows
    var rounds: Int?
    var importances: [(name: String, share: Double)] = []
    /// What fitted it, with its version.
    var library: String
    /// SHA-256 of that, in hexadecimal digits, where it is not our own code.
    var librarySHA256: String?
    /// What people are told of it.
    var notes: [String] = []
}
