/// What can go wrong with the trainer's library; ``description`` says what, where, and what to do.
package enum XGBoostError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The library is not there, or is none.
    case cannotOpen(path: String, reason: String)
    /// Another version than ``XGBoostLibrary/versionPrefix``.
    case wrongVersion(path: String, got: String)
    /// The library refused a call; `reason` is its first line.
    case refused(call: String, reason: String)
    /// An input that is not handed to the library, which would read beyond it.
    case badInput(String)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "cannot open XGBoost's library at \(path): \(reason); run scripts/setup, or name another by ASOF_XGBOOST"
        case .wrongVersion(let path, let got):
            "\(path) is XGBoost \(got), expected \(XGBoostLibrary.versionPrefix)x: other versions train other trees, and old "
                + "ones read new models wrongly; run scripts/setup, or name another by ASOF_XGBOOST"
        case .refused(let call, let reason): "XGBoost's \(call) failed: \(reason)"
        case .badInput(let problem): problem
        }
    }
}
