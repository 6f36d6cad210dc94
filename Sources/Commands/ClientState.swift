package import Access
import Reading
import Synchronization
package import Wire

/// What a connection keeps between its commands; confined to the connection's event loop.
package final class ClientState {
    /// Which replies CLIENT REPLY lets through.
    package enum Replies: Sendable {
        case on
        case off
        /// The next command's reply is not sent.
        case skipNext
        /// The reply of the command that runs is not sent.
        case skip
    }

    package var version = ProtocolVersion.resp2
    /// Whose rights the connection has; `nil` = it has not authenticated.
    package private(set) var caller: Caller?
    /// Reads that take the client's turns, once it has asked for some.
    var reads: FeatureReads?
    /// Which names it may be told; `nil` = all.
    package private(set) var names: ToldNames?
    /// The user that the connection's certificate names, which it is as long as it does not say otherwise.
    package var certificateUser: String?
    /// Of ``AccessControl``, when ``caller`` was looked at last.
    private var generation: UInt64 = 0
    package var replies = Replies.on
    /// Between MULTI and EXEC. Without observers: with one, each command that is queued would copy those before it.
    package var transaction: Transaction?
    package var isInTransaction: Bool { if case .some = transaction { true } else { false } }
    /// What other connections may see of this one.
    package let record: ClientRecord

    package var id: Int64 { record.id }

    package var isAuthenticated: Bool { caller != nil }

    package init(record: ClientRecord, isAuthenticated: Bool) {
        self.record = record
        become(isAuthenticated ? .unrestricted : nil)
    }

    /// Whether it may be told of what has this name.
    package func mayRead(_ kind: NameKind, _ name: String) -> Bool { caller?.mayRead(kind, name) ?? true }

    /// With whom the client shares its turns at PostgreSQL: its user; without users all are one.
    package var asker: String { caller.flatMap { $0.rights == nil ? nil : $0.name } ?? "" }

    package convenience init(id: Int64, isAuthenticated: Bool) {
        self.init(record: ClientRecord(id: id, address: "", localAddress: ""), isAuthenticated: isAuthenticated)
    }

    // MARK: Who it is

    package func become(_ caller: Caller?) {
        self.caller = caller
        names = caller?.told
        reads = nil
        record.details.withLock {
            $0.caller = caller
            $0.user = caller?.name ?? "default"
        }
    }

    /// Who a connection is that has not said so, or has taken it back.
    package func beginAnew(_ access: AccessControl) {
        become(access.isOpen ? .unrestricted : certificateUser.flatMap { access.caller(named: $0) })
    }

    /// Looks again who the client is, where users have changed since.
    package func renew(_ access: AccessControl) {
        let generation = access.generation
        guard generation != self.generation else { return }
        self.generation = generation
        if let caller { become(access.renewed(caller)) }
    }
}
