import Columnar
import Features
import Foundation
import Models
import Postgres
import Store
import TestSupport
import Testing

@testable import Workflows

/// A store whose users buy the more often the greater their number is: with a model of that, one that learns, and a view for scores.
struct ModelStore {
    /// Users with a row of features; 999 is not among them.
    static let users = 1...40
    /// 2024-01-01, when all features are of.
    static let start: Int64 = 1_704_067_200_000_000
    static let hour: Int64 = 3_600_000_000
    /// Rows of the spine, an hour apart.
    static let spineRows = 1_000

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          order: { key: order_id, type: int64 }
        views:
          stats: { entities: [user], backfilled: true, features: { n: int64, x: float64 } }
          bought: { entities: [user], features: { bought: int64 } }
          outcomes:
            entities: [order]
            missing: 'null'
            features: { late: bool, predicted_at: timestamp, user_id: int64 }
          scores: { entities: [user], scores: { model: buys }, ttl: 2d }
        services:
          ranking: [stats.n, stats.x]
        models:
          buys:
            service: ranking
            task: binary
            label: bought
            label_delay: 1h
            algorithm: logistic
            log: 100%
            fallback: base
          delay:
            service: ranking
            algorithm: { ftrl: { alpha: 0.2 } }
            objective: logistic
            encode: { stats__n: hash(4096) }
            labels: { view: outcomes, value: late, at: predicted_at }
            publish: { every: 1us }
        """

    let store: TestStore
    let scratch: Scratch

    init() throws {
        store = try TestStore(Self.yaml)
        scratch = try Scratch()
        let rows = Self.users.map { user in
            HistoryRow([.int64(Int64(user))], at: Self.start, [.int64(Int64(user)), .float64(Self.x(user))])
        }
        try store.ingest("stats", rows)
        var random = SeededRandom(seed: 7)
        var spine = "user_id,at,bought,late\n"
        for row in 0..<Self.spineRows {
            let user = random.int(Self.users)
            let isBought = random.int(1...Self.users.upperBound) <= user
            let time = Timestamp(microseconds: Self.start + Int64(row + 1) * Self.hour)
            spine += "\(user),\(time.text),\(isBought ? 1 : 0),\(isBought)\n"
        }
        _ = try scratch.write("spine.csv", spine)
    }

    /// The feature that has nothing to do with anything.
    static func x(_ user: Int) -> Double { Double(user * 7 % 11) }

    func path(_ name: String) -> String { scratch.path + "/" + name }

    /// The folder's files, hidden ones as well.
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() }

    func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: true, control: control)
    }

    var spine: SpineSource { .file(path("spine.csv"), format: nil, InputOptions()) }

    func request(_ model: String = "buys") -> TrainRequest {
        var request = TrainRequest(
            model: model,
            spine: spine,
            labelTime: "at",
            fitting: FitProcess(executable: path("no-asof"), library: path("no-library.so"), threads: 1)
        )
        request.promotion = .always
        return request
    }

    /// Trains a version, which becomes the champion.
    /// - Parameter penalty: of the fit, so that versions differ.
    @discardableResult
    func train(_ model: String = "buys", penalty: Int? = nil) throws -> TrainResult {
        var request = request(model)
        if let penalty { request.parameters["penalty"] = "\(penalty)" }
        return try open().train(request)
    }

    /// What a model says of single entities, as the command line asks.
    func predict(
        _ model: String,
        _ entities: [String],
        position: Int64? = nil
    ) throws -> [Prediction] {
        var request = PredictRequest(model: model, entities: entities)
        request.position = position
        var found: [Prediction] = []
        try open().predict(request) { found.append($0) }
        return found
    }

    func count(_ table: String) throws -> Int64 {
        try #require(try store.session.query("SELECT count(*) FROM \(table)").int64(0, 0))
    }

    /// A session whose transaction holds a table back from everybody, while this value lives.
    func holding(_ table: String) throws -> Session {
        let holder = try Session(conninfo: store.conninfo)
        try holder.begin(.write)
        try holder.execute("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE")
        return holder
    }
}
