import Columnar
import Features
import PointInTime
import Store
import TestSupport
import Testing
import TrainingSets

/// As-of joins of pandas, DuckDB, ClickHouse and other systems' documentation, answered by a store.
///
/// No case is left out. What Asof refuses is taken out of a case, and its refusal is expected: infinite times, and null
/// event times and keys in history. A null key of the spine matches nothing. Order columns that are no times become
/// times of the same order; keys of other types become strings.
@Suite struct ConformanceTests {
    @Test(arguments: ConformanceCase.all, [false, true])
    func `a join gives what other systems give`(conformance: ConformanceCase, isRowByRow: Bool) throws {
        let store = try TestStore(conformance.yaml)
        for view in conformance.views {
            let rows = try conformance.history(view)
            // Later rows have the greater position, or stand later in their batch: the same row wins.
            for batch in isRowByRow ? rows.map({ [$0] }) : [rows] { try store.ingest(view.name, batch) }
        }
        let exported = try store.export(
            "asked",
            spine: try conformance.spineBatch(),
            labelTime: conformance.spine.time
        )
        #expect(exported.batch.rowCount == conformance.spine.rows.count)
        let expected = try conformance.expected()
        for (row, values) in expected.enumerated() {
            #expect(exported.features(row, of: values.count).map(\.identity) == values.map(\.identity), "row \(row)")
        }
        // The same by a scan, of PostgreSQL alone and of segments.
        let segments = try SegmentFixture(store)
        for hasSegments in [false, true] {
            if hasSegments { for view in conformance.views { try segments.build(view.name) } }
            let scanned = try store.export(
                "asked",
                spine: try conformance.spineBatch(),
                labelTime: conformance.spine.time,
                engine: EngineRequest(
                    .scan,
                    source: ScanInputs(directory: try segments.directory(), format: ParquetSegments())
                )
            )
            #expect(scanned.digest == exported.digest)
            #expect(scanned.counts == exported.counts)
        }
        #expect(try store.violations() == [])
    }

    /// The rows that are taken out of the cases: null times and keys.
    @Test(arguments: ["time", "key"])
    func `a history row without time or key is refused`(part: String) throws {
        let store = try TestStore(
            "entities:\n  e: { key: k, type: string }\nviews:\n  v: { entities: [e], features: { n: int64 } }\n"
        )
        let view = try store.view("v")
        var rows = TestStore.viewRows([HistoryRow([.string("a")], at: 0, [.int64(1)])], view)
        if part == "time" { rows.eventTimes = Column(type: .timestamp, [.null]) }
        if part == "key" { rows.keys[0] = Column(type: .string, [.null]) }
        let ingestion = try Ingestion(
            session: store.session,
            source: nil,
            form: .rows(of: view, columns: [("k", .string), ("_event_time", .timestamp), ("n", .int64)]),
            options: IngestionOptions()
        )
        #expect(throws: StoreError.self) { try ingestion.append(rows) }
    }
}
