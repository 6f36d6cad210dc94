package import EmbeddedPostgres
import Foundation
import Postgres
package import Store

/// A database as pg_dump writes it, which can be restored whole or piece by piece.
package struct StoreDump: Sendable {
    /// One line of the dump's list of contents.
    package struct Item: Sendable, Hashable {
        /// As `pg_restore -L` takes it.
        package let line: String
        /// Without the numbers before it: `TABLE DATA history _p1 asof`.
        package let name: String

        package var isData: Bool { name.hasPrefix("TABLE DATA ") || name.hasPrefix("SEQUENCE SET ") }
    }

    private let folder: String
    private let binaries: PostgresBinaries

    /// - Parameters:
    ///   - conninfo: of the database.
    ///   - folder: exists; the dump lies in it.
    package init(of conninfo: String, in folder: String, _ binaries: PostgresBinaries) throws {
        self.folder = folder + "/" + UUID().uuidString
        self.binaries = binaries
        try Subprocess.run([binaries.path("pg_dump"), "-Fd", "-f", self.folder, "-d", conninfo], seconds: 60)
    }

    /// Everything in it, in the order in which it would be restored.
    package func items() throws -> [Item] {
        let list = folder + ".list"
        try Subprocess.run([binaries.path("pg_restore"), "-l", "-f", list, folder], seconds: 60)
        let lines = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n")
        return lines.filter { !$0.hasPrefix(";") }.map { line in
            // `3245; 0 16488 TABLE DATA asof batches asof`
            Item(line: String(line), name: line.split(separator: " ").dropFirst(3).joined(separator: " "))
        }
    }

    /// Restores it, or the given items of it, in their order.
    package func restore(into conninfo: String, _ options: [String] = [], items: [Item]? = nil) throws {
        var options = options
        if let items {
            let list = folder + "." + UUID().uuidString
            try items.map { $0.line + "\n" }.joined().write(toFile: list, atomically: false, encoding: .utf8)
            options += ["-L", list]
        }
        try Subprocess.run([binaries.path("pg_restore"), "-d", conninfo] + options + [folder], seconds: 120)
    }

    /// Restores it as a script of SQL, statement by statement, by psql.
    package func run(into conninfo: String) throws {
        let script = folder + ".sql"
        try Subprocess.run([binaries.path("pg_restore"), "-f", script, folder], seconds: 60)
        let psql = [binaries.path("psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-f", script, conninfo]
        try Subprocess.run(psql, seconds: 120)
    }
}

extension Session {
    /// Takes away the whole store, as whoever restores another one into its database does.
    package func dropStore() throws(StoreError) {
        try executeBesideReaders("DROP SCHEMA asof, history, online CASCADE")
    }

    /// Runs a statement that locks many tables, outside a transaction.
    ///
    /// A read that has one table and wants another may stand in its way, and PostgreSQL ends either.
    package func executeBesideReaders(_ sql: String) throws(StoreError) {
        for attempt in 1... {
            do throws(StoreError) {
                try execute(sql)
                return
            } catch {
                guard case .database(let cause) = error, cause.isRetryable, attempt < 5 else { throw error }
            }
        }
    }
}
