import Drift
import Features
import Foundation
import Models
import PointInTime
import Postgres
import Predictions
import Store
import TestSupport
import Testing
import Training
import TrainingSets

@testable import Workflows

extension ModelStore {
    /// Has users answered and the answers logged, as a server does for requests of a time.
    /// - Parameter time: µs, which the requests name.
    func log(_ users: [Int], at time: Int64) throws {
        let position = try store.head().position
        var request = PredictRequest(model: "buys", entities: users.map(String.init))
        request.moment = .served(Timestamp(microseconds: time))
        var answered: [AnsweredRows] = []
        try open().predict(request) { found in
            answered.append(
                AnsweredRows(
                    version: found.version,
                    publish: nil,
                    route: ModelRegistry.champion,
                    given: [.init("user_id", .key, Column(type: .int64, found.features.entity))],
                    requestID: nil,
                    servedUs: try now(),
                    position: position,
                    isExact: true,
                    timeUs: time,
                    isTimed: true,
                    answers: found.answers,
                    fallback: "base",
                    rowCount: 1
                )
            )
        }
        let log = PredictionLog(store.session)
        for row in answered { try log.makePartition(at: row.servedUs) }
        _ = try log.append(answered, server: withUnsafeBytes(of: UUID().uuid) { Array($0) }, from: 1)
    }

    /// Counts rows of traffic of the champion in the minute that has just been, as a server does.
    func count(_ rows: [(n: Int64, x: Double)]) throws {
        let model = try open().answering("buys", at: nil).model
        let answers = Answers(
            model,
            fallback: .model,
            columns: [
                Column(type: .int64, values: .int64(rows.map(\.n))),
                Column(type: .float64, values: .float64(rows.map(\.x))),
            ],
            presence: EntityPresence(),
            rowCount: rows.count
        )
        let reference = try #require(try ModelRegistry(store.session).reference(model.version))
        var counts = [Int](repeating: 0, count: reference.countsLength)
        TrafficCounter(reference, model.version.signature).add(answers.matrix, answers.values, to: &counts)
        let minute = try now() / 60_000_000 * 60_000_000
        let counted = CountedTraffic(model: "buys", version: 1, minute: minute, rows: rows.count, counts: counts)
        try TrafficCounts(store.session).append([counted], server: UUID().uuidString.lowercased())
    }

    /// PostgreSQL's clock, µs.
    func now() throws -> Int64 {
        try #require(try store.session.query("SELECT clock_timestamp()").timestamp(0, 0))
    }
}
