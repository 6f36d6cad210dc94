import TestSupport
import Testing

/// One thing that a user gets wrong, and what the command must say about it.
struct BadInputCase: Sendable, CustomTestStringConvertible {
    let name: String
    let files: [(name: String, bytes: [UInt8])]
    let arguments: [String]
    let status: Int32
    /// What standard error must contain, each of it.
    let says: [String]
    /// Whether standard output has something to say before the refusal.
    let prints: Bool

    var testDescription: String { name }

    init(
        _ name: String,
        _ arguments: [String],
        files: [(name: String, bytes: [UInt8])] = [],
        status: Int32 = 1,
        prints: Bool = false,
        says: [String]
    ) {
        self.prints = prints
        self.name = name
        self.files = files
        self.arguments = arguments
        self.status = status
        self.says = says
    }

    /// Rows of a CSV file for the view `stats`, under its right header.
    static func stats(_ name: String, _ rows: String, _ options: String..., says: [String]) -> BadInputCase {
        BadInputCase(
            name,
            ["ingest", "stats", "bad.csv"] + options,
            files: [("bad.csv", Array("user_id,event_time,clicks,ctr,name\n\(rows)".utf8))],
            says: ["asof: bad.csv: "] + says
        )
    }

    /// A file as it stands, for any view.
    static func file(
        _ name: String,
        _ view: String,
        _ file: String,
        _ text: String,
        _ options: String...,
        says: [String]
    ) -> BadInputCase {
        BadInputCase(name, ["ingest", view, file] + options, files: [(file, Array(text.utf8))], says: says)
    }

    /// Runs the command in `store`, and expects that it says what is wrong, and that nothing is left of it.
    func check(in store: CommandLineStore) throws {
        for file in files { try store.write(file.name, file.bytes) }
        let before = try store.state()
        let output = try store.run(arguments)
        #expect(output.status == status, "\(output.out)\(output.error)")
        for part in says { #expect(output.error.contains(part)) }
        #expect(output.out.isEmpty == !prints)
        #expect(!output.error.contains("Error Domain"))
        let after = try store.state()
        #expect(before == after)
    }
}
