package import Postgres

/// What the store refuses or cannot do.
package enum StoreError: Error, Sendable {
    case database(PostgresError)
    /// The database has no store.
    case noStore
    /// The store was migrated by a newer binary, and the migration does not let this one write.
    case newerSchema(store: Int, binary: Int)
    case olderSchema(store: Int, binary: Int)
    /// The definitions are of a format that this binary does not know: where, and what is unknown.
    case newerDefinitions(String)
    /// The server is a standby, and something was to be stored.
    case standby
    case changedMigration(name: String)
    case unsuitableDatabase(reason: String)
    case unknownView(name: String, hint: String)
    /// The role in PostgreSQL may not read a view's tables.
    case deniedView(String)
    case unknownService(name: String, hint: String)
    case unknownFeature(view: String, name: String, hint: String)
    case refusedChange([String])
    /// Definitions were applied since the plan was made: the version that is in force.
    case stalePlan(version: Int64)
    /// Input that cannot be stored, with where it stands.
    case input(String)
    /// A row of the input that cannot be stored; rows count from 1.
    case row(Int, reason: String)
    /// The source was read to some point before, and what comes now does not go on from there.
    case source(String)
    /// Something changed under a running command, which did nothing.
    case conflict(String)
    /// A COMMIT was not answered; with what became of it.
    case uncertainCommit(UncertainCommit)
    /// A position or time that this store does not have.
    case position(String)
    /// The store is not what the ledger says it was.
    case anotherTimeline(String)
    case request(String)
    /// What was asked for is more than is read at a time.
    case tooLarge(String)
    /// A file or folder that cannot be read or written, with its name.
    case file(String)
    /// A server's store is being filled, or was exchanged for another: what was read of it may be of neither.
    case filling(String)
    /// Somebody else took records of a stream's partition: `nil` = its position is gone.
    case streamMoved(partition: Int32, expected: Int64, found: Int64?, writer: String)
}

extension StoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .database(let error): "PostgreSQL: \(error)"
        case .noStore:
            "this database has no Asof store; make one with `asof init` (here) or `asof init -d URI` (in a database)"
        case .newerSchema(let store, let binary):
            "the store has schema \(store), this binary knows schema \(binary) at most and is refused; use a newer asof"
        case .olderSchema(let store, let binary):
            "the store has schema \(store), this binary needs schema \(binary); run `asof migrate`"
        case .newerDefinitions(let what):
            "\(what): a newer asof has applied definitions that this one does not know; use a newer asof"
        case .standby:
            "this PostgreSQL is a standby, which takes no writes; nothing was done: \(Self.standbyAdvice)"
        case .changedMigration(let name):
            "migration \(name) was applied to this store with another text than this binary carries; use the binary it came from"
        case .unsuitableDatabase(let reason): "this database cannot hold a store: \(reason)"
        case .streamMoved(let partition, let expected, let found, let writer):
            found.map {
                "partition \(partition) was read to offset \($0) by \(writer.isEmpty ? "another process" : writer) meanwhile, this one expected \(expected); nothing of the batch is stored"
            } ?? "the stream's position in partition \(partition) is gone; nothing of the batch is stored"
        case .unknownView(let name, let hint): "no view '\(name)'\(hint)"
        case .deniedView(let name):
            "view '\(name)' cannot be read: the role in PostgreSQL lacks rights on its tables; the store's owner gives them by "
                + "what `asof grant-sql ROLE reader` prints (a role that writes: `asof grant-sql ROLE writer`)"
        case .unknownService(let name, let hint): "no service '\(name)'\(hint)"
        case .unknownFeature(let view, let name, let hint): "view '\(view)' has no feature '\(name)'\(hint)"
        case .stalePlan(let version):
            "definitions have changed meanwhile (version \(version)); nothing was applied, plan again"
        case .refusedChange(let changes): changes.joined(separator: "\n")
        case .row(let row, let reason): "row \(row): \(reason)"
        case .input(let message), .source(let message), .conflict(let message), .position(let message),
            .request(let message), .tooLarge(let message), .file(let message):
            message
        case .uncertainCommit(let commit): commit.text
        case .anotherTimeline(let message): "another timeline: \(message)"
        case .filling(let message): "the store is being filled: \(message)"
        }
    }
}
