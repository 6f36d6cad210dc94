import Features
import PointInTime
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// Exports, single look-ups and the online table, held to the oracle on random histories.
@Suite struct PointInTimeTests {
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `an export is what the oracle says, at every position`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 14)
        let spine = history.spine(150)
        for state in history.states {
            for isKnownAtLabel in [false, true] {
                for service in ["model", "events"] {
                    try history.expectOracle(spine, state, isKnownAtLabel: isKnownAtLabel, features: service)
                }
            }
        }
    }

    @Test(arguments: 31...34 as ClosedRange<UInt64>)
    func `each row reads the state at its own position`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 14)
        let spine = history.spineWithPositions(400)
        let state = try #require(history.states.last)
        for isKnownAtLabel in [false, true] {
            for service in ["model", "events"] {
                try history.expectOracle(
                    spine,
                    state,
                    isKnownAtLabel: isKnownAtLabel,
                    features: service,
                    positionColumn: "at_position"
                )
            }
        }
    }

    @Test(arguments: [-1, 1_000_000]) func `a position that the store has not is refused`(position: Int64) throws {
        let history = try RandomHistory(seed: 35, batches: 3)
        var spine = history.spine(3)
        spine.names.append("at_position")
        spine.columns.append(Column(type: .int64, [.int64(0), .null, .int64(position)]))
        let error = #expect(throws: StoreError.self) {
            try history.store.export("model", spine: spine, labelTime: "t", positionColumn: "at_position")
        }
        #expect(error.map { "\($0)" }?.contains("row 3 of the spine, column 'at_position'") == true)
    }

    @Test(arguments: [ThrowawayCluster.Collation.libc("C.UTF-8"), .icu("en-US"), .icu("cs-CZ")])
    func `the database's own collation changes nothing`(collation: ThrowawayCluster.Collation) throws {
        let history = try RandomHistory(seed: 77, batches: 10, collation: collation)
        let state = try #require(history.states.last)
        try history.expectOracle(history.spine(300), state, isKnownAtLabel: false)
        #expect(try history.store.violations() == [])
    }

    @Test func `a spine of several blocks keeps its order on several sessions`() throws {
        let history = try RandomHistory(seed: 4_711, batches: 10)
        let spine = history.spine(TrainingSetLimits.probeRowsMax + 1_000)
        let state = try #require(history.states.last)
        let whole = try history.store.export("model", spine: spine, labelTime: "t", state: state)
        let parallel = try history.store.export(
            "model",
            spine: spine,
            labelTime: "t",
            state: state,
            sessions: history.sessions
        )
        #expect(whole.digest == parallel.digest)
        try history.expectOracle(spine, state, isKnownAtLabel: false, sessions: history.sessions)
    }

    @Test(arguments: 11...13 as ClosedRange<UInt64>)
    func `a single look-up at a time and position is what the oracle says`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 12)
        let lookup = EntityLookup(history.store.session)
        for view in history.store.registry.views {
            let role = ViewRole(view)
            for _ in 0..<40 {
                let keys = history.keys(of: view.definition)
                let label = Timestamp(microseconds: history.time())
                let state = history.random.pick(history.states)
                let got = try lookup.read(role, keys: keys, .at(label), state: state)
                let expected = history.oracle.look(
                    up: keys,
                    at: .timestamp(label),
                    in: view.definition,
                    Oracle.Rules(view.definition, position: state.position)
                )
                let context: Comment =
                    "view \(view.name), keys \(keys), label \(label.text), position \(state.position)"
                #expect(got.values.map(\.identity) == expected.features.map(\.identity), context)
                // Of a row that has expired its time is told.
                var lasting = view.definition
                if got.statuses.contains(.expired) { lasting.ttl = nil }
                let newest = history.oracle.look(
                    up: keys,
                    at: .timestamp(label),
                    in: lasting,
                    Oracle.Rules(lasting, position: state.position)
                )
                #expect(got.eventTime?.microseconds == newest.eventTime, context)
                #expect(got.position == newest.position, context)
                #expect(got.statuses == expected.statuses, context)
            }
        }
    }

    @Test(arguments: 21...23 as ClosedRange<UInt64>)
    func `the online table is the oracle's latest row of each entity`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 14)
        #expect(try history.store.violations() == [])
        let lookup = EntityLookup(history.store.session)
        let head = try history.store.head()
        for view in history.store.registry.views {
            // Ages are another test's matter: without a TTL the latest row counts whatever its age.
            let role = ViewRole(view.withoutTimeRules)
            for row in history.oracle.rows[view.name] ?? [] {
                let keys = row.row.keys
                let expected = history.oracle.latest(keys, in: view.definition, position: head.position)
                for state in [nil, head] {
                    let got = try lookup.read(role, keys: keys, .latest, state: state)
                    let context: Comment = "view \(view.name), keys \(keys), \(state == nil ? "online" : "history")"
                    #expect(got.values.map(\.identity) == expected.features.map(\.identity), context)
                    #expect(got.eventTime?.microseconds == expected.eventTime, context)
                    #expect(got.position == expected.position, context)
                    #expect(got.statuses == expected.statuses, context)
                }
            }
        }
    }
}

extension JoinCounts {
    mutating func add(_ outcome: Oracle.Outcome) {
        switch outcome {
        case .matched: matched += 1
        case .missing: missing += 1
        case .expired: expired += 1
        }
    }
}

extension Oracle.Answer {
    /// What a look-up of a single entity says of each feature.
    var statuses: [ValueStatus] {
        features.map { value in
            switch outcome {
            case .matched: value == .null ? .null : .present
            case .missing: .missing
            case .expired: .expired
            }
        }
    }
}

extension ViewRole {
    /// A view under its own name, with all its features.
    init(_ view: StoredView) {
        self.init(
            view: view,
            prefix: view.name,
            keyColumns: view.definition.keys.map(\.name),
            features: view.definition.features
        )
    }
}
