import Features
import Foundation
import Workflows

/// What `asof train` prints of a model.
enum TrainedText {
    static func figure(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "-" }

    static func split(_ split: SplitCounts) -> String {
        var text =
            "\(CountText.count(split.train, "training row")), \(CountText.grouped(split.valid)) valid, \(CountText.grouped(split.test)) test"
        if split.embargoed > 0 {
            text += "; \(CountText.grouped(split.embargoed)) left out, whose label was not known at a cut"
        }
        if split.unlabelled > 0 { text += "; \(CountText.grouped(split.unlabelled)) without a label or a label time" }
        return text
    }

    static func report(_ result: TrainResult, model: String) -> String {
        var lines: [String] = []
        let from = result.testFrom.map { " from \(Timestamp(microseconds: $0).text)" } ?? ""
        lines.append(
            "\(result.algorithm.rawValue)\(result.rounds.map { " of \($0) rounds" } ?? ""), judged on \(CountText.count(result.split.test, "test row"))\(from):"
        )
        if let run = result.runs.first(where: \.isChosen) {
            lines.append("of \(result.runs.count) runs the best on the valid rows: \(run.text)")
        }
        let names = result.judged.first?.metrics.named.map(\.name) ?? []
        var table = TextTable([""] + names, rightAligned: Set(1..<names.count + 1))
        for entry in result.judged {
            table.append([entry.name] + entry.metrics.named.map { figure($0.value) })
        }
        lines.append(table.text)
        if let text = result.unknownText { lines.append(text) }
        if !result.importances.isEmpty {
            let shown = result.importances.prefix(8).map { "\($0.name) \(String(format: "%.0f", $0.share * 100)) %" }
            lines.append("most important: \(shown.joined(separator: ", "))")
        }
        for twin in result.twins {
            switch twin.outcome {
            case .judged(let promised, let delivered):
                let name = promised.named.first?.name ?? ""
                lines.append(
                    "fitted to \(twin.join.text) instead, it promises \(name) \(figure(promised.named.first?.value)) and delivers \(figure(delivered.named.first?.value))"
                )
            case .notFitted(let reason):
                lines.append("it could not be fitted to \(twin.join.text) for comparison: \(reason)")
            }
        }
        for suspect in result.suspects {
            lines.append(
                "SUSPECT: \(suspect.name) alone has AUC \(figure(suspect.auc)): is it known at the label's time? Look at its view's event times and delay"
            )
        }
        lines.append("training set at position \(result.setPosition), content \(result.contentDigest)")
        lines.append(registered(result, model: model))
        return lines.joined(separator: "\n")
    }

    /// What became of the version.
    static func registered(_ result: TrainResult, model: String) -> String {
        switch (result.version, result.promotedFrom) {
        case (nil, _): return "dry run: nothing was registered\(result.notCompared.map { "; \($0)" } ?? "")"
        case (let version?, .some(let before)):
            return
                "registered \(model)@\(version), champion now\(before.map { " (before: \(model)@\($0))" } ?? ""), position \(result.position ?? 0)"
                + (result.notCompared.map { "; \($0)" } ?? "")
        case (let version?, nil):
            return "registered \(model)@\(version), position \(result.position ?? 0)"
                + (result.isBetter
                    ? ""
                    : "; \(result.notCompared ?? "it is not better"), so the champion stays. `asof models alias \(model) champion \(version)` changes that")
        }
    }

    static func json(_ result: TrainResult, model: String) -> String {
        var object = JSONObject([
            ("model", .string(model)), ("version", result.version.map { .int64(Int64($0)) } ?? .null),
            ("algorithm", .string(result.algorithm.rawValue)),
            ("position", result.position.map { .int64($0) } ?? .null),
            ("champion", .bool(result.promotedFrom != nil)), ("better", .bool(result.isBetter)),
            ("not_compared", result.notCompared.map { .string($0) } ?? .null),
            ("rounds", result.rounds.map { .int64(Int64($0)) } ?? .null),
            ("train", .int64(Int64(result.split.train))), ("valid", .int64(Int64(result.split.valid))),
            ("test", .int64(Int64(result.split.test))), ("embargoed", .int64(Int64(result.split.embargoed))),
            ("unlabelled", .int64(Int64(result.split.unlabelled))),
            ("set_position", .int64(result.setPosition)), ("content_digest", .string(result.contentDigest)),
            ("unknown_rows", .int64(Int64(result.unknown))),
            ("unknown_share", .float64(result.unknownShare)),
            ("unanswered_rows", .int64(Int64(result.unanswered))), ("fallback", .string(result.fallback.text)),
            ("suspects", .listString(result.suspects.map(\.name))),
        ])
        var metrics = JSONObject()
        for entry in result.judged {
            metrics.append(
                entry.name,
                JSONObject(entry.metrics.named.map { ($0.name, $0.value.map { .float64($0) } ?? .null) })
            )
        }
        object.append("metrics", metrics)
        if !result.runs.isEmpty {
            var runs = JSONObject()
            for run in result.runs { runs.append(run.text, .float64(run.validLoss)) }
            object.append("runs", runs)
            object.append("chosen", result.runs.first(where: \.isChosen).map { .string($0.text) } ?? .null)
        }
        var twins = JSONObject()
        for twin in result.twins {
            guard case .judged(let promised, let delivered) = twin.outcome else { continue }
            func object(_ metrics: TestMetrics) -> JSONObject {
                JSONObject(metrics.named.map { ($0.name, $0.value.map { .float64($0) } ?? .null) })
            }
            var own = JSONObject()
            own.append("promised", object(promised))
            own.append("delivered", object(delivered))
            twins.append(twin.join.rawValue, own)
        }
        object.append("naive", twins)
        return object.text
    }
}
