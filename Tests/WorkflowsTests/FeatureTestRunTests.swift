import Features
import Store
import TestSupport
import Testing
import Workflows

/// Tests of definitions, carried out by calls.
@Suite struct FeatureTestRunTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views: { stats: { entities: [user], features: { n: int64, x: float64 } } }
        """

    private let store: TestStore
    private let scratch: Scratch

    init() throws { (store, scratch) = (try TestStore(Self.yaml), try Scratch()) }

    /// - Parameter keys: of the only test, a line each.
    private static func test(_ keys: String...) throws -> FeatureTest {
        let yaml = "tests:\n  a test:\n" + keys.map { "    \($0)\n" }.joined()
        return try #require(try FeatureTest.parse(yaml: yaml, file: "t.yaml").first)
    }

    private func run(_ test: FeatureTest) throws -> [String] {
        let open = try OpenStore(store.conninfo, forWriting: true)
        return try FeatureTestRun(open, folder: scratch.path).run(test, files: scratch.path)
    }

    private static let rows = "given: { stats: [{ user_id: 7, event_time: 2024-01-01, n: 3, x: 0.1 }] }"

    @Test(arguments: [
        "{ get: stats, at: 2024-01-02, rows: [{ user_id: 7 }] }",
        "{ export: stats, label_time: at, rows: [{ user_id: 7, at: 2024-01-02 }] }",
    ])
    func `an answer is compared with what a test expects, by column`(step: String) throws {
        func run(_ then: String) throws -> [String] {
            try self.run(try Self.test(Self.rows, "when: \(step)", "then: \(then)"))
        }
        #expect(try run("[{ stats__n: 3, stats__x: 0.1 }]") == [])
        let other = try run("[{ stats__n: 4 }, { stats__n: null }]")
        try #require(other.count == 2)
        #expect(other[0] == "expected 2 rows, got 1")
        #expect(other[1].hasSuffix("row 1, column 'stats__n': expected 4, got 3"))
        #expect(try run("[{ stats__m: 1 }]").first?.contains("no column 'stats__m'; did you mean") == true)
    }

    @Test func `rows may come from a file beside the test; a step that fails is named`() throws {
        _ = try scratch.write("rows.csv", "user_id,event_time,n\n7,2024-01-01,5\n")
        let when = "when: { get: stats, at: 2024-01-02, rows: [{ user_id: 7 }] }"
        let then = "then: [{ stats__n: 5 }]"
        #expect(try run(try Self.test("given: { stats: rows.csv }", when, then)) == [])
        let bad = [
            ("given: { stats: no.csv }", "given stats: "), ("given: { stat: rows.csv }", "given stat: "),
            ("sql: SELECT * FROM nothing", "sql: "),
        ]
        for (first, step) in bad {
            let error = #expect(throws: WorkflowError.self) { try run(try Self.test(first, when, then)) }
            #expect("\(try #require(error))".hasPrefix(step))
        }
    }

    @Test func `a run that is over says so, and not that the test fails`() throws {
        let control = RunControl()
        let open = try OpenStore(store.conninfo, forWriting: true, control: control)
        let test = try Self.test(
            "when: { get: stats, at: 2024-01-02, rows: [{ user_id: 7 }] }",
            "then: [{ stats__n: null }]"
        )
        control.cancel()
        #expect(throws: WorkflowError.cancelled) {
            try FeatureTestRun(open, folder: scratch.path).run(test, files: scratch.path)
        }
    }
}
