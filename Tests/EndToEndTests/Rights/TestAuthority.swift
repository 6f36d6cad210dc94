import Foundation
import TestSupport
import Testing

/// Certificates of two authorities, `ca` and `other`, made by openssl.
struct TestAuthority {
    let scratch: Scratch

    private static let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

    init() throws {
        scratch = try Scratch()
        for name in ["ca", "other"] {
            try openssl(
                "req -x509 \(Self.newKey) -days 2 -keyout \(name).key -out \(name).crt",
                "/CN=asof test \(name)"
            )
        }
        // The one that scripts of tests give by themselves, too.
        try write("san", names: Self.localNames)
    }

    static let localNames = "DNS:localhost,IP:127.0.0.1"

    private func write(_ file: String, names: String) throws {
        _ = try scratch.write(file, "subjectAltName=\(names)\n")
    }

    /// Makes `name.crt` and `name.key`.
    /// - Parameter names: whom the certificate is for, as openssl has them.
    func issue(
        _ name: String,
        commonName: String,
        by authority: String = "ca",
        days: Int = 2,
        names: String = TestAuthority.localNames
    ) throws {
        try write("san-\(name)", names: names)
        try openssl("req \(Self.newKey) -keyout \(name).key.new -out \(name).csr", "/CN=\(commonName)")
        try openssl(
            "x509 -req -in \(name).csr -CA \(authority).crt -CAkey \(authority).key -CAcreateserial -days \(days) "
                + "-extfile san-\(name) -out \(name).crt.new"
        )
        for kind in ["key", "crt"] { rename(file("\(name).\(kind).new"), file("\(name).\(kind)")) }
    }

    func file(_ name: String) -> String { scratch.path + "/" + name }

    private func openssl(_ words: String, _ subject: String? = nil) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["openssl"] + words.split(separator: " ").map(String.init) + (subject.map { ["-subj", $0] } ?? [])
        process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(words)")
    }
}
