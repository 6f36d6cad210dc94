/// Why a model cannot be fitted from some rows.
package enum TrainingError: Error, Sendable, Hashable {
    /// Of what a user asked for or gave: the message says what to do.
    case request(String)
}

extension TrainingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .request(let message): message
        }
    }
}
