import Testing

/// Something that a client sends that it should not, and what must come of it.
struct HostileInput: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        /// A protocol error that contains the text, then the end.
        case fault(String)
        /// The end, without a word.
        case silence
        /// Exactly these bytes; the connection goes on.
        case answer(String)
        /// That many replies, whatever they say; the connection goes on.
        case replies(Int)
        /// Nothing, as long as nothing more comes.
        case waits
    }

    var testDescription: String
    /// Bytes, each as the character of that number.
    var sent: String
    var outcome: Outcome

    init(_ name: String, _ sent: String, _ outcome: Outcome) {
        testDescription = name
        self.sent = sent
        self.outcome = outcome
    }

    private static let kibi64 = 64 << 10
    private static func many(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    static let all: [HostileInput] = lengths + nesting + zeros + injections + sizes + strangers + misuse

    static let lengths: [HostileInput] = [
        HostileInput("count: not a number", "*x\r\n", .fault("invalid multibulk length")),
        HostileInput("count: empty", "*\r\n", .fault("invalid multibulk length")),
        HostileInput("count: plus", "*+1\r\n", .fault("invalid multibulk length")),
        HostileInput("count: leading zero", "*01\r\n", .fault("invalid multibulk length")),
        HostileInput("count: blank", "* 1\r\n", .fault("invalid multibulk length")),
        HostileInput("count: fraction", "*1.5\r\n", .fault("invalid multibulk length")),
        HostileInput("count: exponent", "*1e3\r\n", .fault("invalid multibulk length")),
        HostileInput("count: hexadecimal", "*0x10\r\n", .fault("invalid multibulk length")),
        HostileInput("count: above the limit", "*1048577\r\n", .fault("invalid multibulk length")),
        HostileInput("count: above 32 bits", "*3000000000\r\n", .fault("invalid multibulk length")),
        HostileInput("count: largest integer", "*9223372036854775807\r\n", .fault("invalid multibulk length")),
        HostileInput("count: above 64 bits", "*18446744073709551616\r\n", .fault("invalid multibulk length")),
        HostileInput("count: very long", "*" + many("1", 1_000) + "\r\n", .fault("invalid multibulk length")),
        HostileInput("count: negative", "*-1\r\n*-9223372036854775808\r\nPING\r\n", .answer("+PONG\r\n")),
        HostileInput("count: minus zero", "*-0\r\n", .fault("invalid multibulk length")),
        HostileInput("count: zero", "*0\r\n*0\r\nPING\r\n", .answer("+PONG\r\n")),
        HostileInput("count: CR without LF", "*1\rPING", .fault("invalid multibulk length")),
        HostileInput("count: LF without CR", "*1\n$4\nPING\n", .waits),
        HostileInput("length: negative", "*1\r\n$-1\r\n", .fault("invalid bulk length")),
        HostileInput("length: very negative", "*1\r\n$-9223372036854775808\r\n", .fault("invalid bulk length")),
        HostileInput("length: not a number", "*1\r\n$four\r\nPING\r\n", .fault("invalid bulk length")),
        HostileInput("length: empty", "*1\r\n$\r\n\r\n", .fault("invalid bulk length")),
        HostileInput("length: plus", "*1\r\n$+4\r\nPING\r\n", .fault("invalid bulk length")),
        HostileInput("length: leading zero", "*1\r\n$04\r\nPING\r\n", .fault("invalid bulk length")),
        HostileInput("length: above the limit", "*1\r\n$67108865\r\n", .fault("invalid bulk length")),
        HostileInput("length: largest integer", "*1\r\n$9223372036854775807\r\n", .fault("invalid bulk length")),
        HostileInput("length: above 64 bits", "*1\r\n$99999999999999999999\r\n", .fault("invalid bulk length")),
        HostileInput("length: too short", "*1\r\n$3\r\nPING\r\n", .fault("invalid bulk length")),
        HostileInput("length: too long", "*1\r\n$5\r\nPING\r\nPING\r\n", .fault("invalid bulk length")),
        HostileInput("length: CR without LF", "*1\r\n$4\rPING\r\n", .fault("invalid bulk length")),
        HostileInput("bulk without its end", "*1\r\n$4\r\nPING*1\r\n", .fault("invalid bulk length")),
        HostileInput("bulk: declared and not sent", "*1\r\n$67108864\r\nPING", .waits),
        HostileInput("count: declared and not sent", "*1048576\r\n$4\r\nPING\r\n", .waits),
    ]

    static let nesting: [HostileInput] = [
        HostileInput("array in an array", "*1\r\n*1\r\n$4\r\nPING\r\n", .fault("expected '$', got '*'")),
        HostileInput("deep arrays", many("*1\r\n", 10_000), .fault("expected '$', got '*'")),
        HostileInput("deep arrays of two", many("*2\r\n$1\r\na\r\n", 2), .fault("expected '$', got '*'")),
        HostileInput("integer as an argument", "*1\r\n:1\r\n", .fault("expected '$', got ':'")),
        HostileInput("simple string as an argument", "*1\r\n+PING\r\n", .fault("expected '$', got '+'")),
        HostileInput("null as an argument", "*1\r\n_\r\n", .fault("expected '$', got '_'")),
        HostileInput("a map", "%1\r\n$1\r\na\r\n$1\r\nb\r\n", .replies(5)),
        HostileInput("a push", ">1\r\n$4\r\nPING\r\n", .replies(3)),
        HostileInput("a reply", "+OK\r\n:1\r\n-ERR x\r\n", .replies(3)),
        HostileInput("CRLF as an argument", "*1\r\n\r\n", .fault("expected '$', got")),
    ]

    static let zeros: [HostileInput] = [
        HostileInput("NUL first", "\0", .fault("")),
        HostileInput("NUL in an inline line", "PI\0NG\r\n", .fault("")),
        HostileInput("NUL as a marker", "*1\r\n\0", .fault("expected '$'")),
        HostileInput("NUL in a count", "*1\0\r\n", .fault("invalid multibulk length")),
        HostileInput("NUL in a length", "*1\r\n$4\0\r\n", .fault("invalid bulk length")),
        HostileInput("NUL in a name", "*1\r\n$5\r\nPI\0NG\r\n", .replies(1)),
        HostileInput("NUL in a value", "*2\r\n$4\r\nECHO\r\n$3\r\na\0b\r\n", .answer("$3\r\na\0b\r\n")),
        HostileInput("only zeros", many("\0", 100_000), .fault("")),
        HostileInput("all bytes", String(String.UnicodeScalarView((0...255).map { Unicode.Scalar($0) })), .fault("")),
        HostileInput(
            "bytes that are no UTF-8",
            "*2\r\n$4\r\nECHO\r\n$2\r\n\u{FF}\u{FE}\r\n",
            .answer("$2\r\n\u{FF}\u{FE}\r\n")
        ),
        HostileInput("a name that is no UTF-8", "*1\r\n$2\r\n\u{FF}\u{FE}\r\n", .replies(1)),
    ]

    static let injections: [HostileInput] = [
        HostileInput(
            "CRLF in an unknown name",
            "*1\r\n$12\r\nX\r\n+OK\r\n:1\r\n\r\n",
            .answer("-ERR unknown command 'X  +OK  :1  ', with args beginning with: \r\n")
        ),
        HostileInput(
            "CRLF in an argument of an unknown command",
            "*2\r\n$1\r\nX\r\n$5\r\na\r\n+b\r\n",
            .answer("-ERR unknown command 'X', with args beginning with: 'a  +b' \r\n")
        ),
        HostileInput(
            "CRLF in a subcommand",
            "*2\r\n$6\r\nCLIENT\r\n$5\r\na\r\n+b\r\n",
            .answer("-ERR unknown subcommand 'a  +b'. Try CLIENT HELP.\r\n")
        ),
        HostileInput(
            "CRLF in an option",
            "*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$5\r\nA\r\n+B\r\n",
            .answer("-ERR Syntax error in HELLO option 'A  +B'\r\n")
        ),
        HostileInput("CRLF in a client's name", "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$4\r\na\r\nb\r\n", .replies(1)),
        HostileInput("CRLF in an echo", "*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n", .answer("$4\r\n\r\n\r\n\r\n")),
        HostileInput("CRLF in a quoted inline word", "ECHO \"a\\r\\n+OK\"\r\n", .answer("$6\r\na\r\n+OK\r\n")),
        HostileInput("CRLF in an unknown inline name", "\"a\\r\\nb\"\r\n", .replies(1)),
    ]

    static let sizes: [HostileInput] = [
        HostileInput("inline line without an end", many("x", kibi64 + 10), .fault("too big inline request")),
        HostileInput("count without an end", "*" + many("1", kibi64 + 10), .fault("too big mbulk count string")),
        HostileInput("length without an end", "*1\r\n$" + many("1", kibi64 + 10), .fault("too big bulk count string")),
        HostileInput("very long name", "*1\r\n$100000\r\n" + many("n", 100_000) + "\r\n", .replies(1)),
        HostileInput("very many inline words", many("a ", 30_000) + "\r\n", .replies(1)),
        HostileInput("very many empty requests", many("\r\n", 50_000) + "PING\r\n", .answer("+PONG\r\n")),
        HostileInput("very many requests", many("PING\r\n", 20_000), .replies(20_000)),
        HostileInput("very many bad commands", many("nosuch\r\n", 5_000), .replies(5_000)),
        HostileInput("very many glob stars", "CONFIG GET " + many("*a", 5_000) + "\r\n", .answer("*0\r\n")),
        HostileInput(
            "many empty arguments",
            "*100000\r\n$4\r\nECHO\r\n" + many("$0\r\n\r\n", 99_999),
            .answer("-ERR wrong number of arguments for 'echo' command\r\n")
        ),
    ]

    static let strangers: [HostileInput] = [
        HostileInput("HTTP GET", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", .silence),
        HostileInput("HTTP POST with commands in it", "POST / HTTP/1.1\r\n\r\nPING\r\nPING\r\n", .silence),
        HostileInput("HTTP OPTIONS", "OPTIONS * HTTP/1.1\r\n\r\n", .silence),
        HostileInput("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .silence),
        HostileInput("a header of HTTP", "hOsT: localhost\r\nPING\r\n", .silence),
        HostileInput("TLS", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}\u{FC}\u{03}\u{03}", .silence),
        HostileInput("SSH", "SSH-2.0-OpenSSH_9.2\r\n", .replies(1)),
        HostileInput("PostgreSQL", "\0\0\0\u{08}\u{04}\u{D2}\u{16}\u{2F}", .fault("")),
        HostileInput("only line ends", "\r\n\r\n\n\n", .waits),
        HostileInput("a quote that is not closed", "ECHO \"a\r\nPING\r\n", .fault("unbalanced quotes in request")),
        HostileInput("text behind a quote", "ECHO \"a\"b\r\n", .fault("unbalanced quotes in request")),
    ]

    static let misuse: [HostileInput] = [
        HostileInput("EXEC alone", "EXEC\r\nDISCARD\r\n", .replies(2)),
        HostileInput("transactions in transactions", many("MULTI\r\n", 1_000), .replies(1_000)),
        HostileInput("a transaction that never ends", "MULTI\r\n" + many("PING\r\n", 10_000), .replies(10_001)),
        HostileInput("HELLO of no version", "HELLO 9\r\nHELLO -1\r\nHELLO x\r\nHELLO 3 AUTH\r\n", .replies(4)),
        HostileInput("HELLO of both versions in turn", many("HELLO 3\r\nHELLO 2\r\n", 100), .replies(200)),
        HostileInput("CLIENT REPLY off and on", "CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\n", .answer("+OK\r\n")),
        HostileInput("a negative slow log", "SLOWLOG GET -2\r\n", .replies(1)),
        HostileInput(
            "CLIENT KILL of nobody",
            "CLIENT KILL ID 0\r\nCLIENT KILL ID -1\r\nCLIENT KILL a b c\r\n",
            .replies(3)
        ),
        HostileInput("SELECT of what is no number", "SELECT 99999999999999999999\r\nSELECT 1\r\n", .replies(2)),
    ]
}
