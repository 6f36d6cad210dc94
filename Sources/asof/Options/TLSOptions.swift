import ArgumentParser
import Certificates

/// The certificates of a server.
struct TLSOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A PEM file with the server's certificate and those behind it: clients then speak TLS.",
            valueName: "file"
        )
    )
    var tlsCert: String?
    @Option(help: ArgumentHelp("A PEM file with its key; others must not be able to read it.", valueName: "file"))
    var tlsKey: String?
    @Option(
        help: ArgumentHelp(
            "A PEM file of an authority: clients must show its certificates, and are the users that these name (CN).",
            valueName: "file"
        )
    )
    var tlsClientCa: String?

    func validate() throws {
        guard (tlsCert == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-cert and --tls-key: give both")
        }
        guard tlsClientCa == nil || tlsCert != nil else {
            throw ValidationError("--tls-client-ca needs --tls-cert and --tls-key")
        }
    }

    /// - Returns: `nil` where the server does not speak TLS.
    /// - Throws: where a file cannot be used.
    func certificates() throws -> ServerCertificates? {
        guard let tlsCert, let tlsKey else { return nil }
        return try ServerCertificates(
            ServerCertificates.Files(certificate: tlsCert, key: tlsKey, clientAuthority: tlsClientCa)
        )
    }
}
