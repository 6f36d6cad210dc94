import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// What a user is told of views that it may not write to.
@Suite struct WriteRightsTests {
    @Test func `FS.WRITE tells nothing of a view that its user may not write, also not that it is there`() throws {
        let scene = try OrderScene()
        defer { scene.stop() }
        scene.servers[0].takeWriter("ada", "right", of: "stat*")
        let client = try scene.servers[0].client()
        #expect(try client.run("AUTH", "ada", "right") == .simple("OK"))
        func write(_ lines: String) throws -> String {
            client.send(RespClient.request(["FS.WRITE", lines]))
            return try client.reply().text ?? ""
        }
        // One that is there, with what it has not and has in another type, and one that is not.
        for (view, rest) in [
            ("other", ",user_id=1 clicks=1i,ctr=1"), ("other", ",user_id=1 nosuch=1i"), ("other", " clicks=1i"),
            ("other", ",user_id=x clicks=\"a\""), ("others", ",user_id=1 clicks=1i"), ("wide", ",a=1 n=1i"),
        ] {
            let refusal = "NOPERM this user may not run 'fs.write' on view '\(view)'; it takes the role writer for it"
            for options in [[], ["PARTIAL"]] {
                client.send(
                    RespClient.request(["FS.WRITE", "stats,user_id=1 clicks=1i,ctr=1\n\(view)\(rest)"] + options)
                )
                #expect(try client.reply() == .error(refusal), "\(rest)")
            }
        }
        // Names that it may write are told only where there are others that it may.
        #expect(try write("statz,user_id=1 clicks=1i").hasPrefix("FSNOVIEW line 1, column 1: there is no view 'statz'"))
        #expect(try write("statz,user_id=1 clicks=1i").contains("stats"))
        #expect(try write("statother,user_id=1 clicks=1i").hasSuffix("there is no view 'statother'; known: stats"))
        #expect(try write("stats,user_id=1").hasPrefix("FSPARSE"))
        #expect(try scene.store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 0)
    }
}
