package import Certificates

/// Where the server listens, and what it allows.
package struct ServerConfiguration: Sendable {
    package var address = ListenAddress.tcp(host: "127.0.0.1", port: 6_567)
    /// `nil` = connections are in clear text.
    package var tls: ServerCertificates?
    /// Event loops.
    package var threads = 1
    package var limits = ConnectionLimits()
    /// How long what was received may take to be answered when the server stops.
    package var stopSecondsMax = 10

    package init() {}
}
