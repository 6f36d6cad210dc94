package import Foundation
package import NIOCore
import Synchronization

/// The certificate of a server and, where clients have to show theirs, the authority that theirs are from; read from files, and
/// read again while connections go on.
///
/// **Invariant:** files that cannot be used change nothing: connections then begin with what was read before.
package final class ServerCertificates: Sendable {
    package struct Files: Hashable, Sendable {
        /// PEM: the server's certificate, then those between it and its authority.
        package var certificate: String
        /// PEM.
        package var key: String
        /// PEM: with it each client must show a certificate of this authority; `nil` = clients need none.
        package var clientAuthority: String?

        package init(certificate: String, key: String, clientAuthority: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.clientAuthority = clientAuthority
        }
    }

    private let files: Files
    private let loaded: Mutex<LoadedCertificates>

    /// - Throws: ``CertificateError``.
    package init(_ files: Files) throws(CertificateError) {
        self.files = files
        loaded = Mutex(try LoadedCertificates(files))
    }

    /// When the server's own certificate ends.
    package var expiresAt: Date { loaded.withLock { $0.expiresAt } }

    /// Reads the files again. Blocks.
    /// - Throws: ``CertificateError``; then nothing has changed.
    package func reload() throws(CertificateError) {
        let new = try LoadedCertificates(files)
        loaded.withLock { $0 = new }
    }

    /// What stands before the other handlers of a connection that begins now.
    /// - Parameters:
    ///   - preservedBytesMax: of an outbound buffer, what may stay with the connection.
    ///   - asksClients: whether clients have to show theirs, where there is an authority of them; not on HTTP, since probes and
    ///     scrapers have none.
    package func handler(preservedBytesMax: Int, asksClients: Bool = true) -> any ChannelHandler {
        loaded.withLock { $0 }.handler(preservedBytesMax: preservedBytesMax, asksClients: asksClients)
    }
}

/// Why certificates cannot be used.
package struct CertificateError: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(_ option: String, _ path: String, _ what: String, _ cause: (any Error)?) {
        description = "\(option) \(path) \(what)" + (cause.map { " (\($0))" } ?? "")
    }
}
