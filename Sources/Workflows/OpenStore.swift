import Postgres
package import Store

/// A store in use by one use case: where it is, and the session that its steps share.
package struct OpenStore {
    package let session: Session
    package let conninfo: String
    /// Where the cluster that comes with the store keeps segments; `nil` = the store is another PostgreSQL's.
    package let segmentsFolder: String?
    package let control: RunControl
    /// What must stay as long as the store is in use, such as the cluster's lease.
    private let keeping: AnyObject?

    /// Connects to a store and checks that this binary may use it.
    ///
    /// - Throws: as ``Session/open(_:forWriting:onStandby:interruption:)``; ``WorkflowError`` where the run is over before.
    package init(
        _ conninfo: String,
        forWriting: Bool,
        onStandby: Bool = false,
        segmentsFolder: String? = nil,
        keeping: AnyObject? = nil,
        control: RunControl = RunControl()
    ) throws {
        session = try control.run {
            try Session.open(
                conninfo,
                forWriting: forWriting,
                onStandby: onStandby,
                interruption: control.interruption
            )
        }
        self.conninfo = conninfo
        self.segmentsFolder = segmentsFolder
        self.keeping = keeping
        self.control = control
    }

    /// - Throws: what there is instead, where the store has no view of one of the names.
    package func requireViews(_ names: [String]) throws {
        let registry = try Registry.load(session)
        for name in names { _ = try registry.view(named: name) }
    }

    /// The store's session and more of the same store, for work side by side.
    package func sessions(_ count: Int) throws(StoreError) -> [Session] {
        var sessions = [session]
        while sessions.count < count {
            sessions.append(try Session(conninfo: conninfo, interruption: control.interruption))
        }
        return sessions
    }
}
