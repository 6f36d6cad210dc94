/// Why a use case was not carried out, beside what the store and files refuse by errors of their own.
package enum WorkflowError: Error, CustomStringConvertible, Hashable {
    /// The state or the data does not allow it: what, where, and what to do.
    case refused(String)
    /// The request contradicts itself, or names what there is not.
    case usage(String)
    /// ``RunControl/cancel()`` was called.
    case cancelled
    /// The deadline of its ``RunControl`` has passed.
    case deadlinePassed

    package var description: String {
        switch self {
        case .refused(let text), .usage(let text): text
        case .cancelled, .deadlinePassed: "\(short); what was committed before stays"
        }
    }

    /// Without what is true of every run that ended so.
    var short: String {
        switch self {
        case .refused(let text), .usage(let text): text
        case .cancelled: "it was cancelled"
        case .deadlinePassed: "its deadline has passed"
        }
    }
}
