/// Why bytes are no model that is read here; ``description`` says what, where, got, expected, and what to do.
package enum ForestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Beyond a bound of ``ForestLimits``.
    case beyondLimit(what: String, got: Int, max: Int)
    /// The bytes do not follow the grammar of JSON or UBJSON; `at` counts from 0.
    case malformed(at: Int, expected: String)
    /// A field that a model must have is not there; `path` as in `learner.objective.name`.
    case missing(path: String)
    /// A field whose value makes no model.
    case invalid(path: String, got: String, expected: String)
    /// A model, or a form of one, that is not read.
    case refused(what: String, hint: String)

    package var description: String {
        switch self {
        case .beyondLimit(let what, let got, let max): "the model file has \(got) \(what), and at most \(max) are read"
        case .malformed(let at, let expected):
            "the model file is damaged at byte \(at): expected \(expected); export the model again"
        case .missing(let path): "the model file has no \(path); export it with XGBoost's save_model (.json or .ubj)"
        case .invalid(let path, let got, let expected):
            "the model file's \(path) is \(got), expected \(expected); export the model again"
        case .refused(let what, let hint): "\(what) is not read; \(hint)"
        }
    }
}
