import Features
import PointInTime
import Postgres
import Serving
import Synchronization
import TestSupport
import Testing

@testable import Commands
@testable import Reading
@testable import Store

/// A reply with windows shows all of a commit or nothing, also where some of its views are not in memory, with META and without.
@Suite struct WholeCommitTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          profiles: { entities: [user], features: { age: int64 } }
          clicks: { entities: [user], events: { id: click }, features: { click: int64 } }
          per_user: { entities: [user], windows: { of: clicks, features: { n: count over lifetime } } }
        services: { board: [per_user.n, profiles.age] }
        """

    /// A store that is written to in the middle of a read.
    private final class Writer: @unchecked Sendable {
        // Sendable: used by one thread at a time.
        let store: TestStore
        let now: Int64

        init() throws {
            store = try TestStore(WholeCommitTests.yaml)
            now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        }

        /// Makes both of a user's values this one.
        func write(_ value: Int64) throws {
            let time = now - 1_000 + value
            try store.ingest("profiles", [HistoryRow([.int64(1)], at: time, [.int64(value)])])
            try store.ingest("clicks", [HistoryRow([.int64(1)], at: time, [.int64(value)])])
        }
    }

    @Test(
        arguments: [["clicks"], ["profiles"], [], ["clicks", "profiles"]] as [[String]],
        [[], ["META"]] as [[String]]
    )
    func `what is committed while a reply is made is in all of it or in nothing`(
        resident: [String],
        words: [String]
    ) throws {
        let writer = try Writer()
        try writer.write(1)
        let server = try WindowServer(writer.store.conninfo, .views(resident))
        server.catchUp(try writer.store.head())
        if resident.contains("clicks") { #expect(Patience.wait { server.isResident("per_user") }) }
        // Whatever is asked of PostgreSQL first has been answered; then somebody commits, and memory has it.
        let serving = server.serving
        let isWritten = Mutex(false)
        let between: @Sendable () -> Void = {
            isWritten.withLock { isWritten in
                guard !isWritten else { return }
                isWritten = true
                #expect(throws: Never.self) { try writer.write(2) }
                #expect(throws: Never.self) { server.catchUp(try writer.store.head()) }
            }
        }
        let source = FeatureReads.Source(
            catalog: { serving.catalog },
            position: { serving.position },
            changeCount: { serving.changeCount },
            now: { serving.now() },
            whenReached: { serving.whenReached($0, timeoutMs: $1, finish: $2) },
            fetch: { view, keys, finish in
                between()
                serving.fetch(view, keys: keys, finish: finish)
            },
            fetchHistory: { view, keys, time, position, finish in
                between()
                serving.fetch(view, keys: keys, at: time, position: position, finish: finish)
            }
        )
        let engine = Engine(reads: FeatureReads(source))
        let asked = ["FS.SERVE", "board", "KEYS", "1", "user_id", "ROWS", "1", "1"] + words
        let values = try WindowServer.ask(asked, engine).text.split(separator: "|")
        let told = values.filter { $0 == ":1" || $0 == ":2" }.prefix(2)
        #expect(told == [":1", ":1"] || told == [":2", ":2"], "\(resident) \(words): \(values)")
        // Where all is in memory nothing is asked.
        #expect(isWritten.withLock { $0 } == (resident.count < 2))
    }
}
