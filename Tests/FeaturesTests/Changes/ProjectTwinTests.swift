import Features
import TestSupport
import Testing

/// Random files of four projects, against a model of a few lines.
@Suite struct ProjectTwinTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `what is in force and whose it is, is what the model says`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var model = ProjectModel()
        var applied = Definitions()
        var retired = RetiredDefinitions()
        var outcomes: [ProjectModel.Outcome: Int] = [:]
        for step in 0..<300 {
            var file = ProjectModel.File(&random, like: model)
            file.prunes = false
            let expected = model.apply(file)
            outcomes[expected, default: 0] += 1
            let place: Comment = "seed \(seed), step \(step), adopts \(file.adopts)\n\(file.yaml)"
            guard let new = try? file.resolved(against: applied) else {
                try #require(expected == .fault, place)
                continue
            }
            let changes = new.changes(from: applied, retired: retired)
            let isRefused = changes.contains { $0.severity == .refused }
            try #require(isRefused ? expected == .refused : expected == .applied, place)
            guard !isRefused else { continue }
            let merged = new.merged(into: applied, retired: retired)
            #expect(new.definitions.isResolved(in: merged), place)
            retired.views += applied.views.filter { merged.view(named: $0.name) == nil }
            retired.views.removeAll { merged.view(named: $0.name) != nil }
            retired.services.formUnion(applied.services.map(\.name))
            retired.services.subtract(merged.services.map(\.name))
            applied = merged
            try #require(model.difference(to: applied) == nil, place)
            // The same again is nothing.
            var again = try file.resolved(against: applied)
            #expect(again.changes(from: applied, retired: retired) == [], place)
            again.adopts = false
            #expect(again.merged(into: applied, retired: retired) == applied, place)
        }
        // Each of them came often enough to be tried.
        #expect(outcomes.count == 3 && outcomes.values.allSatisfy { $0 >= 5 }, "seed \(seed): \(outcomes)")
    }
}
