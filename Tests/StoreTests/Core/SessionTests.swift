import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

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

    @Test func `a list that a query gives in two dimensions is refused`() throws {
        let store = try TestStore(IngestionTests.yaml)
        let query = try SpineQuery("SELECT ARRAY[[1, 2], [3, 4]]::bigint[] AS pairs", store.session)
        let error = #expect(throws: StoreError.self) { try query.next() }
        #expect("\(try #require(error))".contains("an array has 2 dimensions; a list has one"))
    }
}
