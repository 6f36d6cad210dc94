import Features
import Forest
import Foundation
import Postgres
import Store
import Synchronization
import TestSupport
import Testing
import XGBoost

/// What a server answers beside writes is what the exported row of that position gives: by plain walks of the model's file,
/// by the library that fitted it, and by `asof predict`.
@Suite struct PredictionEqualityTests {
    private struct Asked: Sendable {
        var user: Int
        var item: String
        var amount: String
        var channel: String
        var position: Int64
        /// The request's time, µs.
        var time: Int64
        var isTimed: Bool
        var version: Int64
        var score: Float
        var features: [Float]
    }

    private static let rowsWanted = 10_000
    private static let rowsOfRequest = 40

    @Test(.timeLimit(.minutes(15)))
    func `ten thousand predictions beside writes are those of the exported rows, to the bit`() throws {
        let seed: UInt64 = 12
        let world = try PredictionWorld(seed: seed)
        let store = world.store
        let trained = try store.asof(
            [
                "train", "buys", "--spine", "labels.csv", "--label-time", "at", "--time-unit", "us", "--quick",
                "--algo",
                "xgboost", "--promote", "always",
            ]
        )
        try #require(trained.status == 0, "\(trained)")
        let server = try store.serve()
        defer { server.stop() }

        let port = server.port
        let isOver = Mutex(false)
        let written = Mutex<(count: Int, trouble: String?)>((0, nil))
        let writing = Thread {
            do {
                let writer = try RespClient(port: port)
                var random = SeededRandom(seed: seed + 2)
                while !isOver.withLock({ $0 }) {
                    try PredictionWorld.write(writer, &random)
                    written.withLock { $0.count += 1 }
                }
            } catch {
                written.withLock { $0.trouble = "\(error)" }
            }
        }
        writing.start()
        let asked = Result { try Self.ask(try server.client(), seed: seed) }
        isOver.withLock { $0 = true }
        #expect(Patience.wait(seconds: 30) { writing.isFinished })
        let rows = try asked.get()
        #expect(written.withLock { $0.trouble } == nil && written.withLock { $0.count } > 50)
        #expect(rows.count == Self.rowsWanted && Set(rows.map(\.position)).count > 50, "seed \(seed)")
        #expect(Set(rows.map(\.version)) == [3])

        let vectors = try Self.exported(rows, store)
        try #require(vectors.count == rows.count)
        let file = try Self.file(store)
        let forest = try Forest(bytes: file)
        let plain = forest.predictions(
            fromMargins: forest.plainMargins(vectors.flatMap(\.self), count: vectors.count)
        )
        let library = try XGBoostLibrary(path: XGBoostLibrary.path(ProcessInfo.processInfo.environment))
        let booster = try XGBoostBooster(library, bytes: file)
        let signature = try Self.signature(store)
        let matrix = try XGBoostMatrix(
            library,
            values: vectors.flatMap(\.self),
            rowCount: vectors.count,
            names: signature.map(\.name),
            types: signature.map { $0.levels == nil ? "q" : "c" }
        )
        let foreign = try booster.predictions(matrix)
        var different = 0
        for (place, row) in rows.enumerated() {
            let isSame =
                row.features.map(\.bitPattern) == vectors[place].map(\.bitPattern)
                && row.score.bitPattern == plain[place].bitPattern && row.score.bitPattern == foreign[place].bitPattern
            guard !isSame else { continue }
            different += 1
            if different <= 3 {
                Issue.record(
                    "seed \(seed), row \(place): \(row) but \(vectors[place]), \(plain[place]), \(foreign[place])"
                )
            }
        }
        #expect(different == 0)
        try Self.expectPredict(rows, store)
    }

    private static func ask(_ client: RespClient, seed: UInt64) throws -> [Asked] {
        var random = SeededRandom(seed: seed + 1)
        _ = try client.run("HELLO", "3")
        var rows: [Asked] = []
        var slow = 0
        while rows.count < rowsWanted {
            var words = ["ML.PREDICT", "buys", "KEYS", "4", "user_id", "item", "amount", "channel"]
            words += ["ROWS", "\(rowsOfRequest)"]
            var given: [(Int, String, String, String)] = []
            for _ in 0..<rowsOfRequest {
                given.append(
                    (
                        random.int(0...12), "i\(random.int(0...6))",
                        random.oneIn(12) ? "" : "\(Double(random.int(-10_000...90_000)) / 7)",
                        random.oneIn(8) ? "" : "c\(random.int(0...4))"
                    )
                )
            }
            words += given.flatMap { user, item, amount, channel in
                ["\(user)", item, amount.isEmpty ? "nil" : amount, channel.isEmpty ? "nil" : channel]
            }
            words += ["NULL", "nil", "META", "FEATURES", "NOLOG"]
            let isTimed = random.oneIn(3)
            if isTimed {
                let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
                words += ["AT", "\(now - Int64(random.int(1...4_000)) * 1_000_000)"]
            }
            guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            let reply = try client.reply()
            // A machine with much else to do may keep PostgreSQL from answering in time: that is no other answer.
            if case .error(let text) = reply, text.hasPrefix("FSTIMEOUT"), slow < 100 {
                slow += 1
                continue
            }
            guard case .integer(let position)? = reply["position"], case .integer(let time)? = reply["at"],
                case .integer(let version)? = reply["version"], let scores = reply["rows"]?.items,
                let features = reply["features"]?.items, scores.count == given.count, features.count == given.count
            else { throw Trouble("\(words): \(reply)") }
            for (place, row) in given.enumerated() {
                guard let score = scores[place].items?.first.flatMap(number) else { throw Trouble("\(reply)") }
                rows.append(
                    Asked(
                        user: row.0,
                        item: row.1,
                        amount: row.2,
                        channel: row.3,
                        position: position,
                        time: time,
                        isTimed: isTimed,
                        version: version,
                        score: score,
                        features: (features[place].items ?? []).map { number($0) ?? .nan }
                    )
                )
            }
        }
        return rows
    }

    private static func number(_ reply: Reply) -> Float? {
        if case .integer(let value) = reply { return Float(value) }
        return reply.text.flatMap { Float($0) }
    }

    private struct Input {
        var name: String
        /// Of a text: its dictionary.
        var levels: [String]?
    }

    /// The version's inputs, read as JSON and not by the code of servers.
    private static func signature(_ store: ServedStore) throws -> [Input] {
        let text = try store.session().query(
            "SELECT signature::text FROM asof.model_versions WHERE model = 'buys' AND version = 3"
        ).text(0, 0)
        let object = try #require(try JSONSerialization.jsonObject(with: Data((text ?? "").utf8)) as? [String: Any])
        return try #require(object["inputs"] as? [[String: Any]]).map { input in
            let encoder = try #require(input["encoder"] as? [String: Any])
            let levels = (encoder["categories"] as? [String: Any])?["_0"] as? [String]
            try #require(levels != nil || encoder["number"] != nil, "\(encoder)")
            return Input(name: try #require(input["name"] as? String), levels: levels)
        }
    }

    private static func file(_ store: ServedStore) throws -> [UInt8] {
        let rows = try store.session().query(
            """
            SELECT a.bytes FROM asof.model_artifacts a JOIN asof.model_versions v ON v.artifact = a.sha256
            WHERE v.model = 'buys' AND v.version = 3 ORDER BY a.part
            """
        )
        return (0..<rows.count).flatMap { rows.byteArray($0, 0) ?? [] }
    }

    /// The numbers of each row, from the columns that `asof export --served` gives at the row's own position and time.
    private static func exported(_ rows: [Asked], _ store: ServedStore) throws -> [[Float]] {
        var csv = "user_id,item,amount,channel,t,position,given\n"
        for row in rows {
            csv += "\(row.user),\(row.item),\(row.amount),\(row.channel),\(row.time),\(row.position),"
            csv += row.isTimed ? "\(row.time)\n" : "\n"
        }
        _ = try store.scratch.write("asked.csv", csv)
        let output = try store.asof(
            [
                "export", "--spine", "asked.csv", "--label-time", "t", "--time-unit", "us", "--position-column",
                "position", "--served", "--at-column", "given", "--features", "shop", "--out", "made.jsonl", "--quiet",
            ]
        )
        try #require(output.status == 0, "\(output)")
        let inputs = try signature(store)
        let text = try String(contentsOfFile: store.scratch.path + "/made.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return inputs.map { input in
                let value = object[input.name]
                if let levels = input.levels {
                    return (value as? String).flatMap { levels.firstIndex(of: $0) }.map { Float($0) } ?? .nan
                }
                return (value as? NSNumber).map { Float($0.doubleValue) } ?? .nan
            }
        }
    }

    /// Some rows by the command, a process each.
    private static func expectPredict(_ rows: [Asked], _ store: ServedStore) throws {
        for row in rows.filter({ $0.isTimed && !$0.amount.isEmpty && !$0.channel.isEmpty }).prefix(10) {
            let time = Timestamp(microseconds: row.time).text
            let output = try store.asof(
                [
                    "predict", "buys", "user_id=\(row.user)", "item=\(row.item)", "amount=\(row.amount)",
                    "channel=\(row.channel)", "--at", time, "--position", "\(row.position)", "--json",
                ]
            )
            #expect(output.status == 0 && output.out.contains("\"score\":\(row.score)}"), "\(row): \(output)")
        }
    }
}
