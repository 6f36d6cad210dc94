import Foundation
import Models
import Store
import TestSupport
import Testing

@testable import Workflows

/// A version that is fitted again, and one that goes to another store, by calls.
@Suite struct ModelFolderWorkflowTests {
    private let fixture: ModelStore
    private let open: OpenStore

    init() throws {
        fixture = try ModelStore()
        try fixture.train()
        open = try fixture.open()
    }

    @Test func `a version is fitted again and is the same, and another spine is told`() throws {
        // Logistic models are fitted here, without either.
        let (asof, library) = (fixture.path("no-asof"), fixture.path("no-library.so"))
        let fitting = FitProcess(executable: asof, library: library, threads: 1)
        let (version, verification) = try open.verifyModel("buys@1", fitting: fitting)
        #expect(version.version == 1)
        guard case .equal(let rows) = verification else {
            Issue.record("\(verification)")
            return
        }
        #expect(rows > 500 && rows <= ModelStore.spineRows)
        // A label of the spine that is another one makes another set.
        let spine = try String(contentsOfFile: fixture.path("spine.csv"), encoding: .utf8)
        var lines = spine.split(separator: "\n").map(String.init)
        let (yes, no) = (",1,true", ",0,false")
        lines[1] = lines[1].hasSuffix(yes) ? lines[1].replacing(yes, with: no) : lines[1].replacing(no, with: yes)
        _ = try fixture.scratch.write("other.csv", lines.joined(separator: "\n") + "\n")
        let refusal = #expect(throws: WorkflowError.self) {
            try open.verifyModel("buys@1", data: fixture.path("other.csv"), fitting: fitting)
        }
        #expect("\(try #require(refusal))".contains("other.csv gives another training set by now: sha256:"))
        #expect(throws: ModelsError.self) { try open.verifyModel("buys@7", fitting: fitting) }
    }

    @Test func `a version goes into a folder, whole or not at all, and another store answers by it as this one does`()
        throws
    {
        let folder = fixture.path("buys-1")
        #expect(try open.exportModel("buys", to: folder).version == 1)
        let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(throws: (any Error).self) { try open.exportModel("buys", to: folder) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)

        let other = try ModelStore()
        #expect(throws: ModelsError.self) {
            try other.open().importModel(ImportModelRequest(model: "buy", path: folder))
        }
        #expect(try other.count("asof.model_versions") == 0)
        let imported = try other.open().importModel(ImportModelRequest(model: "buys", path: folder))
        #expect(imported.version == 1 && imported.golden > 0 && imported.service == "ranking@1")
        _ = try other.open().setModelAlias(
            "buys",
            "champion",
            to: 1,
            ifCurrent: nil,
            allowsUnproven: false,
            reason: "moved"
        )
        let entities = ["user_id=1", "user_id=40", "user_id=999"]
        let (here, there) = (try fixture.predict("buys", entities), try other.predict("buys", entities))
        #expect(here.map { "\($0.answers)" } == there.map { "\($0.answers)" } && here.count == 3)
    }
}
