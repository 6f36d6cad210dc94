package import Features
import Foundation
import Store

/// A PostgreSQL that is there for tests of definitions only: its database `asof` has the definitions, and each test gets a copy
/// of it.
package struct FeatureTestCluster {
    /// The database that the cluster comes with.
    private static let template = "asof"

    /// For files that are made on the way; the caller removes it.
    private let folder: String
    private let conninfo: (_ database: String) -> String
    private let control: RunControl

    /// - Parameter conninfo: how a database of the cluster is reached.
    package init(folder: String, control: RunControl, conninfo: @escaping (_ database: String) -> String) {
        self.folder = folder
        self.control = control
        self.conninfo = conninfo
    }

    /// Makes the store that each test gets a copy of.
    package func prepare(_ input: DefinitionsInput) throws {
        let template = conninfo(Self.template)
        do {
            let session = try Session(conninfo: template)
            // What a crash would lose is thrown away anyhow.
            for setting in ["fsync = off", "full_page_writes = off"] {
                _ = try session.execute("ALTER SYSTEM SET \(setting)")
            }
            _ = try session.execute("SELECT pg_reload_conf()")
        }
        _ = try OpenStore.migrate(template)
        _ = try OpenStore(template, forWriting: true, control: control).apply(input)
    }

    /// Carries a test out in a copy.
    ///
    /// - Parameters:
    ///   - path: the test's file, whose folder its paths are relative to.
    ///   - number: of the test in the run.
    /// - Returns: how the answer differs from what was expected, or what kept the test from being carried out, a line each; empty =
    ///   it passed.
    package func run(_ test: FeatureTest, of path: String, number: Int) throws -> [String] {
        let database = "test_\(number)"
        let postgres = try Session(conninfo: conninfo("postgres"))
        _ = try postgres.execute("CREATE DATABASE \(database) TEMPLATE \(Self.template)")
        _ = try postgres.execute("ALTER DATABASE \(database) SET search_path = public")
        let differences: [String]
        do {
            let store = try OpenStore(conninfo(database), forWriting: true, control: control)
            let files = URL(fileURLWithPath: path).deletingLastPathComponent().path
            differences = try FeatureTestRun(store, folder: folder).run(test, files: files)
        } catch {
            try control.check()
            differences = ["\(error)"]
        }
        _ = try postgres.execute("DROP DATABASE \(database) WITH (FORCE)")
        return differences
    }
}
