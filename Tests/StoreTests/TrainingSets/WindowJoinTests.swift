import Features
import PointInTime
import Synchronization
import TestSupport
import Testing
import Windows

@testable import Online
@testable import Serving
@testable import Store
@testable import TrainingSets

/// Windows in training sets, single look-ups and servers, held to the oracle on random histories of events.
@Suite struct WindowJoinTests {
    private static let filters: [String: @Sendable ([String: Value]) -> Bool] = [
        "hi": { row in
            if row["click"] == .string("a") { return true }
            if case .float64(let x)? = row["x"] { return x.isNaN || x > 0 }
            return false
        },
        "w": { row in row["word"] == .string("a") || row["n"] == .int64(7) },
    ]

    /// What the oracle says of every window of a view.
    static func expected(
        _ history: RandomHistory,
        _ view: ViewDefinition,
        _ keys: [Value],
        at time: Int64?,
        _ position: Int64,
        isKnownAtLabel: Bool
    ) throws -> [String: Value] {
        let texts = try #require(view.windows)
        let events = try history.store.view(texts.of).definition
        let rules = Oracle.Rules(events, position: position, isKnownAtLabel: isKnownAtLabel)
        let rows = keys.contains(.null) ? [] : history.oracle.events(keys, label: time ?? 0, in: events, rules)
        var values: [String: Value] = [:]
        for feature in view.features {
            let definition = try WindowDefinition(text: try #require(texts.texts[feature.name]))
            let oracle = WindowOracle(
                definition: definition,
                filter: filters[feature.name] ?? { _ in true },
                delay: view.delay.microseconds,
                isStrict: view.isStrict
            )
            values[feature.name] = oracle.value(rows, in: events, at: time)
        }
        return values
    }

    private static let views = ["click_windows", "visit_windows"]

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `windows in an export are what the oracle says, at every position`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 14)
        try expectOracle(history, seed, sessions: [history.store.session]) { EngineRequest(.probe) }
    }

    @Test(arguments: 201...208 as ClosedRange<UInt64>)
    func `windows of a scan are what the oracle says, whatever the segments, tails, pieces and threads`(
        seed: UInt64
    ) throws {
        let data = try ScanTests.Data(seed: seed, builds: Int(seed) % 4)
        try expectOracle(data.history, seed, sessions: data.sessions) { try data.request() }
    }

    private func expectOracle(
        _ history: RandomHistory,
        _ seed: UInt64,
        sessions: [Session],
        engine: () throws -> EngineRequest
    ) throws {
        let spine = history.spineWithPositions(120)
        let labels = try #require(spine["t"])
        let positions = try #require(spine["at_position"])
        for state in history.states {
            for isKnownAtLabel in [false, true] {
                for hasPositions in state == history.states.last ? [false, true] : [false] {
                    let exported = try history.store.export(
                        "windows",
                        spine: spine,
                        labelTime: "t",
                        positionColumn: hasPositions ? "at_position" : nil,
                        state: state,
                        options: JoinOptions(knownAtLabel: isKnownAtLabel),
                        sessions: sessions,
                        engine: try engine(),
                        blockRows: history.random.int(20...150)
                    )
                    #expect(exported.join.warnings == [])
                    for view in Self.views {
                        let view = try #require(history.store.registry.definitions.view(named: view))
                        for row in 0..<spine.rowCount {
                            let keys = try view.keys.map { try #require(spine[$0.name]).value(row) }
                            var position = state.position
                            if hasPositions { position = positions.isNull(row) ? 0 : positions.int64Values[row] }
                            let values = try Self.expected(
                                history,
                                view,
                                keys,
                                at: labels.isNull(row) ? nil : labels.int64Values[row],
                                position,
                                isKnownAtLabel: isKnownAtLabel
                            )
                            for (name, value) in values {
                                let got = try #require(exported.batch["\(view.name)__\(name)"]).value(row)
                                if got.identity == value.identity { continue }
                                Issue.record(
                                    """
                                    seed \(seed), position \(position), known at label \(isKnownAtLabel), row \(row), \
                                    \(view.name).\(name): got \(got.json), the oracle says \(value.json); keys \(keys), \
                                    label \(labels.value(row).text)
                                    """
                                )
                                return
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: 11...13 as ClosedRange<UInt64>)
    func `a server's windows and single look-ups are what the oracle says, of any time and position`(
        seed: UInt64
    ) throws {
        let history = try RandomHistory(seed: seed, batches: 12)
        let fixture = try ServingFixture(history.store.conninfo)
        try fixture.catchUp(history.store.session)
        let catalog = fixture.serving.catalog
        for name in Self.views {
            let definition = try #require(history.store.registry.definitions.view(named: name))
            let bytes = Array(name.utf8)
            let found = catalog.readableView(named: bytes.span)
            let served = try #require(found)
            let features = definition.features.map { "\(name).\($0.name)" }.joined(separator: ",")
            let plan = try history.store.registry.plan(
                for: try FeatureSelection(text: features),
                history.store.session
            ).plan
            for _ in 0..<60 {
                let keys = history.keys(of: definition)
                let time = history.time()
                let state = history.random.pick(history.states)
                let values = try Self.expected(
                    history,
                    definition,
                    keys,
                    at: time,
                    state.position,
                    isKnownAtLabel: false
                )
                let memory = try fixture.fetch(
                    served,
                    keys: zip(keys, definition.keys).map { Column(type: $1.type.featureType, value: $0) },
                    at: time,
                    position: state.position
                )
                let row = try #require(ServingFixture.rows(memory).values.first)
                let looked = try EntityLookup(history.store.session).read(
                    plan.roles[0],
                    keys: keys,
                    .at(Timestamp(microseconds: time)),
                    state: state
                )
                for (place, feature) in definition.features.enumerated() {
                    let value = try #require(values[feature.name])
                    let context: Comment =
                        "\(name).\(feature.name), keys \(keys), time \(time), position \(state.position)"
                    #expect(row.features[place].identity == value.identity, context)
                    #expect(looked.values[place].identity == value.identity, context)
                }
            }
        }
    }
}

extension ServingFixture {
    /// As a read of an earlier time has it.
    func fetch(_ view: ServedView, keys: [Column], at time: Int64, position: Int64) throws -> ViewMemory {
        let result = Mutex<Result<ViewMemory, ServingError>?>(nil)
        serving.fetch(view, keys: keys, at: time, position: position) { found in result.withLock { $0 = found } }
        #expect(Patience.wait { result.withLock { $0 != nil } })
        return try #require(result.withLock { $0 }).get()
    }
}
