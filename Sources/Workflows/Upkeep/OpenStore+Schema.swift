package import Operations
import Store

/// What may meet a store of another schema, which cannot be opened.
extension OpenStore {
    /// Brings a database's schema up to this binary's; makes the store where there is none.
    ///
    /// - Returns: the names of the migrations that were applied now.
    /// - Throws: as `Migrator.migrate` does; each migration is a transaction of its own.
    package static func migrate(_ conninfo: String, control: RunControl = RunControl()) throws -> [String] {
        try control.run { try Migrator.migrate(try Session(conninfo: conninfo, interruption: control.interruption)) }
    }

    /// Looks for what breaks a store, hurts it, or soon will; that its schema is another one is among it.
    ///
    /// - Throws: `StoreError.noStore`, or the database's error.
    package static func diagnose(
        _ conninfo: String,
        control: RunControl = RunControl()
    ) throws -> [Doctor.Finding] {
        try control.run { try Doctor(try Session(conninfo: conninfo, interruption: control.interruption)).run() }
    }
}
