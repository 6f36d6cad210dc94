import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store

@Suite struct SessionTests {
    @Test func `text is UTF-8 whatever encoding the connection string asks for`() throws {
        let store = try TestStore(
            "entities: { user: { key: user_id, type: int64 } }\n"
                + "views: { stats: { entities: [user], features: { city: string } } }"
        )
        let latin = try Session(conninfo: store.conninfo + " client_encoding=LATIN1")
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.string("Zürich")])], session: latin)
        #expect(try store.session.query("SELECT city FROM history.stats").text(0, 0) == "Zürich")
    }
}
