package import Serving
import Store
import Wire

extension CommandFault {
    /// What a client is told of a write that is not stored, or may not be.
    package init(_ failure: WriteFailure) {
        switch failure {
        case .unavailable(let reason): self.init(.unavailable, "\(reason); nothing is stored, send it again")
        case .outcomeUnknown(let reason):
            self.init(
                .unavailable,
                """
                \(reason) during COMMIT; whether the write is stored is unknown. Read it back, or send it again: with \
                SOURCE and SEQ it is stored once
                """
            )
        case .full(let text): self.init(.limit, text)
        case .outOfOrder(let text): self.init(.order, text)
        case .timeout(let text): self.init(.timeout, text)
        case .viewChanged(let name):
            let view = name.isEmpty ? "a view of the write" : "view '\(name)'"
            self.init(.unavailable, "the definition of \(view) has just changed; nothing is stored, send it again")
        case .refused(let text): self.init(.value, "\(text); nothing is stored")
        case .times(let text): self.init(.time, text)
        case .readOnly(let text): self.init(.readOnly, "\(text); nothing is stored")
        case .forbidden(let text): self.init(.noPermission, text)
        }
    }
}

extension CommandFault.Code {
    /// The code of a row that the store does not take.
    init(_ kind: RowFault.Kind) {
        switch kind {
        case .key: self = .entity
        case .value: self = .value
        case .time, .other: self = .time
        }
    }
}
