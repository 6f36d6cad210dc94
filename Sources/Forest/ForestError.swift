/// A model file that is not taken.
package enum ForestError: Error, Sendable, Hashable {
    /// It is of a kind that is not read, which it is named by.
    case foreign(String)
    /// It breaks its format's grammar, at a byte.
    case malformed(String, at: Int)
    /// It says something that no forest has, or that is not computed here.
    case unsuitable(String)
    case tooLarge(String)
}

extension ForestError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .foreign(let kind):
            "the model is \(kind); known: XGBoost's JSON and UBJSON (Booster.save_model), and asof's linear JSON"
        case .malformed(let reason, let byte): "the model file is malformed at byte \(byte): \(reason)"
        case .unsuitable(let reason): "the model cannot be used: \(reason)"
        case .tooLarge(let reason): "the model is too large: \(reason)"
        }
    }
}
