import Testing

/// Commands that ask for far too much, one after another on one connection, and what they may come to.
struct ReplyAttack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var commands: [[String]]
    /// What the last reply begins with; empty = anything, as long as it is a reply.
    var last: String

    init(_ name: String, _ commands: [String]..., last: String = "") {
        testDescription = name
        self.commands = commands
        self.last = last
    }

    /// A transaction; the last reply is EXEC's.
    static func together(_ name: String, _ commands: [[String]], last: String = "*") -> ReplyAttack {
        var attack = ReplyAttack(name, ["MULTI"], last: last)
        attack.commands += commands + [["EXEC"]]
        return attack
    }

    /// Bytes of the long texts in the store; of views `texts` and `cold` entity 1, of `log` each row.
    static let textBytes = 1 << 20
    static let logRows = 80

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          airport: { key: origin, type: string }
          tail: { key: tailnum, type: string }
        views:
          texts: { entities: [user], missing: 'null', features: { s: string, b: bytes, n: int64, t: list(string) } }
          cold: { entities: [user], missing: 'null', features: { s: string } }
          log: { entities: [user], online: false, features: { s: string } }
          wide: { entities: [user], features: { \((0..<100).map { "f\($0): float64" }.joined(separator: ", ")) } }
          pairs: { entities: [airport, tail], features: { delay: float32 } }
          rates: { entities: [], features: { rate: float64 } }
        services:
          wide: [wide.*]
          texts: [texts.*]
          numbers: [texts.n, rates.rate]
          colds: [cold.s, texts.n]
          rates: [rates.*]
        """

    private static func repeated(_ word: String, _ count: Int) -> [String] { Array(repeating: word, count: count) }

    static let all: [ReplyAttack] = features + formats + hashes + history + transactions + introspection + malformed

    static let features: [ReplyAttack] = [
        ReplyAttack(
            "FS.MGET of a long text, many times",
            ["FS.MGET", "texts", "2000"] + repeated("1", 2_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.MGET of as many as are allowed, just below the limit",
            ["FS.MGET", "texts", "100"] + repeated("1", 100),
            last: "*100"
        ),
        ReplyAttack(
            "FS.MGET with META",
            ["FS.MGET", "texts", "2000"] + repeated("1", 2_000) + ["META"],
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.MGET of 200,000 that are not there",
            ["FS.MGET", "pairs", "200000"] + repeated("origin=JFK,tailnum=N1", 200_000),
            last: "*200000"
        ),
        ReplyAttack(
            "FS.MGET of 200,000 rows of 100 features",
            ["FS.MGET", "wide", "200000"] + repeated("5", 200_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.MGET of 20,000 rows of 100 features",
            ["FS.MGET", "wide", "20000"] + repeated("5", 20_000),
            last: "*20000"
        ),
        ReplyAttack(
            "FS.MGET of 20,000 rows of 100 features with META",
            ["FS.MGET", "wide", "20000"] + repeated("5", 20_000) + ["META"],
            last: "*"
        ),
        ReplyAttack(
            "FS.MGET of a view that is not in memory",
            ["FS.MGET", "cold", "2000"] + repeated("1", 2_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack("FS.GET of a long text", ["FS.GET", "texts", "1", "META"], last: "*"),
        ReplyAttack(
            "FEATURES that name one again and again",
            ["FS.GET", "texts", "1", "FEATURES", "5000"] + repeated("s", 5_000),
            last: "-ERR"
        ),
        ReplyAttack(
            "FEATURES of an FS.MGET that name one twice",
            ["FS.MGET", "texts", "1", "1", "FEATURES", "2", "s", "s"],
            last: "-ERR"
        ),
        ReplyAttack(
            "FS.SERVE of long texts",
            ["FS.SERVE", "texts", "KEYS", "1", "user_id", "ROWS", "3000"] + repeated("1", 3_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.SERVE of long texts of a view that is not in memory",
            ["FS.SERVE", "colds", "KEYS", "1", "user_id", "ROWS", "3000"] + repeated("1", 3_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.SERVE that waits for a position, then is too large",
            ["FS.SERVE", "texts", "KEYS", "1", "user_id", "ROWS", "3000"] + repeated("1", 3_000) + ["MINPOS", "1"],
            last: "-FSLIMIT"
        ),
        ReplyAttack("FS.SERVE of rows without keys", ["FS.SERVE", "rates", "KEYS", "0", "ROWS", "1048576"], last: "*"),
        ReplyAttack(
            "FS.SERVE of more rows without keys",
            ["FS.SERVE", "rates", "KEYS", "0", "ROWS", "16777216"],
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.SERVE of 9e18 rows",
            ["FS.SERVE", "rates", "KEYS", "0", "ROWS", "9223372036854775807"],
            last: "-FSLIMIT"
        ),
    ]

    static let formats: [ReplyAttack] = [
        ReplyAttack(
            "columns of long texts",
            ["FS.MGET", "texts", "2000"] + repeated("1", 2_000) + ["FORMAT", "columns"],
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "columns of long texts with META",
            ["FS.SERVE", "texts", "KEYS", "1", "user_id", "ROWS", "900"] + repeated("1", 900) + [
                "FORMAT", "columns", "META",
            ],
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "columns of a wide service",
            ["FS.SERVE", "wide", "KEYS", "1", "user_id", "ROWS", "20000"] + repeated("5", 20_000) + [
                "FORMAT", "columns",
            ],
            last: "*"
        ),
        ReplyAttack(
            "packed rows of a wide service",
            ["FS.SERVE", "wide", "KEYS", "1", "user_id", "ROWS", "100000"] + repeated("5", 100_000) + [
                "FORMAT", "packed64",
            ],
            last: "*"
        ),
        ReplyAttack(
            "packed rows with META",
            ["FS.SERVE", "wide", "KEYS", "1", "user_id", "ROWS", "20000"] + repeated("5", 20_000) + [
                "FORMAT", "packed64", "META",
            ],
            last: "*"
        ),
        ReplyAttack(
            "packed rows beyond the limit",
            ["FS.SERVE", "wide", "KEYS", "1", "user_id", "ROWS", "200000"] + repeated("5", 200_000) + [
                "FORMAT", "packed64",
            ],
            last: "-FSLIMIT"
        ),
        ReplyAttack("packed rows of texts", ["FS.MGET", "texts", "1", "1", "FORMAT", "packed64"], last: "-FSTYPE"),
    ]

    static let hashes: [ReplyAttack] = [
        ReplyAttack("HMGET of a long text, many times", ["HMGET", "texts:1"] + repeated("s", 5_000), last: "-FSLIMIT"),
        ReplyAttack("HMGET of a list, many times", ["HMGET", "texts:1"] + repeated("t", 5_000), last: "-FSLIMIT"),
        ReplyAttack("HMGET of a number, many times", ["HMGET", "texts:1"] + repeated("n", 30_000), last: "*30000"),
        ReplyAttack("HMGET of 200,000 fields", ["HMGET", "texts:1"] + repeated("x", 200_000), last: "-FSLIMIT"),
        ReplyAttack("HMGET of no view", ["HMGET", "none:1"] + repeated("x", 30_000), last: "*30000"),
        ReplyAttack("HGETALL of a long text", ["HGETALL", "texts:1"], last: "*"),
        ReplyAttack(
            "HGET of a name of a megabyte",
            ["HGET", "texts:1", String(repeating: "x", count: 1 << 20)],
            last: "$-1"
        ),
        ReplyAttack(
            "HLEN of a key of a megabyte",
            ["HLEN", "texts:" + String(repeating: "1", count: 1 << 20)],
            last: ":0"
        ),
        ReplyAttack(
            "TYPE of a key of a megabyte",
            ["TYPE", "texts:" + String(repeating: "1", count: 1 << 20)],
            last: "+none"
        ),
        ReplyAttack(
            "PTTL of a key of a megabyte",
            ["PTTL", "texts:" + String(repeating: "1", count: 1 << 20)],
            last: ":-2"
        ),
        ReplyAttack("HGETALL of a view that is not in memory", ["HGETALL", "cold:1"], last: "*"),
        ReplyAttack(
            "HSCAN with the largest COUNT",
            ["HSCAN", "texts:1", "0", "COUNT", "9223372036854775807"],
            last: "*2"
        ),
        ReplyAttack(
            "HSCAN with an endless pattern",
            ["HSCAN", "texts:1", "0", "MATCH", String(repeating: "*a", count: 500_000)],
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "SCAN with the largest COUNT and cursor",
            ["SCAN", "9223372036854775807", "COUNT", "9223372036854775807"],
            last: "*2"
        ),
        ReplyAttack("SCAN of all", ["SCAN", "0", "COUNT", "1000000000"], last: "*2"),
        ReplyAttack(
            "SCAN with a pattern that goes back and back",
            ["SCAN", "0", "COUNT", "10000", "MATCH", String(repeating: "*:", count: 2_000)],
            last: "*2"
        ),
        ReplyAttack("EXISTS of 200,000 keys", ["EXISTS"] + repeated("texts:1", 200_000), last: "-FSLIMIT"),
        ReplyAttack("EXISTS of 30,000 keys", ["EXISTS"] + repeated("pairs:origin=JFK,tailnum=N1", 30_000), last: ":"),
        ReplyAttack(
            "TTL of a key of a megabyte",
            ["TTL", "texts:" + String(repeating: "1", count: 1 << 20)],
            last: ":-2"
        ),
    ]

    static let history: [ReplyAttack] = [
        ReplyAttack("FS.RANGE of long texts", ["FS.RANGE", "log", "1", "-", "+"], last: "-FSLIMIT"),
        ReplyAttack(
            "FS.RANGE of long texts, backwards",
            ["FS.RANGE", "log", "1", "-", "+", "COUNT", "100000", "REV"],
            last: "-FSLIMIT"
        ),
        ReplyAttack("FS.RANGE of no rows", ["FS.RANGE", "log", "1", "2100-01-01", "+", "COUNT", "100000"], last: "*0"),
        ReplyAttack(
            "FS.RANGE with a count beyond the limit",
            ["FS.RANGE", "log", "1", "-", "+", "COUNT", "9223372036854775807"],
            last: "-FSVALUE"
        ),
        ReplyAttack("FS.CHANGES of long texts", ["FS.CHANGES", "log", "0-0", "COUNT", "100000"], last: "*4"),
        ReplyAttack(
            "FS.CHANGES from the largest cursor",
            ["FS.CHANGES", "log", "9223372036854775807-9223372036854775807"],
            last: "-FSTIME"
        ),
        ReplyAttack(
            "FS.CHANGES behind the largest ordinal",
            ["FS.CHANGES", "log", "0-9223372036854775807", "COUNT", "100000"],
            last: "*4"
        ),
        ReplyAttack(
            "FS.ASOF at the ends of time",
            ["FS.ASOF", "log", "1", "9223372036854775807"],
            ["FS.ASOF", "log", "1", "-9223372036854775808"],
            last: "-FSTIME"
        ),
        ReplyAttack(
            "FS.ASOF at the largest position",
            ["FS.ASOF", "log", "1", "*", "POSITION", "9223372036854775807"],
            last: "-FSTIME"
        ),
        ReplyAttack(
            "FS.WINDOWS of a view with a name of a megabyte",
            ["FS.WINDOWS", String(repeating: "9", count: 1 << 20)],
            last: "-FSNOVIEW"
        ),
        ReplyAttack(
            "FS.FRESHNESS of an entity of a megabyte",
            ["FS.FRESHNESS", "texts", String(repeating: "9", count: 1 << 20)],
            last: "-FS"
        ),
    ]

    static let transactions: [ReplyAttack] = [
        together(
            "EXEC of thousands of long texts",
            repeated("", 2_000).map { _ in ["FS.GET", "texts", "1"] },
            last: "*2000"
        ),
        together(
            "EXEC of thousands of hashes of long texts",
            repeated("", 2_000).map { _ in ["HGETALL", "texts:1"] },
            last: "*2000"
        ),
        together(
            "EXEC of many large reads",
            repeated("", 100).map { _ in ["FS.MGET", "wide", "500"] + repeated("5", 500) },
            last: "*100"
        ),
        together(
            "EXEC of one read that is too large",
            [["FS.MGET", "texts", "1000"] + repeated("1", 1_000), ["PING"]],
            last: "*2"
        ),
        together(
            "EXEC of views that are not in memory",
            repeated("", 300).map { _ in ["HGETALL", "cold:1"] },
            last: "*300"
        ),
        together(
            "EXEC of histories",
            repeated("", 8).map { _ in ["FS.CHANGES", "log", "0-0", "COUNT", "100"] },
            last: "*8"
        ),
        together(
            "EXEC of thousands of scans that find nothing",
            repeated("", 10_922).map { _ in ["SCAN", "0", "COUNT", "10000", "MATCH", "zzz"] },
            last: "*10922"
        ),
        together(
            "EXEC of thousands of views that are not there",
            repeated("", 21_845).map { _ in ["FS.GET", "wrong_name", "1"] },
            last: "*21845"
        ),
        together(
            "EXEC of thousands of lists of definitions",
            repeated("", 65_536).map { _ in ["FS.VIEWS"] },
            last: "*65536"
        ),
        together(
            "EXEC of 50,000 writes",
            repeated("", 50_000).map { _ in ["FS.DEL", "texts", "99", "1700000000000000"] },
            last: "*50000"
        ),
        together(
            "EXEC of more rows than one FS.WRITE may have",
            repeated("", 60).map { _ in
                ["FS.WRITE", String(repeating: "rates rate=1 1700000000000000000\n", count: 2_000)]
            },
            last: "*60"
        ),
        together(
            "EXEC of 200,000 bad lines",
            repeated("", 400).map { _ in ["FS.WRITE", String(repeating: "x\n", count: 500), "PARTIAL"] },
            last: "*400"
        ),
        together(
            "MULTI with more arguments than a request",
            repeated("", 3).map { _ in ["HMGET", "texts:1"] + repeated("n", 30_000) },
            last: "-EXECABORT"
        ),
        ReplyAttack(
            "MULTI that never ends",
            ["MULTI"],
            ["HMGET", "texts:1"] + repeated("n", 30_000),
            ["DISCARD"],
            last: "+OK"
        ),
    ]

    static let introspection: [ReplyAttack] = [
        ReplyAttack(
            "COMMAND DOCS of one name, many times",
            ["COMMAND", "DOCS"] + repeated("client", 30_000),
            last: "-ERR"
        ),
        ReplyAttack(
            "COMMAND INFO of one name, many times",
            ["COMMAND", "INFO"] + repeated("client", 30_000),
            last: "-ERR"
        ),
        ReplyAttack("COMMAND INFO of unknown names", ["COMMAND", "INFO"] + repeated("x", 30_000), last: "*30000"),
        ReplyAttack(
            "INFO of sections of 20 MB",
            ["INFO"] + repeated(String(repeating: "s", count: 5_000_000), 4),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "CLIENT SETNAME of 3 MB",
            ["CLIENT", "SETNAME", String(repeating: "n", count: 3_000_000)],
            last: "-ERR"
        ),
        ReplyAttack("INFO of too many sections", ["INFO"] + repeated("server", 200_000), last: "-FSLIMIT"),
        ReplyAttack(
            "CONFIG GET of an endless pattern",
            ["CONFIG", "GET", String(repeating: "*a", count: 500_000)],
            last: "-FSLIMIT"
        ),
        ReplyAttack("CLIENT LIST of many ids", ["CLIENT", "LIST", "ID"] + repeated("1", 30_000), last: "$"),
        ReplyAttack("SLOWLOG GET of all", ["SLOWLOG", "GET", "9223372036854775807"], last: "*"),
        ReplyAttack("ECHO of 60 MB", ["ECHO", String(repeating: "x", count: 60_000_000)], last: "$60000000"),
        ReplyAttack(
            "MEMORY USAGE of a megabyte",
            ["MEMORY", "USAGE", "texts:" + String(repeating: "1", count: 1 << 20)],
            last: "$-1"
        ),
        ReplyAttack(
            "definitions again and again",
            ["FS.VIEWS"],
            ["FS.VIEW", "wide"],
            ["FS.SERVICES"],
            ["FS.SERVICE", "wide"],
            ["FS.STATS"],
            ["FS.FRESHNESS"],
            last: "*"
        ),
        ReplyAttack(
            "a view's name of a megabyte",
            ["FS.VIEW", String(repeating: "v", count: 1 << 20)],
            last: "-FSNOVIEW"
        ),
    ]

    static let malformed: [ReplyAttack] = [
        ReplyAttack("FS.MGET with a count of 9e18", ["FS.MGET", "texts", "9223372036854775807", "1"], last: "-ERR"),
        ReplyAttack(
            "FS.MGET with a count below zero",
            ["FS.MGET", "texts", "-9223372036854775808", "1"],
            last: "-ERR"
        ),
        ReplyAttack(
            "FS.MGET with a count beyond 64 bits",
            ["FS.MGET", "texts", "18446744073709551616", "1"],
            last: "-ERR"
        ),
        ReplyAttack("FS.MGET with fewer entities than it says", ["FS.MGET", "texts", "3", "1", "1"], last: "-ERR"),
        ReplyAttack(
            "FEATURES with a count of 9e18",
            ["FS.GET", "texts", "1", "FEATURES", "9223372036854775807", "s"],
            last: "-ERR"
        ),
        ReplyAttack(
            "KEYS with a count of 9e18",
            ["FS.SERVE", "texts", "KEYS", "9223372036854775807", "user_id", "ROWS", "1", "1"],
            last: "-ERR"
        ),
        ReplyAttack(
            "ROWS with a count of 9e18",
            ["FS.SERVE", "texts", "KEYS", "1", "user_id", "ROWS", "9223372036854775807", "1"],
            last: "-ERR"
        ),
        ReplyAttack(
            "an entity of a megabyte",
            ["FS.GET", "pairs", String(repeating: "x", count: 1 << 20)],
            last: "-FSENTITY"
        ),
        ReplyAttack(
            "MINPOS of 9e18 of a service without rows",
            ["FS.SERVE", "texts", "KEYS", "1", "user_id", "ROWS", "0", "MINPOS", "-1"],
            last: "-ERR"
        ),
        ReplyAttack(
            "FS.CHANGES with a malformed cursor",
            ["FS.CHANGES", "log", "1-2-3", "BLOCK", "9223372036854775807"],
            last: "-FSVALUE"
        ),
        ReplyAttack(
            "FS.SET of 200,000 arguments",
            ["FS.SET", "texts", "1", "*"] + repeated("n", 200_000),
            last: "-FSLIMIT"
        ),
        ReplyAttack(
            "FS.WRITE of no lines, many arguments",
            ["FS.WRITE", ""] + repeated("PARTIAL", 30_000),
            last: "*12"
        ),
        ReplyAttack("FS.DEL at the ends of time", ["FS.DEL", "texts", "77", "-9223372036854775808"], last: "-FSTIME"),
    ]
}
