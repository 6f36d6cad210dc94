import EmbeddedPostgres
import Foundation
import Glibc
import Postgres
import Store
import TestSupport
import Testing

/// A PostgreSQL of a test's own that lets roles in over TCP on loopback, by TLS and a password (SCRAM-SHA-256) and no other way,
/// with a store in it.
final class SecuredPostgres {
    let cluster: ThrowawayCluster
    let authority: TestAuthority
    /// As the superuser, over the unix socket.
    let base: String

    static let isPossible = ["/usr/bin/openssl", "/bin/openssl"].contains {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// - Parameter names: whom its certificate is for.
    init(names: String = TestAuthority.localNames, days: Int = 2, yaml: String = ServedStore.yaml) throws {
        authority = try TestAuthority()
        try authority.issue("postgres", commonName: "postgres", days: days, names: names)
        cluster = try Self.start()
        for kind in ["crt", "key"] {
            let file = cluster.data + "/server.\(kind)"
            try Data(contentsOf: URL(fileURLWithPath: authority.file("postgres.\(kind)"))).write(
                to: URL(fileURLWithPath: file)
            )
            try #require(chmod(file, 0o600) == 0 && chown(file, cluster.account.uid, cluster.account.gid) == 0)
        }
        try Data("local all asof trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n".utf8).write(
            to: URL(fileURLWithPath: cluster.data + "/pg_hba.conf")
        )
        try cluster.execute("ALTER SYSTEM SET ssl = on")
        try cluster.execute("SELECT pg_reload_conf()")
        let cluster = cluster
        guard try Patience.wait(until: { try cluster.execute("SELECT current_setting('ssl')") == "on" }) else {
            throw Trouble("PostgreSQL has no TLS: \((try? String(contentsOfFile: cluster.log, encoding: .utf8)) ?? "")")
        }
        base = try TestStore(yaml, cluster: cluster).conninfo
    }

    /// A port that is free may be taken before PostgreSQL has it.
    private static func start() throws -> ThrowawayCluster {
        var failure: (any Error)?
        for _ in 0..<5 {
            do {
                return try ThrowawayCluster.start(settings: ["listen_addresses = '127.0.0.1'"], port: try freePort())
            } catch {
                failure = error
            }
        }
        throw failure ?? Trouble("no port is free")
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
            }
        }
        guard code == 0 else { throw Trouble("no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    func session() throws -> Session { try Session(conninfo: base) }

    /// A role with a password and the rights of `kind`.
    func role(_ name: String, _ kind: String, password: String) throws {
        let session = try session()
        try session.execute("CREATE ROLE \(name) LOGIN PASSWORD \(SQLText.literal(password))")
        try StoreRole.grant(session, name, kind)
    }

    /// How to connect over TCP; without a password.
    func conninfo(_ user: String, authority name: String = "ca", host: String = "localhost") throws -> String {
        let database = try session().query("SELECT current_database()::text").text(0, 0) ?? ""
        return "host=\(host) hostaddr=127.0.0.1 port=\(cluster.port) dbname=\(database) user=\(user) "
            + "sslmode=verify-full sslrootcert='\(authority.file("\(name).crt"))'"
    }
}
