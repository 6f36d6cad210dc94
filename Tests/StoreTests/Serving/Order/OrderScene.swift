import Access
import Commands
import Features
import Logging
import Postgres
import RESPServer
import Synchronization
import TestSupport

@testable import Online
@testable import Serving
@testable import Store

/// A store with two servers, whose patience is short.
final class OrderScene {
    let store: TestStore
    let servers: [OrderServer]
    /// One for each view, which holds the view, a row of it, or nothing.
    let blockers: [Session]
    /// Backends that are not the servers'.
    let ownBackends: [Int64]

    static let views = ["stats", "other", "wide"]

    init() throws {
        let store = try TestStore(WriterFixture.yaml)
        self.store = store
        servers = try (0..<2).map { _ in try OrderServer(store) }
        blockers = try Self.views.map { _ in try Session(conninfo: store.conninfo) }
        ownBackends = try ([store.session] + blockers).map {
            Int64(try $0.query("SELECT pg_backend_pid()").int32(0, 0) ?? 0)
        }
    }

    /// Ends the connections that the servers have to PostgreSQL.
    func cut() throws {
        try store.session.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> ALL ($1)",
            [.int64Array(ownBackends)]
        )
    }

    func stop() { for server in servers { server.stop() } }
}

/// A server within the test's process: its writer, and a socket in front of it.
final class OrderServer {
    let fixture: WriterFixture
    private let server: FeatureServer
    private let engine: Engine
    /// Its latest values are being loaded, as it says: then it refuses what comes unread.
    let isLoading: OrderFlag

    init(_ store: TestStore) throws {
        var options = GroupWriter.Options()
        options.heldWaitMs = 30
        options.lockTimeoutMs = 15
        options.retryLockTimeoutMs = 3
        fixture = try WriterFixture(store, options: options)
        let served = store.registry.views.map { view in
            ServedView(
                view,
                layout: RowLayout(keys: view.storageKeys, features: view.definition.features),
                memory: nil
            )
        }
        let catalog = Catalog(store.registry, views: served, versions: [])
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let writes = FeatureWrites(
            FeatureWrites.Source(
                catalog: { catalog },
                now: { now },
                whenMoved: { _, _, _, finish in
                    finish(.stopped)
                    return 0
                },
                cancelWait: { _ in }
            ),
            writer: fixture.writer,
            history: SessionWorkers(conninfo: store.conninfo)
        )
        let isLoading = OrderFlag()
        self.isLoading = isLoading
        var hooks = EngineHooks()
        hooks.isLoading = { isLoading.isSet }
        hooks.commitTogether = { writes.commitTogether($0, client: $1, $2) }
        hooks.abandon = { writes.abandon($0, client: $1) }
        engine = Engine(hooks: hooks, writes: writes)
        var configuration = ServerConfiguration()
        configuration.address = .tcp(host: "127.0.0.1", port: 0)
        server = try FeatureServer.start(
            configuration,
            engine: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func connect() throws -> OrderConnection { try OrderConnection(try client()) }

    func client() throws -> RespClient {
        guard case .tcp(_, let port) = server.address else { throw OrderFault(seed: -1, text: "no port") }
        return try RespClient(port: port)
    }

    /// From now on there is one user, who may write to views of a pattern.
    func takeWriter(_ name: String, _ password: String, of pattern: String) {
        let verifier = ScramVerifier(password: Array(password.utf8), salt: [1], iterations: 2)
        let grants = [Grant(.writer, pattern: pattern)]
        engine.take([Account(id: 1, name: name, verifier: verifier, grants: grants)])
    }

    /// Waits until nothing of connections that have gone is under way any more.
    func isQuiet() -> Bool {
        Patience.wait { [engine, fixture] in engine.clients.all().isEmpty && fixture.writer.isIdle }
    }

    func stop() {
        _ = server.stop()
        fixture.writer.stop()
    }
}

final class OrderFlag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }
    func set(_ isSet: Bool) { value.store(isSet, ordering: .relaxed) }
}
