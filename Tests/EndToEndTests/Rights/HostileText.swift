import Testing

/// Texts with which somebody may try to be more than a name or a value.
struct HostileText: Sendable, CustomTestStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        case quotes, backslashes, statements, comments, formats, templates, shells, controls, scripts, lengths
        case keywords, systemNames, literals, globs, paths, options, sheets, protocols
    }

    let kind: Kind
    let text: String
    /// Whether a view, a feature, a key, a service or a model may be called so.
    let isName: Bool
    /// Whether a server's user may be called so.
    let isUser: Bool

    var testDescription: String { "\(kind) \(text.prefix(60).debugDescription)" }

    /// Whether a file of a folder can have it as its name.
    var isFileName: Bool {
        !text.isEmpty && text != "." && text != ".." && !text.contains("/") && !text.unicodeScalars.contains("\0")
            && text.utf8.count <= 200
    }

    private static func row(_ kind: Kind, _ texts: [String], names: Bool = false, users: Bool = false) -> [HostileText]
    {
        texts.map { HostileText(kind: kind, text: $0, isName: names, isUser: users) }
    }

    /// What the table that must stay is called.
    static let canary = "public.canary"

    static let all =
        row(
            .quotes,
            [
                "'", "''", "\"", "\"\"", "a'b", "a\"b", "O'Brien", "' OR '1'='1", "\" OR \"\"=\"", "`a`", "\u{2019}",
                "\u{FF07}",
                "'''", "\"'\"'",
            ]
        )
        + row(
            .backslashes,
            [
                "\\", "\\\\", "a\\", "\\'", "\\\"", "\\.", "\\N", "\\n", "\\x00", "\\u0000", "\\0", "E'\\''",
                "\\,\\=\\ ", "\\x414243",
            ]
        )
        + row(
            .statements,
            [
                "'; DROP TABLE public.canary; --", "\"; DROP TABLE public.canary; --",
                "x'); DROP TABLE public.canary;--",
                "\\'; DROP TABLE public.canary; --", "1; DELETE FROM public.canary", ";", "a;b",
                "$$; DROP TABLE public.canary; $$", "$asof$; DROP TABLE public.canary; $asof$",
                "x\"); DROP TABLE public.canary; COPY (SELECT 1) TO STDOUT; --",
                "' UNION SELECT verifier FROM asof.users --",
                "'||(SELECT pg_sleep(60))||'", "\n; DROP TABLE public.canary;\n",
                "'; COMMIT; DROP TABLE public.canary; BEGIN; --",
            ]
        )
        + row(.comments, ["--", "-- x", "/*", "*/", "/**/", "#", "#x", "//", "/* x */ y"])
        + row(
            .formats,
            [
                "$1", "$2", "$0", "%s", "%n", "%d%d%d%d", "%I", "%L", "%%", "%00", "%27", "%2e%2e%2f", "%", ":from",
                ":'x'", "?",
            ]
        )
        + row(
            .templates,
            ["{{", "}}", "{{7*7}}", "{{{x}}}", "${x}", "{x}", "\\(x)", "<%= x %>", "{", "[]", "{\"a\":1}", "\"}"]
        )
        + row(
            .shells,
            ["$(touch canary)", "`touch canary`", "; touch canary", "| touch canary", "> canary", "&", "!x", "$HOME"]
        )
        + row(
            .controls,
            [
                "a\nb", "a\r\nb", "\n", "a\tb", "\u{1}", "\u{7F}", "\u{1B}[31mred\u{1B}[0m", "\u{8}\u{8}", "\u{85}",
                "\u{2028}",
                "a\u{0}b", "\u{0}", " ", " a", "a ", "\u{A0}a",
            ]
        )
        + row(
            .scripts,
            [
                "ä", "e\u{301}", "İ", "ß", "日本語", "😀", "👩‍👩‍👧‍👦", "\u{202E}evil\u{202C}", "שלום", "مرحبا", "a\u{200B}b",
                "\u{FEFF}a",
                "\u{FFFD}", "\u{10FFFF}", "\u{455}tats", "Z\u{351}\u{35B}\u{313}algo", "ﷺ",
            ]
        )
        + row(
            .lengths,
            [
                "", String(repeating: "x", count: 200), String(repeating: "\u{1F600}", count: 3_000),
                String(repeating: "'", count: 10_000),
            ]
        )
        + row(.lengths, [String(repeating: "y", count: 49), String(repeating: "z", count: 63)], users: true)
        + row(.lengths, [String(repeating: "w", count: 48), "a"], names: true, users: true)
        + row(
            .keywords,
            [
                "select", "table", "user", "order", "group", "from", "where", "null", "true", "default", "all",
                "primary",
                "current_user", "session_user", "constraint", "column", "end", "do", "Select", "TABLE", "public",
                "asof", "history",
                "online", "batches", "template1", "information_schema", "pg_catalog", "pg_class", "pg_temp", "postgres",
                "root",
                "admin", "nan", "infinity", "nil", "undefined", "constructor", "toString", "NULLS", "SOURCE",
            ],
            names: true,
            users: true
        )
        + row(.systemNames, ["xmin", "oid", "ctid", "tableoid", "a__b"], users: true)
        + row(.systemNames, ["_deleted", "_event_time", "_p1", "__", "__proto__"])
        + row(.literals, ["1", "-1", "0x41", "1e9", "1; 2"])
        + row(.globs, ["*", "**", "[a-z]", "[", "]", "a*", "[^a]", "[!a]", "a?b"])
        + row(
            .paths,
            [
                "../../etc/passwd", "/etc/passwd", ".", "..", "a/b", "~", "~root", "C:\\x", "s3://bucket/x",
                "http://x/y", "con:", "a:b",
            ]
        )
        + row(.options, ["-", "--help", "-d", "--database=x", "@file"])
        + row(.sheets, ["=1+1", "+1", "@SUM(A1)", "a,b", "a\"\"b,\"c", "a;b,c", "\"a\nb\""])
        + row(
            .protocols,
            [
                "*1\r\n$4\r\nPING\r\n", "+OK\r\n", "-ERR x", "$-1", "a,b=c d=1", "a=b",
                "GET / HTTP/1.1\r\n\r\n",
                "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "&lt;b&gt;", "</td></table>", "<!--",
                "]]>",
            ]
        )
        + row(.protocols, ["a.b", "a-b", "a@b", "x@champion", "x@2"], users: true)
}
