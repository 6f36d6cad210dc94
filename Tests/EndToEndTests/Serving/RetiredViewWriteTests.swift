import Features
import Foundation
import Store
import TestSupport
import Testing

/// Writes to a view that is no longer in force.
@Suite struct RetiredViewWriteTests {
    @Test(arguments: ["FS.WRITE", "FS.SET"])
    func `a write to a retired view says since when, and the way back`(_ command: String) throws {
        let store = try ServedStore()
        let yaml = ServedStore.yaml.replacing("  marks: { entities: [user], features: { n: int64 } }\n", with: "")
            .replacing(", marks.n]", with: "]")
        _ = try Registry.apply(try Definitions.parse(yaml: yaml, file: "features.yaml"), try store.session())
        let server = try store.serve()
        let client = try server.client()
        let reply =
            try command == "FS.SET"
            ? client.run("FS.SET", "marks", "1", "2024-01-01T00:00:00Z", "n", "1")
            : client.run("FS.WRITE", "marks,user_id=1 n=1i 1700000000000000000")
        let text = reply.text ?? ""
        #expect(text.hasPrefix("FSNOVIEW "), "\(reply)")
        #expect(text.contains("no view 'marks' in force: it is retired since 20"), "\(reply)")
        #expect(text.hasSuffix("put it back into the definitions and `asof apply` them"), "\(reply)")
    }
}
