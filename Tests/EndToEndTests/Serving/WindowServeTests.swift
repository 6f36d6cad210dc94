import TestSupport
import Testing

/// Windows with the built binary: computed in memory or not, and the same values either way.
@Suite struct WindowServeTests {
    private static let yaml = """
        entities: { airport: { key: origin, type: string } }
        views:
          departures:
            entities: [airport]
            events: { id: flight }
            features: { flight: string, delay: float64 }
          traffic:
            entities: [airport]
            windows: { of: departures, features: { n: count over 2h, most: max(delay) over 2h, kinds: distinct(flight) over 2h } }
        """

    private static let csv = """
        origin,event_time,flight,delay
        JFK,2024-01-01T10:00:00Z,B6-1,5
        JFK,2024-01-01T10:00:00Z,AA-9,7
        JFK,2024-01-01T07:00:00Z,DL-3,100
        LGA,2024-01-01T10:00:00Z,B6-1,2

        """

    @Test(arguments: [
        ["--windows-in-memory"], ["--windows-in-memory", "--memory", "64MB"], ["--no-windows-in-memory"],
        ["--windows-in-memory", "--resident", "none"],
    ])
    func `events of windows are kept in memory where options say so`(options: [String]) throws {
        let store = try ServedStore(Self.yaml)
        let ingested = try store.asof(["ingest", "departures", "-", "--format", "csv"], input: Self.csv)
        #expect(ingested.status == 0, "\(ingested)")
        let server = try store.serve(options)
        let client = try server.client()
        _ = try client.run("HELLO", "3")
        let isKept = !options.contains("--no-windows-in-memory") && !options.contains("none")
        var told = try client.line("FS.WINDOWS traffic")
        #expect(
            try Patience.wait {
                told = try client.line("FS.WINDOWS traffic")
                return told["resident"] == .bool(isKept)
            },
            "\(told)"
        )
        if !isKept { #expect(told["absent"] == .bulk("off")) } else { #expect(told["events"] == .integer(4)) }
        // 11 o'clock.
        let row = try client.line("FS.GET traffic JFK AT 1704106800000000")
        #expect(row["n"] == .integer(2) && row["most"] == .double("7") && row["kinds"] == .integer(2), "\(row)")
    }
}
