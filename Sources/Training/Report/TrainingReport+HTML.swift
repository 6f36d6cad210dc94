import Markup

extension TrainingReport {
    /// How many of the importances are shown.
    private static let importancesShown = 25

    /// One HTML file that needs nothing else: no network, no script, drawings inside.
    ///
    /// The same report gives the same bytes.
    /// - Complexity: O(size of the report).
    package func html() -> String {
        MarkupTemplate(ReportTemplate.page).render(page)
    }

    /// What the shares are of, by what fits.
    private var importanceName: String {
        switch algorithm {
        case "logistic", "ridge": "share of the weights of scaled columns"
        case "ftrl": "share of what weights add to scores"
        default: "share of gain"
        }
    }

    private var page: [String: Any] {
        let shown = importances.prefix(Self.importancesShown)
        let drawings = charts
        var page: [String: Any] = [
            "style": ReportTemplate.style, "name": version.map { "\(model)@\($0)" } ?? model, "task": taskText,
            "algorithm": algorithm, "service": service, "label": label, "cards": cards,
            "warnings": allWarnings, "hasWarnings": !allWarnings.isEmpty, "testRows": MarkupText.grouped(split.test),
            "columns": columns, "judged": rows,
            "hasIntervals": judged.contains { $0.metrics.contains { $0.low != nil } },
            "parts": split.parts, "splits": split.rows, "charts": drawings, "hasCharts": !drawings.isEmpty,
            "hasImportances": !shown.isEmpty, "hasPermutations": shown.contains { $0.permutation != nil },
            "importances": shown.map(Self.row), "checks": checks, "features": features.map(Self.row),
            "hasFeatures": !features.isEmpty, "command": command,
            "facts": facts.map { ["name": $0.name, "value": $0.value] },
        ]
        page["verdict"] = verdict
        page["importanceName"] = importanceName
        page["decision"] = decision.isEmpty ? nil : decision
        if importances.count > shown.count {
            page["moreImportances"] = "and \(importances.count - shown.count) more, each with less"
        }
        if split.unlabelled > 0 {
            page["unlabelled"] =
                "\(MarkupText.grouped(split.unlabelled)) rows without a label or a label time are in no part."
        }
        return page
    }

    private var taskText: String {
        switch task {
        case "binary": "yes or no"
        case "multiclass": "several classes"
        default: task
        }
    }

    private var allWarnings: [String] {
        var all = warnings
        if split.isRandom {
            all.append(
                "The rows were split by chance, not by time: the model is judged on times that it was trained on, and promises more than it will do."
            )
        }
        return all
    }

    // MARK: Headline

    private var new: Judged? { judged.first { $0.isNew } }

    private var cards: [[String: Any]] {
        var cards: [[String: Any]] = (new?.metrics ?? []).prefix(3).map { metric in
            let (title, isLessBetter, places) = ReportText.metric(metric.name)
            var note = isLessBetter ? "less is better" : "more is better"
            if let rival = rival(metric.name) {
                note = "\(rival.name): \(ReportText.fixed(rival.value, places))"
            }
            return ["title": title, "value": ReportText.fixed(metric.value, places), "note": note]
        }
        cards.append(
            [
                "title": "judged on", "value": MarkupText.grouped(split.test),
                "note": split.testFromUs.map { "rows from \(ReportText.time($0))" } ?? "rows by chance",
            ]
        )
        return cards
    }

    /// The best of the others by a metric.
    private func rival(_ name: String) -> (name: String, value: Double)? {
        let isLessBetter = ReportText.metric(name).isLessBetter
        var best: (name: String, value: Double)?
        for entry in judged where !entry.isNew {
            guard let value = entry.metrics.first(where: { $0.name == name })?.value, value.isFinite else { continue }
            if let found = best, isLessBetter ? value >= found.value : value <= found.value { continue }
            best = (entry.name, value)
        }
        return best
    }

    /// Who does best by the loss that models are compared by, and so which one to take.
    package var verdict: String? {
        guard let new, let loss = new.metrics.first(where: { $0.name == "log_loss" || $0.name == "rmse" }),
            let value = loss.value, let rival = rival(loss.name)
        else { return nil }
        let (title, _, places) = ReportText.metric(loss.name)
        let (own, other) = (ReportText.fixed(value, places), ReportText.fixed(rival.value, places))
        if value < rival.value {
            return
                "\(new.name) does better than all others here: \(title) \(own), the next best (\(rival.name)) \(other)."
        }
        return
            "\(rival.name) does \(value == rival.value ? "as well" : "better") on the same rows: \(title) \(other), \(new.name) \(own). Recommended: \(rival.name)."
    }

    // MARK: Tables

    private var columns: [[String: Any]] {
        (judged.first?.metrics ?? []).map { metric in
            let (title, isLessBetter, _) = ReportText.metric(metric.name)
            return ["title": title, "note": isLessBetter ? "less is better" : "more is better"]
        }
    }

    private var rows: [[String: Any]] {
        judged.map { entry in
            let cells = entry.metrics.map { metric -> [String: Any] in
                let (_, isLessBetter, places) = ReportText.metric(metric.name)
                let all = judged.compactMap { $0.metrics.first { $0.name == metric.name }?.value }
                let best = isLessBetter ? all.min() : all.max()
                var cell: [String: Any] = [
                    "value": ReportText.fixed(metric.value, places),
                    "isBest": metric.value != nil && metric.value == best && judged.count > 1,
                ]
                if let low = metric.low, let high = metric.high {
                    cell["interval"] = "\(ReportText.fixed(low, places)) to \(ReportText.fixed(high, places))"
                }
                return cell
            }
            return ["name": entry.name, "mark": entry.isNew ? " class=\"new\"" : "", "cells": cells]
        }
    }

    private static func row(_ importance: Importance) -> [String: Any] {
        let share = min(max(importance.gain ?? 0, 0), 1)
        return [
            "name": importance.name, "gain": ReportText.percent(importance.gain),
            "width": share.isNaN ? "0" : "\((share * 1_000).rounded() / 10)",
            "permutation": importance.permutation.map { ($0 > 0 ? "+" : "") + ReportText.fixed($0, 4) } ?? "–",
        ]
    }

    private static func row(_ feature: Feature) -> [String: Any] {
        [
            "name": feature.name, "type": feature.type, "trainNulls": ReportText.percent(feature.trainNulls),
            "testNulls": ReportText.percent(feature.testNulls), "low": ReportText.short(feature.low),
            "high": ReportText.short(feature.high), "outside": ReportText.percent(feature.outside),
        ]
    }
}

extension TrainingReport.Split {
    /// Stretches of the time from the first label to the last, in order; of a random split, of the rows.
    fileprivate var parts: [[String: Any]] {
        func part(_ kind: String, _ size: Double) -> [String: Any] {
            ["kind": kind, "share": "\((max(size, 0) * 1_000).rounded() / 1_000)"]
        }
        let rows = Double(max(train + valid + test, 1))
        guard let firstUs, let lastUs, let validFromUs, let testFromUs, !isRandom, lastUs > firstUs else {
            return [("train", train), ("valid", valid), ("test", test)].map { part($0, Double($1) / rows) }
        }
        let span = Double(lastUs) - Double(firstUs)
        func stretch(_ kind: String, _ from: Double, _ to: Double) -> [[String: Any]] {
            let gap = min(Double(embargoUs), max(to - from, 0))
            let body = part(kind, (to - from - gap) / span)
            return gap > 0 ? [body, part("embargo", gap / span)] : [body]
        }
        return stretch("train", Double(firstUs), Double(validFromUs))
            + stretch("valid", Double(validFromUs), Double(testFromUs))
            + [part("test", (Double(lastUs) - Double(testFromUs)) / span)]
    }

    fileprivate var rows: [[String: Any]] {
        func row(_ kind: String, _ name: String, _ rows: Int, _ times: String) -> [String: Any] {
            ["kind": kind, "name": name, "rows": MarkupText.grouped(rows), "times": times]
        }
        let (first, last) = (ReportText.time(firstUs), ReportText.time(lastUs))
        let (validFrom, testFrom) = (ReportText.time(validFromUs), ReportText.time(testFromUs))
        var all = [
            row("train", "train", train, isRandom ? "by chance" : "\(first) until before \(validFrom)"),
            row("valid", "valid", valid, isRandom ? "by chance" : "\(validFrom) until before \(testFrom)"),
            row("test", "test", test, isRandom ? "by chance" : "\(testFrom) to \(last)"),
        ]
        if !isRandom, embargoUs > 0 || embargoed > 0 {
            all.append(
                row(
                    "embargo",
                    "embargo",
                    embargoed,
                    "left out: \(ReportText.duration(embargoUs)) before each cut, since their labels were not known at it"
                )
            )
        }
        return all
    }
}

extension TrainingReport {
    fileprivate var checks: [[String: Any]] {
        var checks: [[String: Any]] = []
        let (suspects, naive) = (leaks.suspects, leaks.naive)
        if suspects.isEmpty {
            checks.append(["kind": "good", "title": "No feature tells the label alone.", "text": ""])
        } else {
            let names = suspects.map { "\($0.name) (AUC \(ReportText.fixed($0.value, 3)))" }.joined(separator: ", ")
            checks.append(
                [
                    "kind": "bad", "title": "Too good to be known before:",
                    "text": "\(names). Was it written after the label was? See the delay of its view.",
                ]
            )
        }
        if let auc = leaks.adversarialAUC {
            let isApart = auc > 0.8
            checks.append(
                [
                    "kind": isApart ? "bad" : "good", "title": "Training and test rows told apart:",
                    "text": "AUC \(ReportText.fixed(auc, 3))"
                        + (isApart ? ": the features changed between them." : ", 0.5 is not at all."),
                ]
            )
        } else {
            checks.append(["kind": "off", "title": "Training against test rows:", "text": "not tried."])
        }
        if naive.isEmpty {
            checks.append(["kind": "off", "title": "Fitted to the newest values instead:", "text": "not tried."])
        }
        for twin in naive { checks.append(check(twin)) }
        return checks
    }

    private func check(_ twin: NaiveTwin) -> [String: Any] {
        let title = "Fitted to \(twin.join) instead:"
        guard let promised = twin.promised, let delivered = twin.delivered else {
            return ["kind": "off", "title": title, "text": "it could not be: \(twin.reason ?? "no reason is known")."]
        }
        let (name, _, places) = ReportText.metric(promised.name)
        let own = judged.first { $0.isNew }?.metrics.first { $0.name == promised.name }?.value
        return [
            "kind": "good", "title": title,
            "text":
                "it promises \(name) \(ReportText.fixed(promised.value, places)) and delivers \(ReportText.fixed(delivered.value, places)), this model \(ReportText.fixed(own, places)).",
        ]
    }
}
