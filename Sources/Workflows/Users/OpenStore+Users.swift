package import Access
package import Features
package import Operations
import Store

extension OpenStore {
    /// The users of the store's servers, by name.
    package func users() throws -> [UserRegistry.Listing] { try control.run { try UserRegistry(session).listings() } }

    /// - Returns: the position that it took; so do the others.
    /// - Throws: where there is one of that name, or the name or the password cannot be one.
    @discardableResult
    package func addUser(_ name: String, password: [UInt8], _ grants: [Grant]) throws -> Int64 {
        let verifier = try Self.verifier(of: password)
        return try control.run { try UserRegistry(session).add(name, verifier, grants).position }
    }

    /// - Parameter overlapSeconds: how long the password before stays valid, too; 0 = it and the connections end at once.
    @discardableResult
    package func setPassword(of name: String, _ password: [UInt8], overlapSeconds: Int64) throws -> Int64 {
        let verifier = try Self.verifier(of: password)
        return try control.run {
            try UserRegistry(session).setPassword(name, verifier, overlapSeconds: overlapSeconds).position
        }
    }

    @discardableResult
    package func removeUser(_ name: String) throws -> Int64 {
        try control.run { try UserRegistry(session).remove(name).position }
    }

    @discardableResult
    package func grant(_ name: String, _ grants: [Grant]) throws -> Int64 {
        try control.run { try UserRegistry(session).grant(name, grants).position }
    }

    @discardableResult
    package func revoke(_ name: String, _ grants: [Grant]) throws -> Int64 {
        try control.run { try UserRegistry(session).revoke(name, grants).position }
    }

    /// Who changed what, oldest first.
    package func audit(since: Timestamp?, limit: Int) throws -> [AuditLog.Entry] {
        try control.run { try AuditLog(session).entries(since: since, limit: limit) }
    }

    private static func verifier(of password: [UInt8]) throws -> ScramVerifier {
        if let refusal = NewPassword.refusal(password) { throw WorkflowError.refused(refusal) }
        return ScramVerifier(password: password)
    }
}
