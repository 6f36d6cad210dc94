import Features
import Forest
import Models
import Postgres
import Store
import TestSupport
import Testing
import Training

@Suite struct ModelRegistryTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64, rate: float64 } }
        services:
          ranking: [stats.*]
        models:
          buys: { service: ranking, task: binary, label: bought }
        """

    static let signature = ModelSignature(
        task: .binary,
        inputs: [
            .init(name: "stats__clicks", type: .int64, encoder: .number),
            .init(name: "stats__rate", type: .float64, encoder: .number),
        ]
    )

    /// A version whose answers differ from those of another `slope`.
    static func new(_ slope: Double = 1, golden: Bool = true) throws -> NewModelVersion {
        let model = LinearModel(
            task: "binary",
            features: signature.featureNames,
            intercept: [0.5],
            weights: [[slope, -1]],
            missing: [0, 0],
            indicator: [[0, 0]]
        )
        let file = Array(model.json.utf8)
        let inputs: [Float] = [1, 2, .nan, 4, 5, 6]
        let margins = try Forest(bytes: file).margins(inputs, count: 3)
        return NewModelVersion(
            model: "buys",
            service: "ranking",
            serviceVersion: 1,
            fingerprint: "asof1:0",
            rules: "asof-rules-1:0",
            algorithm: "logistic",
            file: file,
            signature: signature,
            base: [0.25],
            golden: golden ? GoldenRows(count: 3, inputs: inputs, margins: margins) : nil
        )
    }

    @Test func `a version that was registered comes back as it was`() throws {
        let store = try TestStore(Self.yaml)
        let before = try store.head().position
        let registry = ModelRegistry(store.session)
        let new = try Self.new()
        let (version, state) = try registry.register(new, alias: "champion")
        #expect(version == 1 && state.position == before + 1)
        let found = try registry.resolve("buys")
        #expect(found.version == 1 && found.state == .ready && found.position == state.position)
        #expect(found.signature == new.signature && found.base == [0.25] && found.algorithm == "logistic")
        #expect(try registry.file(found) == new.file)
        let golden = try #require(try registry.golden(found))
        #expect(golden.inputs.map(\.bitPattern) == new.golden?.inputs.map(\.bitPattern))
        #expect(golden.count == 3 && golden.margins == new.golden?.margins)
        #expect(try registry.history(of: "buys", limit: 10).map(\.kind) == ["alias", "register"])
    }

    @Test func `a file of many parts comes back whole, and one that was damaged is not used`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        var new = try Self.new()
        new.file += Array(repeating: UInt8(ascii: " "), count: 2_500_000)
        let version = try registry.register(new).version
        let found = try registry.version("buys", version)
        #expect(try registry.file(found) == new.file)
        try store.session.execute("UPDATE asof.model_artifacts SET bytes = '\\x20' WHERE part = 1")
        #expect {
            try registry.file(found)
        } throws: {
            "\($0)".contains("is not what was registered")
        }
    }

    @Test func `a name moves only from where its mover thinks it is`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        for slope in [1, 2, 3.0] { try registry.register(try Self.new(slope)) }
        #expect(try registry.setAlias("buys", "champion", to: 1).from == nil)
        #expect(try registry.setAlias("buys", "champion", to: 2, ifCurrent: 1).from == 1)
        let head = try store.head().position
        #expect {
            try registry.setAlias("buys", "champion", to: 3, ifCurrent: 1)
        } throws: {
            "\($0)" == "alias 'champion' of buys is 2, not 1"
        }
        #expect {
            try registry.register(try Self.new(4), alias: "champion", ifCurrent: nil)
        } throws: {
            "\($0)" == "alias 'champion' of buys is 2, not absent"
        }
        #expect(try store.head().position == head)
        #expect(try registry.versions(of: "buys").map(\.version) == [1, 2, 3])
    }

    @Test func `who was champion when has an answer for ever, and rollbacks go back further each time`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        var champions: [Int64: Int] = [:]
        for slope in [1, 2, 3.0] {
            let version = try registry.register(try Self.new(slope)).version
            champions[try registry.setAlias("buys", "champion", to: ModelTarget(version)).state.position] = version
        }
        let first = try registry.rollBack("buys", reason: "worse on Mondays")
        #expect(first.from == 3 && first.to == 2)
        champions[first.state.position] = 2
        let second = try registry.rollBack("buys", reason: "still")
        #expect(second.from == 2 && second.to == 1)
        champions[second.state.position] = 1
        #expect {
            try registry.rollBack("buys", reason: "again")
        } throws: {
            "\($0)".contains("no good version before 1")
        }
        #expect(try registry.versions().map(\.state) == [.ready, .rolledBack, .rolledBack])
        var now: Int?
        for position in 0...(try store.head().position) {
            now = champions[position] ?? now
            #expect(try registry.champion(of: "buys", at: position)?.version == now)
        }
        // What somebody chooses again is good again.
        try registry.setAlias("buys", "champion", to: 3)
        #expect(try registry.version("buys", 3).state == .ready)
        #expect(try registry.rollBack("buys", to: 2, reason: "by name").to == 2)
        #expect(try registry.history(of: "buys", limit: 1).first?.reason == "by name")
    }

    @Test func `a version that a name stands for is not retired, a retired one gets no name`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        try registry.register(try Self.new(1), alias: "champion")
        try registry.register(try Self.new(2))
        #expect {
            try registry.retire("buys", 1)
        } throws: {
            "\($0)".contains("is its 'champion'")
        }
        _ = try registry.retire("buys", 2)
        #expect {
            try registry.setAlias("buys", "challenger", to: 2)
        } throws: {
            "\($0)" == "version 2 of buys is retired"
        }
    }

    @Test func `an unproven version gets a name only where that is said`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        let version = try registry.register(try Self.new(golden: false)).version
        #expect(try registry.version("buys", version).state == .unproven)
        #expect {
            try registry.setAlias("buys", "champion", to: ModelTarget(version))
        } throws: {
            "\($0)".contains("--unproven")
        }
        try registry.setAlias("buys", "champion", to: ModelTarget(version), allowsUnproven: true)
        #expect(try registry.resolve("buys@champion").version == version)
        // A rollback and a way back prove nothing.
        let proven = try registry.register(try Self.new(2)).version
        try registry.setAlias("buys", "champion", to: ModelTarget(proven))
        try registry.rollBack("buys", reason: "back")
        #expect(try registry.version("buys", version).state == .unproven)
        try registry.rollBack("buys", to: ModelTarget(proven), reason: "forth")
        #expect(try registry.version("buys", version).state == .rolledBack)
        #expect {
            try registry.setAlias("buys", "challenger", to: ModelTarget(version))
        } throws: {
            "\($0)".contains("--unproven")
        }
        let other = try registry.register(try Self.new(golden: false)).version
        #expect {
            try registry.rollBack("buys", to: ModelTarget(other), reason: "never was it")
        } throws: {
            "\($0)".contains("unproven")
        }
    }

    @Test func `what does not fit is not registered`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        let head = try store.head().position
        var changes: [(String, (inout NewModelVersion) -> Void)] = []
        let inputs = Self.signature.inputs
        let more = ModelSignature(task: .binary, inputs: inputs + [.init(name: "x", type: .int32, encoder: .number)])
        changes.append(("3 inputs", { $0.signature = more }))
        let turned = ModelSignature(
            task: .binary,
            inputs: inputs.reversed().map { .init(name: $0.name, type: $0.type, encoder: $0.encoder) }
        )
        changes.append(("'stats__clicks' stands where the service has 'stats__rate'", { $0.signature = turned }))
        changes.append(("failed 1 of 3 golden rows", { $0.golden?.margins[1] += 1 }))
        changes.append(("a base value", { $0.base = [.nan] }))
        let crossed = ModelSignature(task: .binary, inputs: inputs.reversed())
        changes.append(
            (
                "the signature has the input 'stats__rate' of type float64, and its column is int64",
                { $0.signature = crossed }
            )
        )
        changes.append(("pickle", { $0.file = [0x80, 4, 0x95, 0] }))
        for (expected, change) in changes {
            var new = try Self.new()
            change(&new)
            #expect {
                try registry.register(new)
            } throws: {
                "\($0)".contains(expected)
            }
        }
        #expect(try store.head().position == head)
        #expect(try registry.versions().isEmpty)
    }

    @Test func `names that mean nothing are told with what there is`() throws {
        let store = try TestStore(Self.yaml)
        let registry = ModelRegistry(store.session)
        func message(_ text: String) -> String {
            do {
                return "\(try registry.resolve(text).version)"
            } catch {
                return "\(error)"
            }
        }
        #expect(message("buy") == "no model 'buy'; did you mean 'buys'?")
        #expect(message("buys").contains("no versions yet"))
        try registry.register(try Self.new(), alias: "challenger")
        #expect(message("buys@challenger") == "1")
        #expect(message("buys").contains("no alias 'champion'"))
        #expect(message("buys@9") == "buys has versions 1-1, not 9")
        #expect(message("buys@other").contains("no alias 'other'"))
        #expect(ModelReference("a@b@c") == ModelReference("a@b@c") && ModelReference("a@b@c").version == .alias("b@c"))
        #expect(ModelReference("a") != ModelReference("a@champion"))
    }

    @Test func `two who register at once have two numbers, and two who flip at once one winner`() async throws {
        let store = try TestStore(Self.yaml)
        try ModelRegistry(store.session).register(try Self.new(), alias: "champion")
        let conninfo = store.conninfo
        let won = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<6 {
                group.addTask {
                    let registry = ModelRegistry(try Session(conninfo: conninfo))
                    let version = try registry.register(try Self.new(Double(number))).version
                    do {
                        try registry.setAlias("buys", "champion", to: ModelTarget(version), ifCurrent: 1)
                        return true
                    } catch ModelsError.conflict {
                        return false
                    }
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(won == 1)
        #expect(try ModelRegistry(store.session).versions().map(\.version) == Array(1...7))
    }
}
