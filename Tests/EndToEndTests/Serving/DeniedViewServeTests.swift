import Foundation
import Operations
import Store
import TestSupport
import Testing

/// The built server with a role of PostgreSQL that may not read one view.
@Suite struct DeniedViewServeTests {
    @Test func `requests, probes and the status say which view, and what gives the rights`() throws {
        let store = try ServedStore()
        let role = "server_\(UUID().uuidString.prefix(8).lowercased())"
        let session = try store.session()
        try session.execute("CREATE ROLE \(role) LOGIN")
        try session.execute(RoleGrants.statements(of: [.writer], for: role).joined(separator: "\n"))
        try session.execute("REVOKE SELECT ON online.pairs FROM \(role)")
        let served = try ServedAsof(
            ["-d", "\(store.conninfo) user='\(role)'", "--http", "127.0.0.1:0"],
            in: store.scratch.path
        )
        let client = try served.client()
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "marks", "1", "2025-07-01T00:00:00Z", "n", "3").integer != nil)
        #expect(try client.run("FS.GET", "marks", "1")["n"] == .integer(3))
        for line in [
            "FS.GET pairs origin=JFK,tailnum=N1", "FS.SET pairs origin=JFK,tailnum=N1 2025-07-01T00:00:00Z delay 1",
            "FS.ASOF pairs origin=JFK,tailnum=N1 2025-07-01T00:00:00Z",
        ] {
            let text = try client.line(line).text ?? ""
            #expect(text.hasPrefix("NOPERM view 'pairs' cannot be read") && text.contains("asof grant-sql"), "\(text)")
        }
        let written = try client.run("FS.WRITE", "pairs,origin=JFK,tailnum=N1 delay=1 1751328000000000000").text ?? ""
        #expect(
            written.hasPrefix("NOPERM view 'pairs' cannot be read") && written.contains("asof grant-sql"),
            "\(written)"
        )
        // Its points are not bad: nothing of what came with them is stored, so that the number comes again as a whole.
        let lines = "marks,user_id=2 n=5i 1751328000000000000\npairs,origin=JFK,tailnum=N1 delay=1 1751328000000000000"
        let partial = try client.run("FS.WRITE", lines, "PARTIAL", "SOURCE", "s", "SEQ", "1")
        #expect(partial.text?.hasPrefix("NOPERM view 'pairs' cannot be read") == true, "\(partial)")
        #expect(try client.run("FS.GET", "marks", "2")["n"] == .null)
        let info = try client.run("INFO", "asof").text ?? ""
        #expect(info.contains("denied_views:1"), "\(info)")
        let ready = try HTTPProbe.ask(try served.httpPort(), "GET", "/readyz")
        #expect(ready.status == 200 && ready.body.hasPrefix("ready\nbut view 'pairs' cannot be read"), "\(ready)")
        let page = try HTTPProbe.ask(try served.httpPort(), "POST", "/v1/views/pairs/rows", body: "{}")
        #expect(page.status >= 400)
        let status = try store.asof(["status"])
        #expect(
            status.out.contains(
                "role \(role), which is connected, cannot read view 'pairs': asof grant-sql \(role) writer"
            ),
            "\(status)"
        )
        let output = served.stop()
        #expect(output.error.contains("view 'pairs' cannot be read"), "\(output.error)")
    }
}
