import Features
package import Postgres
package import Store
package import Wire

extension CommandFault {
    /// A name that is no feature of a view, or was one's.
    package static func unknownFeature(_ name: String, of view: StoredView) -> CommandFault {
        guard let current = view.former.current(name) else {
            return unknownFeature(name, view: view.name, known: view.definition.features.map(\.name))
        }
        return CommandFault(
            .noFeature,
            "view '\(view.name)' has no feature \(quoted(name)); it is called '\(current)' now"
        )
    }

    /// The one place where the store's errors get their codes.
    package init(_ error: StoreError) {
        switch error {
        case .database(let error): self.init(error)
        case .newerSchema: self.init(.readOnly, Self.oneLine(error.description))
        case .noStore, .newerDefinitions, .olderSchema, .changedMigration, .unsuitableDatabase, .anotherTimeline,
            .conflict, .stalePlan, .streamMoved, .standby:
            self.init(.unavailable, Self.oneLine(error.description))
        case .unknownView(let name, let hint):
            self.init(.noView, "no view \(Self.quoted(name))\(Self.oneLine(hint))")
        case .deniedView: self.init(.noPermission, Self.oneLine(error.description))
        case .unknownService(let name, let hint):
            self.init(.noService, "no service \(Self.quoted(name))\(Self.oneLine(hint))")
        case .unknownFeature(let view, let name, let hint):
            self.init(.noFeature, "view '\(view)' has no feature \(Self.quoted(name))\(Self.oneLine(hint))")
        case .uncertainCommit(let commit):
            self.init(.unavailable, "no answer from PostgreSQL during COMMIT; \(commit.outcome.text)")
        case .input(let message), .source(let message): self.init(.value, Self.oneLine(message))
        case .row(let row, let reason): self.init(.value, "row \(row): \(Self.oneLine(reason))")
        case .position(let message): self.init(.time, Self.oneLine(message))
        case .tooLarge(let message): self.init(.limit, Self.oneLine(message))
        case .request(let message): self.init(.general, Self.oneLine(message))
        case .filling: self = .stillLoading
        case .file: self.init(.general, "a file or folder of the server's cannot be used; its log says which")
        case .refusedChange(let changes): self.init(.general, Self.oneLine(changes.joined(separator: "; ")))
        }
    }

    /// What PostgreSQL says stays in its log: it may hold SQL and values.
    package init(_ error: PostgresError) {
        switch error.kind {
        case .connect:
            self.init(.unavailable, "PostgreSQL cannot be reached; the server keeps trying, try again later")
        case .connectionLost:
            self.init(.unavailable, "the connection to PostgreSQL was lost; the server reconnects, try again")
        case .noAnswer:
            self.init(.unavailable, "\(error.message); the server reconnects, try again")
        case .unexpectedResult:
            self.init(.general, "PostgreSQL answered in another shape than expected; the server's log says more")
        case .server(let sqlState):
            self.init(sqlState: sqlState)
        }
    }

    /// - Parameter sqlState: PostgreSQL's five characters; its class is the first two.
    private init(sqlState: String) {
        switch (String(sqlState.prefix(2)), sqlState) {
        case (_, "57014"), (_, SQLState.lockNotAvailable):
            self.init(.timeout, "PostgreSQL took too long and the work was given up (SQLSTATE \(sqlState)); try again")
        case (_, SQLState.readOnlyTransaction):
            self.init(
                .unavailable,
                "PostgreSQL takes no writes now: it is read-only or a standby (SQLSTATE \(sqlState))"
            )
        case (_, SQLState.insufficientPrivilege):
            self.init(.noPermission, "the server's role in PostgreSQL may not do this (SQLSTATE \(sqlState))")
        case ("40", _):
            self.init(.unavailable, "PostgreSQL gave the work up for another's (SQLSTATE \(sqlState)); try again")
        case ("08", _), ("57", _), ("53", _), ("58", _):
            self.init(.unavailable, "PostgreSQL cannot do it now (SQLSTATE \(sqlState)); try again later")
        case ("22", _), ("23", _):
            self.init(.value, "PostgreSQL cannot store a value (SQLSTATE \(sqlState)); its log says which")
        default: self.init(.general, "PostgreSQL refused the work (SQLSTATE \(sqlState)); its log says why")
        }
    }

    package static func oneLine(_ text: String) -> String {
        text.split { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }.joined(separator: " ")
    }
}
