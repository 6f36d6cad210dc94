import Foundation
import TestSupport
import Testing
import Wire

@testable import HTTPServer

/// docs/reference/errors.md has every code that there is, with its status of HTTP. `ASOF_WRITE_DOCS=1` writes them.
@Suite struct ErrorDocumentTests {
    /// What a code says, and what to do about it. A code that is added is not compiled without.
    private static func meaning(of code: CommandFault.Code) -> String {
        switch code {
        case .general: "syntax, and what has no code of its own; the text says what was expected"
        case .noView: "there is no such view; the text names a similar one"
        case .noFeature: "the view has no such feature; the text names a similar one, or what it is called now"
        case .noService: "there is no such service, or no such version of it"
        case .entity: "an argument names no entity of the view: a key is missing, of another type, or none of its own"
        case .type: "a value, feature or view is of a type that cannot be used so, as text in packed rows"
        case .value: "a value is none of its type, or not what its feature expects; nothing of the write is stored"
        case .time:
            "a time or position that cannot be: out of range, in the future, of another timeline, without its unit"
        case .parse: "line protocol that is none; the text names line and byte"
        case .limit: "more than is taken or answered at once; the text names the bound: ask for less, or write less"
        case .order: "a numbered write that can never be stored, or not before one that failed: see writes"
        case .timeout: "it took too long and was given up: a MINPOS that was not reached, PostgreSQL, a lock"
        case .unavailable:
            "PostgreSQL cannot be used now; the text says whether the write is stored, not, or that this is unknown"
        case .readOnly: "this server is older than the store and may not write to it: replace the server"
        case .noModel: "there is no such model"
        case .noVersion: "the model has no such version, or no such name"
        case .notReady:
            "the version cannot answer here: its golden rows differ, or it is not loaded; the text says which"
        case .modelConflict: "the name stands for another version than IF says"
        case .modelSchema: "the service's version has other columns than the model was trained on"
        case .modelValue: "a field of the request has a value that the model cannot take"
        case .modelTimeout: "the position of MINPOS was not reached in time"
        case .noAuth: "the connection has not said who it is: AUTH, or HELLO with AUTH; over HTTP Authorization"
        case .noPermission: "the user may not run this command, or not on this name"
        case .wrongPassword: "no such user, or another password; after too many of them the address has to wait"
        case .loading: "latest values are being loaded; the text says how far"
        case .wrongType: "the key holds no hash"
        }
    }

    @Test func `the page has every code with its status`() throws {
        let url = Cases.repository.appendingPathComponent("docs/reference/errors.md")
        let page = try String(contentsOf: url, encoding: .utf8)
        let start = try #require(page.range(of: "ErrorDocumentTests -->\n")).upperBound
        let end = try #require(page.range(of: "<!-- end of codes -->")).lowerBound
        var table = "| code | | HTTP | again |\n|---|---|---|---|\n"
        for code in CommandFault.Code.allCases {
            let again = code.isPassing ? "yes, in a moment" : ""
            table += "| `\(code.rawValue)` | \(Self.meaning(of: code)) | \("\(code.status)".prefix(3)) | \(again) |\n"
        }
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] == "1" {
            try page.replacingCharacters(in: start..<end, with: table).write(to: url, atomically: true, encoding: .utf8)
        }
        let found = try String(contentsOf: url, encoding: .utf8)
        #expect(found.contains(table), "run: ASOF_WRITE_DOCS=1 swift test --filter ErrorDocumentTests")
    }
}
