import Commands
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// A numbered write that is refused before anybody looks at its rows has failed like any other.
@Suite struct UnreadWriteTests {
    /// What a client sends, or what happens meanwhile, and what the reply begins with.
    struct Step: Sendable {
        var words: [String] = []
        var says = ""
        /// Whether the server loads from then on.
        var isLoading: Bool?

        init(_ line: String, _ says: String) {
            words = line.split(separator: " ").map(String.init)
            self.says = says
        }

        init(words: [String], _ says: String) {
            self.words = words
            self.says = says
        }

        init(isLoading: Bool) { self.isLoading = isLoading }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let steps: [Step]
        /// Whether 7 has failed then.
        var hasFailed = true
        var testDescription: String { name }
    }

    private static let seven = "FS.SET stats 1 1 clicks 7 ctr 1 ALLOW1970 SOURCE s SEQ 7"
    private static let eight = "FS.SET stats 1 2 clicks 8 ctr 1 ALLOW1970 SOURCE s SEQ 8"

    static let cases = [
        Case(
            name: "while values are loaded",
            steps: [Step(isLoading: true), Step(seven, "LOADING"), Step(isLoading: false)]
        ),
        Case(
            name: "an option that FS.SET does not have",
            steps: [Step("FS.SET stats 1 1 clicks 1 ctr 1 ALLOW1970 SOURCE s SEQ 7 SOON", "ERR behind the values")]
        ),
        Case(
            name: "a value that is not there",
            steps: [Step("FS.SET stats 1 * clicks 1 ctr SOURCE s SEQ 7", "FSVALUE")]
        ),
        Case(
            name: "an option that FS.DEL does not have",
            steps: [Step("FS.DEL stats 1 1 SOON SOURCE s SEQ 7", "ERR unknown option 'SOON'")]
        ),
        Case(
            name: "an option that FS.WRITE does not have, before the number, in small letters",
            steps: [Step("FS.WRITE stats precision week source s seq 7", "FSTIME PRECISION 'week'")]
        ),
        Case(
            name: "a request that is too long",
            steps: [
                Step(
                    words: ["FS.DEL", "stats", String(repeating: "1", count: CommandLimits.requestBytesMax), "1"]
                        + ["SOURCE", "s", "SEQ", "7"],
                    "FSLIMIT 'fs.del' has"
                )
            ]
        ),
        Case(name: "too few arguments", steps: [Step("FS.SET SOURCE s SEQ 7", "ERR wrong number")]),
        Case(
            name: "a transaction with a command that there is none of",
            steps: [Step("MULTI", "OK"), Step(seven, "QUEUED"), Step("FS.NONE", "ERR"), Step("EXEC", "EXECABORT")]
        ),
        Case(
            name: "a transaction that is run while values are loaded",
            steps: [
                Step("MULTI", "OK"), Step(seven, "QUEUED"), Step(isLoading: true), Step("EXEC", "EXECABORT"),
                Step(isLoading: false),
            ]
        ),
        Case(
            name: "a transaction with a write that is wrong",
            steps: [
                Step("MULTI", "OK"), Step("FS.SET stats 1 1 clicks x ctr 1", "QUEUED"), Step(seven, "QUEUED"),
                Step("EXEC", "EXECABORT"),
            ]
        ),
        Case(
            name: "a transaction that its client discards",
            steps: [Step("MULTI", "OK"), Step(seven, "QUEUED"), Step("DISCARD", "OK")],
            hasFailed: false
        ),
    ]

    private func take(_ steps: [Step], _ client: RespClient, _ server: OrderServer) throws {
        for step in steps {
            if let isLoading = step.isLoading {
                server.isLoading.set(isLoading)
                continue
            }
            client.send(RespClient.request(step.words))
            let reply = try client.reply()
            #expect(reply.text?.hasPrefix(step.says) == true, "\(step.words.last ?? ""): \(reply)")
        }
    }

    private func run(_ line: String, _ client: RespClient) throws -> Reply {
        client.send(RespClient.request(line.split(separator: " ").map(String.init)))
        return try client.reply()
    }

    private static let behind = "FSORDER source 's': SEQ 8 comes behind 7, which failed on this connection"

    @Test(arguments: cases)
    func `its number keeps the later ones back until it comes again`(given: Case) throws {
        let scene = try OrderScene()
        defer { scene.stop() }
        let client = try scene.servers[0].client()
        try take(given.steps, client, scene.servers[0])
        guard given.hasFailed else {
            #expect(try run(Self.eight, client) == .integer(2))
            return
        }
        #expect(try run(Self.eight, client).text?.hasPrefix(Self.behind) == true)
        #expect(try run(Self.seven, client) == .integer(2))
        #expect(try run(Self.eight, client) == .integer(3))
    }

    @Test func `a view that its user may not write keeps back what the user may write`() throws {
        let scene = try OrderScene()
        defer { scene.stop() }
        scene.servers[0].takeWriter("ada", "right", of: "stats")
        let client = try scene.servers[0].client()
        #expect(try run("AUTH ada right", client) == .simple("OK"))
        let refused = "FS.SET other 1 1 clicks 7 ctr 1 ALLOW1970 SOURCE s SEQ 7"
        #expect(
            try run(refused, client).text?.hasPrefix("NOPERM this user may not run 'fs.set' on view 'other'") == true
        )
        #expect(try run(Self.eight, client).text?.hasPrefix(Self.behind) == true)
        #expect(try run(Self.seven, client) == .integer(2))
        #expect(try run(Self.eight, client) == .integer(3))
    }
}
