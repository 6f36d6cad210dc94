import Features
import Foundation
import Models
import Store
import TestSupport
import Testing
import Training

@testable import Workflows

/// Versions of models and the names that stand for them, by calls.
@Suite struct ModelsWorkflowTests {
    private let fixture: ModelStore
    private let open: OpenStore

    init() throws {
        fixture = try ModelStore()
        try fixture.train()
        try fixture.train(penalty: 1_000)
        open = try fixture.open()
    }

    private func alias(
        _ name: String,
        to version: ModelTarget,
        ifCurrent: Int? = nil
    ) throws -> (
        from: ModelTarget?, position: Int64
    ) {
        try open.setModelAlias(
            "buys",
            name,
            to: version,
            ifCurrent: ifCurrent,
            allowsUnproven: false,
            reason: "because"
        )
    }

    @Test func `models are listed with versions and names, those without any as well`() throws {
        let all = try open.models()
        #expect(all.map(\.name) == ["buys", "delay"] && all.map(\.versions.count) == [2, 0])
        #expect(all.map(\.aliases) == [["champion": 2], [:]] && all.allSatisfy { $0.definition?.name == $0.name })
        #expect(try open.models("delay").map(\.name) == ["delay"])
        let error = #expect(throws: ModelsError.self) { try open.models("buy") }
        #expect("\(try #require(error))" == "no model 'buy'; did you mean 'buys'?")
        // What is defined no more keeps its versions.
        let views = try #require(ModelStore.yaml.components(separatedBy: "models:\n").first)
        try fixture.store.apply(
            views.replacing("  scores: { entities: [user], scores: { model: buys }, ttl: 2d }\n", with: "")
        )
        let left = try open.models()
        #expect(left.map(\.name) == ["buys"] && left[0].definition == nil && left[0].versions.count == 2)
    }

    @Test func `a name moves from where its mover thinks it is, and the history says so`() throws {
        let first = try alias("challenger", to: 1)
        #expect(try first.from == nil && first.position == fixture.store.head().position)
        #expect(try alias("challenger", to: 2, ifCurrent: 1).from == 1)
        let conflict = #expect(throws: ModelsError.self) { try alias("challenger", to: 1, ifCurrent: 1) }
        #expect("\(try #require(conflict))" == "alias 'challenger' of buys is 2, not 1")
        #expect(throws: ModelsError.self) { try alias("challenger", to: 3) }
        #expect(try open.models("buys")[0].aliases == ["champion": 2, "challenger": 2])
        let history = try open.modelHistory("buys", limit: 2)
        #expect(history.map(\.kind) == ["alias", "alias"] && history.map(\.reason) == ["because", "because"])
        #expect(history.map(\.to) == [2, 1] && history.map(\.from) == [1, nil])
        #expect(throws: ModelsError.self) { try open.modelHistory("buy", limit: 2) }
    }

    @Test func `the champion goes back to the version before, or to one that is named, and no further`() throws {
        let back = try open.rollBackModel("buys", to: nil, reason: "worse")
        #expect(try back.from == 2 && back.to == 1 && back.position == fixture.store.head().position)
        let listing = try open.models("buys")[0]
        #expect(listing.aliases == ["champion": 1] && listing.versions.map(\.state) == [.ready, .rolledBack])
        let none = #expect(throws: ModelsError.self) { try open.rollBackModel("buys", to: nil, reason: "again") }
        #expect("\(try #require(none))".hasPrefix("buys has no good version before 1"))
        #expect(try open.rollBackModel("buys", to: 2, reason: "by name").to == 2)
    }

    @Test func `a version is retired unless a name stands for it, and answers no more`() throws {
        let held = #expect(throws: ModelsError.self) { try open.retireModel("buys", 2) }
        #expect("\(try #require(held))".hasPrefix("version 2 of buys is its 'champion'"))
        #expect(try open.retireModel("buys", 1) == fixture.store.head().position)
        #expect(try open.models("buys")[0].versions.map(\.state) == [.retired, .ready])
        let retired = #expect(throws: ModelsError.self) { try alias("challenger", to: 1) }
        #expect("\(try #require(retired))" == "version 1 of buys is retired")
    }

    @Test func `how many values of a hash share a bucket is told as it was measured`() throws {
        #expect(try open.collisions("buys@1").collisions == [])
        try fixture.train("delay")
        let (version, found) = try open.collisions("delay")
        #expect(version.version == 1 && found.map(\.feature) == ["stats__n"] && found.map(\.buckets) == [4_096])
        #expect(found[0].keys > 30 && found[0].keys <= ModelStore.users.count)
        #expect(throws: ModelsError.self) { try open.collisions("delay@2") }
    }

    @Test func `a run that is over changes nothing`() throws {
        let control = RunControl()
        let over = try fixture.open(control)
        control.cancel()
        let head = try fixture.store.head()
        let calls: [() throws -> Void] = [
            { _ = try over.models() }, { _ = try over.modelHistory("buys", limit: 1) },
            { _ = try over.rollBackModel("buys", to: nil, reason: "") }, { _ = try over.retireModel("buys", 1) },
            { _ = try over.collisions("buys@1") },
            {
                _ = try over.setModelAlias(
                    "buys",
                    "next",
                    to: 1,
                    ifCurrent: nil,
                    allowsUnproven: false,
                    reason: nil
                )
            },
        ]
        for call in calls { #expect(throws: WorkflowError.cancelled, performing: call) }
        #expect(try fixture.store.head() == head)
    }
}
