import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands

/// Names that are asked for while definitions are applied and not served yet.
@Suite struct TakenDefinitionsTests {
    private static func ask(_ engine: Engine, _ line: String) -> String {
        // A blank that a word has is written as `~`.
        let words = line.split(separator: " ").map { Array($0.replacing("~", with: " ").utf8) }
        guard let command = CommandTable.all.command(String(decoding: words[0], as: UTF8.self)) else { return "" }
        return String(decoding: engine.ask(command, words, .resp3)?.bytes ?? [], as: UTF8.self)
    }

    @Test(
        arguments: [
            ("FS.GET weather JFK FEATURES 1 fresh", "-FSNOFEATURE view 'weather' has no feature 'fresh'"),
            ("FS.GET fresh 1", "-FSNOVIEW no view 'fresh'"),
            ("FS.SERVE fresh KEYS 1 origin ROWS 1 JFK", "-FSNOSERVICE no service 'fresh'"),
            ("FS.VIEW fresh", "-FSNOVIEW no view 'fresh'"),
        ]
    )
    func `an unknown name is to be asked for again`(line: String, refusal: String) throws {
        let store = try FeatureCommandTests.store()
        let isTaking = Atomic(false)
        var hooks = EngineHooks()
        hooks.isTakingDefinitions = { isTaking.load(ordering: .relaxed) }
        let engine = Engine(hooks: hooks, reads: store.engine.reads)
        #expect(Self.ask(engine, line).hasPrefix(refusal))
        isTaking.store(true, ordering: .relaxed)
        let later = Self.ask(engine, line)
        #expect(later.hasPrefix("-FSUNAVAILABLE ") && later.contains("not served yet: try again soon"), "\(later)")
        // What is known is answered.
        #expect(Self.ask(engine, "FS.GET weather JFK FEATURES 1 temp").contains("39.02"))
    }

    @Test(
        arguments: [
            "FS.SET stats 7 1700000000000000 clicks 3 ctr 1 fresh 2", "FS.SET fresh 7 1700000000000000 clicks 3",
            "FS.DEL fresh 7 1700000000000000",
            "FS.WRITE stats,user_id=7~clicks=3i,ctr=1,fresh=2~1700000000000000000",
            "FS.WRITE fresh,user_id=7~clicks=3i~1700000000000000000 PARTIAL",
        ]
    )
    func `a write with an unknown name is to be sent again, as a whole`(line: String) throws {
        let store = try WrittenStore()
        var hooks = EngineHooks()
        hooks.isTakingDefinitions = { true }
        let engine = Engine(hooks: hooks, writes: store.writes)
        let later = Self.ask(engine, line)
        #expect(later.hasPrefix("-FSUNAVAILABLE ") && later.contains("not served yet: try again soon"), "\(later)")
    }
}
