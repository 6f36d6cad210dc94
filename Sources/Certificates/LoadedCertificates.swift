#if TLS
import Foundation
package import NIOCore
import NIOSSL

/// Certificates as they were in their files, for connections that begin with them.
struct LoadedCertificates: Sendable {
    private let context: NIOSSLContext
    /// Of connections whose clients are asked for no certificate.
    private let anybodysContext: NIOSSLContext
    /// When the server's own certificate ends.
    let expiresAt: Date

    init(_ files: ServerCertificates.Files) throws(CertificateError) {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(files.certificate) } catch {
            throw CertificateError("--tls-cert", files.certificate, "is no readable file of PEM certificates", error)
        }
        guard let own = chain.first else {
            throw CertificateError("--tls-cert", files.certificate, "has no certificate", nil)
        }
        var status = stat()
        if stat(files.key, &status) == 0, status.st_mode & 0o007 != 0 {
            throw CertificateError(
                "--tls-key",
                files.key,
                "can be read or written by everybody: chmod 600 \(files.key)",
                nil
            )
        }
        let key: NIOSSLPrivateKey
        do { key = try NIOSSLPrivateKey(file: files.key, format: .pem) } catch {
            throw CertificateError(
                "--tls-key",
                files.key,
                "is no readable file of a PEM key without a passphrase",
                error
            )
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        let anybodys = configuration
        if let path = files.clientAuthority {
            let authority: [NIOSSLCertificate]
            do { authority = try NIOSSLCertificate.fromPEMFile(path) } catch {
                throw CertificateError("--tls-client-ca", path, "is no readable file of PEM certificates", error)
            }
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(authority)
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
            anybodysContext = try NIOSSLContext(configuration: anybodys)
            expiresAt = Date(timeIntervalSince1970: TimeInterval(own.notValidAfter))
        } catch {
            throw CertificateError("--tls-key", files.key, "is not the key of \(files.certificate)", error)
        }
    }

    func handler(preservedBytesMax: Int, asksClients: Bool) -> any ChannelHandler {
        var tls = NIOSSLHandler.Configuration()
        tls.maximumPreservedOutboundBufferCapacity = preservedBytesMax
        return NIOSSLServerHandler(context: asksClients ? context : anybodysContext, configuration: tls)
    }
}

/// What TLS knows of a connection.
package enum EncryptedConnection {
    /// The name (CN) in the certificate that the client has shown, if it has.
    package static func clientName(_ pipeline: ChannelPipeline) -> String? {
        let tls = try? pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
        return tls?.peerCertificate?.subjectName.last { $0.type == .commonName }?.value
    }

    /// Whether the client closed its side without saying so in TLS.
    package static func isUncleanShutdown(_ error: any Error) -> Bool {
        if case .uncleanShutdown? = error as? NIOSSLError { true } else { false }
    }
}
#else
import Foundation
package import NIOCore

/// A build without TLS has no certificates: there is never a value of this type.
struct LoadedCertificates: Sendable {
    let expiresAt: Date

    init(_ files: ServerCertificates.Files) throws(CertificateError) {
        throw CertificateError(
            "--tls-cert",
            files.certificate,
            "cannot be used: this asof was built without TLS; `swift build -c release` builds it with TLS",
            nil
        )
    }

    func handler(preservedBytesMax: Int, asksClients: Bool) -> any ChannelHandler {
        preconditionFailure("there are no certificates")
    }
}

/// There is none.
package enum EncryptedConnection {
    package static func clientName(_ pipeline: ChannelPipeline) -> String? { nil }
    package static func isUncleanShutdown(_ error: any Error) -> Bool { false }
}
#endif
