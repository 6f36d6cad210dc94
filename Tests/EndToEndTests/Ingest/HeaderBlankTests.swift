import Features
import TestSupport
import Testing

/// CSV headers as people write them, with blanks behind the commas.
@Suite struct HeaderBlankTests {
    private static let rows = "1,2026-01-01,5,0.5,a\n"

    @Test(arguments: [
        ("user_id, event_time, clicks, ctr, name", "names: ' clicks', ' ctr', ' name'", "--map ' clicks=clicks'"),
        ("user_id,event_time,clicks ,ctr,name", "a name: 'clicks '", "--map 'clicks =clicks'"),
        (" user_id,event_time,clicks,ctr,name", "a name: ' user_id'", "--map ' user_id=user_id'"),
        ("user_id,event_time,\tclicks,ctr,name", "a name: '\tclicks'", "--map '\tclicks=clicks'"),
        ("user_id,event_time,clicks,ctr,\u{A0}name", "a name: '\u{A0}name'", "--map '\u{A0}name=name'"),
    ])
    func `blanks around a name are named, with the way out, which works`(
        header: String,
        names: String,
        map: String
    ) throws {
        let store = try CommandLineStore()
        try store.write("a.csv", header + "\n" + Self.rows)
        let output = try store.run(["ingest", "stats", "a.csv"])
        #expect(output.status == 1)
        #expect(output.error.contains("a.csv: the header has blanks around \(names). Take them out"), "\(output.error)")
        #expect(output.error.contains(map), "\(output.error)")
        var command = ["ingest", "stats", "a.csv"]
        for name in header.split(separator: ",").map(String.init) {
            let target = name.filter { !$0.isWhitespace }
            guard target != name else { continue }
            command += target == "event_time" ? ["--event-time", name] : ["--map", "\(name)=\(target)"]
        }
        try store.succeed(command)
        #expect(try store.value("SELECT clicks || name FROM history.stats") == "5a")
    }

    @Test func `a column that an option names is found with its blanks, and so are a spine's`() throws {
        let store = try CommandLineStore()
        try store.write("a.csv", "user_id,clicks,ctr,name, when\n1,5,0.5,a,2026-01-01\n")
        let output = try store.run(["ingest", "stats", "a.csv", "--event-time", "when"])
        #expect(
            output.error.contains("the header has blanks around it; say --event-time ' when'"),
            "\(output.error)"
        )
        try store.succeed(["ingest", "stats", "a.csv", "--event-time", " when"])
        try store.write("spine.csv", "user_id, at\n1,2026-01-02\n")
        let export = ["export", "--spine", "spine.csv", "--features", "stats.*", "--out", "o.csv", "--label-time"]
        let refused = try store.run(export + ["at"])
        #expect(refused.status == 1 && refused.error.contains("' at' has blanks around it"), "\(refused.error)")
        try store.succeed(export + [" at"])
    }
}
