import Features
import Foundation
import TestSupport
import Testing

/// docs/reference/features-yaml.md is made from the table of keys that the reader goes by.
@Suite struct DefinitionKeyDocumentTests {
    @Test func `docs/reference/features-yaml.md is what the reader knows`() throws {
        var text = """
            # features.yaml

            Every key that `asof apply` reads; an unknown one is an error with its line and column. Made from the reader's table by \
            `ASOF_WRITE_DOCS=1 swift test --filter DefinitionKeyDocumentTests`. What it is for: [definitions](../how-to/definitions.md), \
            [batch views](../how-to/batch-views.md), [expectations](../how-to/expectations.md), [windows](../how-to/windows.md), \
            [train](../how-to/train.md), [streams](../how-to/streams.md).

            Names are letters, digits and `_`, 48 at most, the first a letter, without `__`. Durations are a whole number and a unit: \
            `us ms s m h d w`. Types: \(FeatureType.spellings).

            """
        for table in DefinitionKeys.all {
            text += "\n## \(table.title)\n\n"
            if !table.intro.isEmpty { text += table.intro + "\n\n" }
            text += "| key | value | without it | |\n|---|---|---|---|\n"
            for key in table.keys {
                let standard = key.standard ?? "must be there"
                text += "| `\(key.name)` | \(key.value) | \(standard) | \(key.text) |\n"
            }
        }
        let page = Cases.repository.appendingPathComponent("docs/reference/features-yaml.md")
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] == "1" { try Data(text.utf8).write(to: page) }
        let found = try String(contentsOf: page, encoding: .utf8)
        #expect(found == text, "run: ASOF_WRITE_DOCS=1 swift test --filter DefinitionKeyDocumentTests")
    }

    @Test func `the reader has no list of keys beside the table`() throws {
        let folder = Cases.repository.appendingPathComponent("Sources/Features/Files").path
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: folder + "/" + file, encoding: .utf8)
            #expect(!text.contains("known: [\""), "\(file)")
        }
    }

    @Test func `what a key says of its absence is what the reader does`() throws {
        let words = "entities: { user: { key: user_id, type: int64 } }\n"
        func faults(_ view: String) -> String {
            do { _ = try Definitions.parse(yaml: words + "views: { v: { \(view) } }", file: "f.yaml") } catch {
                return error.issues.map(\.message).joined(separator: "; ")
            }
            return ""
        }
        let whole = ["entities": "entities: [user]", "features": "features: { a: bool }"]
        let view = try #require(DefinitionKeys.all.first { $0.title == "`views: { NAME: … }`" })
        for key in view.keys where key.standard == nil {
            let others = whole.filter { $0.key != key.name }.map(\.value).joined(separator: ", ")
            #expect(faults(others).contains("has no \(key.name)"), "\(key.name)")
        }
        #expect(faults(whole.values.sorted().joined(separator: ", ")) == "")
    }
}
