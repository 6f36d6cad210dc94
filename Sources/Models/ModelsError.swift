import Features
package import Forest
package import Store

/// Why something about models is not done.
package enum ModelsError: Error, Sendable {
    case store(StoreError)
    case noModel(name: String, hint: String)
    case noVersion(model: String, version: Int, known: ClosedRange<Int>?)
    case noAlias(model: String, alias: String)
    /// A name stands for another version than the caller thinks.
    case conflict(model: String, alias: String, found: Int?, expected: Int?)
    /// The version may not answer: not proven, retired, or its golden rows differ here.
    case notReady(String)
    case request(String)
    case artifact(ForestError)
}

extension ModelsError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .store(let error): "\(error)"
        case .noModel(let name, let hint): "no model '\(name.onOneLine(128))'\(hint)"
        case .noVersion(let model, let version, let known):
            known.map { "\(model) has versions \($0.lowerBound)-\($0.upperBound), not \(version)" }
                ?? "\(model) has no versions yet, not \(version) either; `asof train \(model)` makes one"
        case .noAlias(let model, let alias):
            "\(model) has no alias '\(alias.onOneLine(128))'; `asof models alias \(model) NAME VERSION` makes one"
        case .conflict(let model, let alias, let found, let expected):
            "alias '\(alias)' of \(model) is \(found.map(String.init) ?? "not there"), not \(expected.map(String.init) ?? "absent")"
        case .notReady(let message), .request(let message): message
        case .artifact(let error): "\(error)"
        }
    }
}
