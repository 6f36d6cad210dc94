import Access
import Commands
import Testing
import Wire

/// Who may do what, over the whole table of commands.
@Suite struct CommandRightsTests {
    /// A request, and who may send it: r(eader), w(riter), t(rainer) of `clicks_*`, a(dmin); n = whoever has authenticated,
    /// without any grant.
    struct Row: Sendable, CustomTestStringConvertible {
        let request: String
        let who: String

        init(_ request: String, _ who: String) {
            self.request = request
            self.who = who
        }

        var testDescription: String { request }
    }

    static let rows: [Row] = [
        Row("PING", "nrwta"), Row("ECHO x", "nrwta"), Row("HELLO 3", "nrwta"), Row("AUTH x", "nrwta"),
        Row("QUIT", "nrwta"), Row("RESET", "nrwta"), Row("SELECT 0", "nrwta"), Row("TIME", "nrwta"),
        Row("CLIENT ID", "nrwta"), Row("CLIENT GETNAME", "nrwta"), Row("CLIENT SETNAME x", "nrwta"),
        Row("CLIENT SETINFO LIB-NAME x", "nrwta"), Row("CLIENT INFO", "nrwta"), Row("CLIENT REPLY ON", "nrwta"),
        Row("CLIENT NO-EVICT ON", "nrwta"), Row("CLIENT NO-TOUCH ON", "nrwta"), Row("CLIENT TRACKING ON", "nrwta"),
        Row("CLIENT HELP", "nrwta"), Row("CLIENT LIST", "a"), Row("CLIENT KILL ID 1", "a"),
        Row("COMMAND", "nrwta"), Row("COMMAND COUNT", "nrwta"), Row("COMMAND INFO", "nrwta"),
        Row("COMMAND DOCS", "nrwta"), Row("COMMAND LIST", "nrwta"), Row("COMMAND HELP", "nrwta"),
        Row("INFO", "nrwta"), Row("CONFIG GET x", "nrwta"), Row("CONFIG HELP", "nrwta"), Row("CLUSTER INFO", "nrwta"),
        Row("MODULE LIST", "nrwta"), Row("MODULE HELP", "nrwta"), Row("MEMORY HELP", "nrwta"),
        Row("SLOWLOG GET", "a"), Row("SLOWLOG LEN", "a"), Row("SLOWLOG RESET", "a"), Row("SLOWLOG HELP", "nrwta"),
        Row("ACL WHOAMI", "nrwta"), Row("ACL LIST", "a"), Row("ACL HELP", "nrwta"),
        Row("MULTI", "nrwta"), Row("EXEC", "nrwta"), Row("DISCARD", "nrwta"),
        Row("DBSIZE", "rwta"), Row("SCAN 0", "rwta"),
        Row("MEMORY USAGE clicks_a:1", "rwta"), Row("MEMORY USAGE other:1", "a"),
        Row("EXISTS clicks_a:1", "rwta"), Row("EXISTS clicks_a:1 clicks_b:2", "rwta"),
        Row("EXISTS clicks_a:1 other:2", "a"), Row("TYPE clicks_a:1", "rwta"), Row("TYPE other:1", "a"),
        Row("TTL clicks_a:1", "rwta"), Row("TTL other:1", "a"), Row("PTTL clicks_a:1", "rwta"), Row("PTTL x", "a"),
        Row("HGET clicks_a:1 f", "rwta"), Row("HGET other:1 f", "a"), Row("HMGET clicks_a:1 f", "rwta"),
        Row("HMGET other:1 f", "a"), Row("HGETALL clicks_a:1", "rwta"), Row("HGETALL other:1", "a"),
        Row("HLEN clicks_a:1", "rwta"), Row("HLEN other:1", "a"), Row("HSCAN clicks_a:1 0", "rwta"),
        Row("HSCAN other:1 0", "a"),
        Row("FS.GET clicks_a 1", "rwta"), Row("FS.GET other 1", "a"), Row("FS.GET Clicks_a 1", "a"),
        Row("FS.MGET clicks_a 1 1", "rwta"), Row("FS.MGET other 1 1", "a"),
        Row("FS.SERVE clicks_s KEYS 0 ROWS 0", "rwta"), Row("FS.SERVE clicks_s@2 KEYS 0 ROWS 0", "rwta"),
        Row("FS.SERVE other@clicks_s KEYS 0 ROWS 0", "a"), Row("FS.SERVE other KEYS 0 ROWS 0", "a"),
        Row("FS.VIEWS", "rwta"), Row("FS.VIEW clicks_a", "rwta"), Row("FS.VIEW other", "a"),
        Row("FS.SERVICES", "rwta"), Row("FS.SERVICE clicks_s", "rwta"), Row("FS.SERVICE other", "a"),
        Row("FS.ASOF clicks_a 1 *", "rwta"), Row("FS.ASOF other 1 *", "a"),
        Row("FS.RANGE clicks_a 1 - +", "rwta"), Row("FS.RANGE other 1 - +", "a"),
        Row("FS.CHANGES clicks_a 0-0", "rwta"), Row("FS.CHANGES other 0-0", "a"),
        Row("FS.FRESHNESS", "rwta"), Row("FS.FRESHNESS clicks_a", "rwta"), Row("FS.FRESHNESS other", "a"),
        Row("FS.STATS", "rwta"), Row("FS.WINDOWS", "rwta"), Row("FS.WINDOWS clicks_a", "rwta"),
        Row("FS.WINDOWS other", "a"),
        Row("FS.SET clicks_a 1 * f 1", "wa"), Row("FS.SET other 1 * f 1", "a"),
        Row("FS.DEL clicks_a 1 *", "wa"), Row("FS.DEL other 1 *", "a"), Row("FS.WRITE clicks_a,k=1", "wa"),
        Row("ML.MODELS", "rwta"), Row("ML.MODEL clicks_m", "rwta"), Row("ML.MODEL other", "a"),
        Row("ML.STATS clicks_m", "rwta"), Row("ML.STATS other", "a"),
        Row("LATENCY LATEST", "a"), Row("LATENCY HISTOGRAM", "a"), Row("LATENCY HELP", "nrwta"),
        Row("ML.DRIFT clicks_m", "rwta"), Row("ML.DRIFT other", "a"),
        Row("ML.HISTORY clicks_m", "rwta"), Row("ML.HISTORY other", "a"),
        Row("ML.PREDICT clicks_m KEYS 0 ROWS 0", "rwta"), Row("ML.PREDICT clicks_m@champion KEYS 0 ROWS 0", "rwta"),
        Row("ML.PREDICT other KEYS 0 ROWS 0", "a"),
        Row("ML.ALIAS clicks_m champion 1", "ta"), Row("ML.ALIAS other champion 1", "a"),
        Row("ML.ROLLBACK clicks_m REASON x", "ta"), Row("ML.ROLLBACK other REASON x", "a"),
    ]

    private static let callers: [(letter: Character, caller: Caller)] = {
        let access = AccessControl()
        let verifier = ScramVerifier(password: [1], salt: [1], iterations: 1)
        func account(_ id: Int64, _ name: String, _ grants: [Grant]) -> Account {
            Account(id: id, name: name, verifier: verifier, grants: grants)
        }
        access.replace([
            account(1, "n", []), account(2, "r", [Grant(.reader, pattern: "clicks_*")]),
            account(3, "w", [Grant(.writer, pattern: "clicks_*")]),
            account(4, "t", [Grant(.trainer, pattern: "clicks_*")]), account(5, "a", [Grant(.admin)]),
        ])
        return "nrwta".compactMap { letter in access.caller(named: String(letter)).map { (letter, $0) } }
    }()

    private static func ask(_ request: String, _ caller: Caller) -> (name: String, refusal: String?)? {
        let words = request.split(separator: " ")
        let bytes = words.flatMap { Array($0.utf8) }
        var ranges: [Range<Int>] = []
        for word in words {
            let start = ranges.last?.upperBound ?? 0
            ranges.append(start..<start + word.utf8.count)
        }
        let arguments = Arguments(bytes: bytes.span, ranges: ranges.span)
        guard case .command(let place) = CommandTable.all.resolve(arguments) else { return nil }
        return (CommandTable.all[place].name, CommandTable.all.refusal(place, arguments, of: caller))
    }

    @Test("each request is for those who may", arguments: rows)
    func rights(row: Row) throws {
        try #require(Self.callers.count == 5)
        for (letter, caller) in Self.callers {
            let (name, refusal) = try #require(Self.ask(row.request, caller), "no such command")
            #expect((refusal == nil) == row.who.contains(letter), "\(letter): \(refusal ?? "may")")
            if let refusal { #expect(refusal.hasPrefix("NOPERM this user may not run '\(name)'"), "\(refusal)") }
        }
        #expect(Self.ask(row.request, .unrestricted)?.refusal == nil)
    }

    @Test func `no command of the table is left out`() {
        let asked = Set(Self.rows.compactMap { Self.ask($0.request, .unrestricted)?.name })
        let all = CommandTable.all.listed.flatMap { command in
            command.subcommands.isEmpty ? [command.name] : command.subcommands.map(\.name)
        }
        #expect(all.filter { !asked.contains($0) } == [], "add a row that says who may run it")
    }

    @Test func `a refusal says the command, the name and the role`() {
        let reader = Self.callers[1].caller
        #expect(
            Self.ask("FS.SET clicks_a 1 * f 1", reader)?.refusal
                == "NOPERM this user may not run 'fs.set' on view 'clicks_a'; it takes the role writer for it"
        )
        #expect(
            Self.ask("CLIENT LIST", reader)?.refusal
                == "NOPERM this user may not run 'client|list'; it takes the role admin"
        )
        #expect(
            Self.ask("HGETALL other:1", reader)?.refusal
                == "NOPERM this user may not run 'hgetall' on view 'other'; it takes the role reader for it"
        )
    }

    @Test func `a grant for one kind of names does not hold for another`() throws {
        let access = AccessControl()
        let verifier = ScramVerifier(password: [1], salt: [1], iterations: 1)
        let grants = [Grant(.reader, kind: .service, pattern: "x"), Grant(.reader, kind: .model, pattern: "y*")]
        access.replace([Account(id: 1, name: "u", verifier: verifier, grants: grants)])
        let caller = try #require(access.caller(named: "u"))
        #expect(Self.ask("FS.SERVE x KEYS 0 ROWS 0", caller)?.refusal == nil)
        #expect(Self.ask("FS.GET x 1", caller)?.refusal != nil)
        #expect(Self.ask("ML.PREDICT x KEYS 0 ROWS 0", caller)?.refusal != nil)
        #expect(Self.ask("ML.PREDICT yes KEYS 0 ROWS 0", caller)?.refusal == nil)
    }
}
