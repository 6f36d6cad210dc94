import Foundation
import TestSupport
import Testing

/// docs/reference/limits.md is made from the modules' files of bounds.
@Suite struct LimitDocumentTests {
    /// The modules with bounds, in the page's order, and what they are called there.
    private static let headings: KeyValuePairs = [
        "Features": "Definitions and values",
        "Expressions": "Derived columns",
        "Windows": "Windows",
        "Windowing": "Reads of windows",
        "Columnar": "Input files",
        "Store": "The store",
        "Materializing": "Batch views",
        "TrainingSets": "Training sets",
        "Segments": "Segments",
        "Forest": "Model files",
        "Training": "Fitting models",
        "Models": "Models",
        "Predictions": "Predictions",
        "Drift": "Drift",
        "Operations": "Upkeep",
        "Workflows": "Use cases",
        "Postgres": "Waiting for PostgreSQL",
        "EmbeddedPostgres": "A PostgreSQL of one's own",
        "RESPServer": "The server: connections",
        "HTTPServer": "The server: HTTP",
        "Access": "The server: users",
        "Wire": "The server: requests and replies",
        "Commands": "The server: commands",
        "Reading": "The server: reads",
        "Serving": "The server: writes, and following the store",
    ]

    @Test func `docs/reference/limits.md is what the files of bounds say`() throws {
        let files = try LimitFile.all()
        let values = try LimitFile.values(of: files)
        var text = """
            # Limits

            What is bounded, and by how much, unless an option says otherwise. What goes beyond is refused with a message that names the bound, or \
            waits, as the page on its subject says. Made from the sources by `ASOF_WRITE_DOCS=1 swift test --filter LimitDocumentTests`, which takes \
            the first sentence of each comment in a module's file of bounds, up to its `// MARK: Inside`.

            """
        for (module, heading) in Self.headings {
            let file = try #require(files.first { $0.module == module }, "\(module) has no file of bounds")
            text += "\n## \(heading)\n"
            for section in file.sections where section.title != LimitFile.inside {
                text += "\n| \(section.title) | |\n|---|---|\n"
                for limit in section.limits {
                    let value = try #require(values["\(file.type).\(limit.name)"])
                    text += "| \(limit.sentence) | \(LimitText.shown(value, of: limit.name)) |\n"
                }
            }
            text += "\n[\(file.type)](../../\(file.path))\n"
        }
        let page = Cases.repository.appendingPathComponent("docs/reference/limits.md")
        if ProcessInfo.processInfo.environment["ASOF_WRITE_DOCS"] == "1" { try Data(text.utf8).write(to: page) }
        let found = try String(contentsOf: page, encoding: .utf8)
        #expect(found == text, "run: ASOF_WRITE_DOCS=1 swift test --filter LimitDocumentTests")
    }

    @Test func `a module has its bounds in one file, and each file stands on the page`() throws {
        let modules = try LimitFile.all().map(\.module).sorted()
        #expect(modules == Self.headings.map(\.key).sorted())
    }

    @Test func `each bound says what it bounds, in words of users where users meet it`() throws {
        for file in try LimitFile.all() {
            #expect(file.sections.last?.title == LimitFile.inside, "\(file.path) does not say what nobody meets")
            for section in file.sections {
                for limit in section.limits {
                    #expect(!limit.sentence.isEmpty, "\(file.path): \(limit.name) has no comment")
                    guard section.title != LimitFile.inside else { continue }
                    #expect(!limit.isShared, "\(file.path): \(limit.name) has no comment of its own")
                    #expect(!limit.sentence.contains("``"), "\(file.path): \(limit.name) is told in words of the code")
                }
            }
        }
    }

    @Test(
        arguments: [
            ("1_000", 1_000), ("64 << 10", 65_536), ("3 * sizeMax", 192), ("Other.daysMax * Int(sizeMax)", 448),
            ("30 * 365 * 86_400 + 8", 946_080_008), ("(1 + 2) * 4 << 1", 24),
        ]
    )
    func `a bound's value is read as Swift reads it`(_ expression: String, _ expected: Int) throws {
        let names = ["Own.sizeMax": 64, "Other.daysMax": 7]
        #expect(try LimitExpression.value(of: expression, in: "Own") { names[$0] } == expected)
    }

    @Test(
        arguments: [
            ("batchRowsMax", 250_000, "250,000"), ("fileBytesMax", 1 << 20, "1 MiB"),
            ("headBytesMax", 65_536, "64 KiB"),
            ("keyBytesMax", 2_000, "2,000 bytes"), ("scanBytes", 2 << 30, "2 GiB"), ("workMiB", 128, "128 MiB"),
            ("lockTimeoutMs", 30_000, "30 s"), ("lockMs", 250, "250 ms"), ("futureUsMax", 300_000_000, "5 min"),
            ("queryTimeoutMs", 86_400_000, "24 h"), ("keptDays", 30, "30 d"), ("turnNs", 40_000_000, "40 ms"),
            ("stopSecondsMax", 60, "1 min"), ("earlyUntilUs", 8_640_000_000_000, "100 d"),
        ]
    )
    func `a bound's value is shown with its unit`(_ name: String, _ value: Int, _ expected: String) {
        #expect(LimitText.shown(value, of: name) == expected)
    }
}
