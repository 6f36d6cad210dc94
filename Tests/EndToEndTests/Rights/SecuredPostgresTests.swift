import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// PostgreSQL behind TLS and SCRAM-SHA-256: certificates that are looked at, passwords from a command that change.
@Suite(.enabled(if: SecuredPostgres.isPossible, "apt install openssl")) struct SecuredPostgresTests {
    private static func asof(
        _ words: [String],
        _ conninfo: String,
        command: String,
        in folder: String = "/tmp"
    ) throws -> AsofBinary.Output {
        try AsofBinary.run(words + ["-d", conninfo, "--password-command", command], in: folder)
    }

    @Test func `sslmode verify-full lets in who shows a certificate of the authority, and nobody else`() throws {
        let postgres = try SecuredPostgres()
        try postgres.role("reads", "reader", password: "pw-geheim")
        let good = try Self.asof(["views"], try postgres.conninfo("reads"), command: "echo pw-geheim")
        #expect(good.status == 0 && good.out.contains("stats"), "\(good.error)")
        let other = try Self.asof(
            ["views"],
            try postgres.conninfo("reads", authority: "other"),
            command: "echo pw-geheim"
        )
        #expect(other.status == 1 && other.error.contains("certificate verify failed"), "\(other.error)")
        #expect(other.error.contains("hint: ") && other.error.contains("sslrootcert"), "\(other.error)")
        let none = try Self.asof(
            ["views"],
            try postgres.conninfo("reads", authority: "none"),
            command: "echo pw-geheim"
        )
        #expect(none.status == 1 && none.error.contains("none.crt"), "\(none.error)")
        // In clear text nobody comes in.
        let clear = try postgres.conninfo("reads").replacing("verify-full", with: "disable")
        let refused = try Self.asof(["views"], clear, command: "echo pw-geheim")
        #expect(refused.status == 1 && refused.error.contains("no encryption"), "\(refused.error)")
        for output in [good, other, none, refused] { #expect(!(output.out + output.error).contains("geheim")) }
    }

    @Test func `a server serves and follows over verify-full, and each of its connections is encrypted`() throws {
        let postgres = try SecuredPostgres()
        try postgres.role("serves", "writer", password: "pw-geheim")
        let scratch = try Scratch()
        let served = try ServedAsof(
            ["-d", try postgres.conninfo("serves"), "--password-command", "echo pw-geheim"],
            in: scratch.path
        )
        let client = try served.client()
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "marks", "1", "*", "n", "5").integer != nil)
        #expect(try client.run("FS.GET", "marks", "1")["n"] == .integer(5))
        let connections = try postgres.session().query(
            """
            SELECT count(*), bool_and(s.ssl), bool_and(s.version IN ('TLSv1.2', 'TLSv1.3'))
            FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) WHERE a.usename = 'serves'
            """
        )
        #expect((connections.int64(0, 0) ?? 0) > 1 && connections.bool(0, 1) == true && connections.bool(0, 2) == true)
        let output = served.stop()
        #expect(output.status == 0 && !output.error.contains("geheim"), "\(output.error)")
    }

    @Test func `a certificate for another name, or one that has ended, is refused with what to do`() throws {
        let elsewhere = try SecuredPostgres(names: "DNS:db.internal")
        try elsewhere.role("reads", "reader", password: "pw")
        let wrong = try Self.asof(["views"], try elsewhere.conninfo("reads"), command: "echo pw")
        #expect(wrong.status == 1 && wrong.error.contains("does not match host name \"localhost\""), "\(wrong.error)")
        #expect(wrong.error.contains("hint: "), "\(wrong.error)")
        let right = try Self.asof(["views"], try elsewhere.conninfo("reads", host: "db.internal"), command: "echo pw")
        #expect(right.status == 0, "\(right.error)")
        let ended = try SecuredPostgres(days: -1)
        try ended.role("reads", "reader", password: "pw")
        let refused = try Self.asof(["views"], try ended.conninfo("reads"), command: "echo pw")
        #expect(refused.status == 1 && refused.error.contains("certificate verify failed"), "\(refused.error)")
        #expect(refused.error.contains("has ended"), "\(refused.error)")
    }

    @Test func `a command's password that is wrong, or takes too long, is told without it`() throws {
        let postgres = try SecuredPostgres()
        try postgres.role("reads", "reader", password: "pw-geheim")
        let conninfo = try postgres.conninfo("reads")
        let wrong = try Self.asof(["views"], conninfo, command: "echo other-geheim")
        #expect(
            wrong.status == 1 && wrong.error.contains("password authentication failed for user \"reads\""),
            "\(wrong)"
        )
        #expect(wrong.error.contains("--password-command"), "\(wrong.error)")
        let slow = try Self.asof(["views"], conninfo, command: "sleep 60; echo pw-geheim")
        #expect(slow.status == 1 && slow.error.contains("did not end within 10 s"), "\(slow)")
        // One that stands in the connection string is the one that counts.
        let given = try Self.asof(["views"], conninfo + " password=pw-geheim", command: "echo other-geheim")
        #expect(given.status == 0, "\(given.error)")
        for output in [wrong, slow, given] { #expect(!(output.out + output.error).contains("geheim"), "\(output)") }
    }

    @Test func `a password that was rotated is asked for anew, and one that holds is kept`() throws {
        let postgres = try SecuredPostgres()
        try postgres.role("serves", "writer", password: "first-geheim")
        let scratch = try Scratch()
        let word = try scratch.write("word", "first-geheim\n")
        let served = try ServedAsof(
            ["-d", try postgres.conninfo("serves"), "--password-command", "echo >>calls; cat word"],
            in: scratch.path
        )
        let client = try served.client()
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "marks", "1", "2026-01-01T00:00:00Z", "n", "5").integer != nil)
        func calls() throws -> Int { try String(contentsOfFile: scratch.path + "/calls", encoding: .utf8).utf8.count }
        // Several connections, one question.
        #expect(try calls() == 1)
        let admin = try postgres.session()
        _ = try scratch.write("word.new", "second-geheim\n")
        try #require(rename(scratch.path + "/word.new", word) == 0)
        try admin.execute("ALTER ROLE serves PASSWORD 'second-geheim'")
        try admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'serves'")
        #expect(
            try Patience.wait(seconds: 60) {
                try client.run("FS.SET", "marks", "2", "2026-01-01T00:00:00Z", "n", "6").integer != nil
            }
        )
        #expect(try calls() >= 2)
        // Everything has come back, not writes alone.
        let id = try admin.query("SELECT count(*) FROM history.marks").int64(0, 0)
        #expect((id ?? 0) >= 2)
        #expect(try client.run("FS.GET", "marks", "2")["n"] == .integer(6))
        let output = served.stop()
        #expect(!(output.out + output.error).contains("geheim"), "\(output.error)")
    }
}
