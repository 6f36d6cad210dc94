import Markup

extension TrainingReport {
    /// The drawings of a page, those alone for which there are numbers.
    var charts: [[String: Any]] {
        [rocChart, precisionChart, calibrationChart, histogramChart, monthChart].compactMap { $0 }.map {
            ["svg": $0.svg, "title": $0.title, "note": $0.note]
        }
    }

    private typealias Drawing = (svg: String, title: String, note: String)

    private var rocChart: Drawing? {
        guard let curves, curves.roc.count > 1 else { return nil }
        var chart = Chart(
            "ROC curve",
            x: 0...1,
            y: 0...1,
            xTitle: "false positive rate",
            yTitle: "true positive rate",
            xTicks: Chart.unitTicks,
            yTicks: Chart.unitTicks
        )
        chart.line([Point(0, 0), Point(1, 1)], .chance, isDashed: true)
        chart.line(curves.roc, .model)
        return (chart.svg, "ROC.", "Dashed: chance.")
    }

    private var precisionChart: Drawing? {
        guard let curves, curves.precision.count > 1 else { return nil }
        var chart = Chart(
            "Precision over recall",
            x: 0...1,
            y: 0...1,
            xTitle: "recall",
            yTitle: "precision",
            xTicks: Chart.unitTicks,
            yTicks: Chart.unitTicks
        )
        chart.line([Point(0, curves.rate), Point(1, curves.rate)], .chance, isDashed: true)
        chart.line(curves.precision, .model)
        return (chart.svg, "Precision and recall.", "Dashed: chance, \(ReportText.percent(curves.rate)).")
    }

    private var calibrationChart: Drawing? {
        guard !calibration.isEmpty else { return nil }
        var chart = Chart(
            "Calibration",
            x: 0...1,
            y: 0...1,
            xTitle: "predicted probability",
            yTitle: "share that was true",
            xTicks: Chart.unitTicks,
            yTicks: Chart.unitTicks
        )
        chart.line([Point(0, 0), Point(1, 1)], .chance, isDashed: true)
        chart.line(calibration.map { Point($0.meanScore, $0.rate) }, .pale)
        let most = Double(calibration.map(\.rows).max() ?? 1)
        for bin in calibration {
            chart.dot(
                Point(bin.meanScore, bin.rate),
                radius: 2.5 + 5 * (Double(bin.rows) / max(most, 1)).squareRoot(),
                .model,
                tip:
                    "\(MarkupText.grouped(bin.rows)) rows: predicted \(ReportText.fixed(bin.meanScore, 3)), true \(ReportText.fixed(bin.rate, 3))"
            )
        }
        let slope = calibrationLine.map { line in
            let meaning = line.slope < 0.9 ? ", too sure" : line.slope > 1.1 ? ", not sure enough" : ""
            return " Slope \(ReportText.fixed(line.slope, 2))\(meaning); 1 is right."
        }
        let note = "On the dashed line, 30 % means 30 %. Larger dots: more rows.\(slope ?? "")"
        return (chart.svg, "Calibration.", note)
    }

    private var histogramChart: Drawing? {
        guard let histogram else { return nil }
        // Of each label its own shares: else the rarer one would not be seen.
        func shares(_ counts: [Int]) -> [Double] {
            let total = Double(max(counts.reduce(0, +), 1))
            return counts.map { Double($0) / total }
        }
        let (positives, negatives) = (shares(histogram.positives), shares(histogram.negatives))
        let bins = max(positives.count, 1)
        let top = max(max(positives.max() ?? 0, negatives.max() ?? 0), 0.01) * 1.05
        var chart = Chart(
            "Scores by label",
            x: 0...1,
            y: 0...top,
            xTitle: "predicted probability",
            yTitle: "share of the label's rows",
            xTicks: Chart.unitTicks,
            yTicks: Chart.ticks(0...top)
        )
        for (index, (positive, negative)) in zip(positives, negatives).enumerated() {
            let (low, high) = (Double(index) / Double(bins), Double(index + 1) / Double(bins))
            let middle = (low + high) / 2
            let range = "\(ReportText.fixed(low, 2)) to \(ReportText.fixed(high, 2))"
            chart.bar(
                from: low,
                to: middle,
                base: 0,
                top: negative,
                .chance,
                tip: "\(range): \(MarkupText.grouped(histogram.negatives[index])) rows were not"
            )
            chart.bar(
                from: middle,
                to: high,
                base: 0,
                top: positive,
                .model,
                tip: "\(range): \(MarkupText.grouped(histogram.positives[index])) rows were"
            )
        }
        return (chart.svg, "Scores.", "Blue: rows whose label is true; grey: the others.")
    }

    private var monthChart: Drawing? {
        let known = months.enumerated().compactMap { index, month in
            month.metric.value.map { (index: index, month: month, value: $0) }
        }.filter { $0.value.isFinite }
        guard let name = known.first?.month.metric.name else { return nil }
        let (title, isLessBetter, places) = ReportText.metric(name)
        let values = known.flatMap { [$0.value, $0.month.metric.low ?? $0.value, $0.month.metric.high ?? $0.value] }
            .filter(\.isFinite)
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        // A flat line is to look flat: the range is never smaller than a twentieth of the value.
        let slack = max((high - low) * 0.2, abs(high) * 0.025, 1e-6)
        let range = (low - slack)...(high + slack)
        let last = Double(months.count) - 0.5
        let step = max(1, (months.count + 5) / 6)
        var chart = Chart(
            "\(title) by month",
            x: -0.5...last,
            y: range,
            xTitle: "month of the label time",
            yTitle: title,
            xTicks: months.indices.filter { $0 % step == 0 }.map { (Double($0), months[$0].name) },
            yTicks: Chart.ticks(range)
        )
        for entry in known {
            guard let low = entry.month.metric.low, let high = entry.month.metric.high else { continue }
            chart.whisker(at: Double(entry.index), from: low, to: high, .pale)
        }
        chart.line(known.map { Point(Double($0.index), $0.value) }, .model)
        for entry in known {
            chart.dot(
                Point(Double(entry.index), entry.value),
                radius: 4,
                .model,
                tip:
                    "\(entry.month.name): \(ReportText.fixed(entry.value, places)) on \(MarkupText.grouped(entry.month.rows)) rows"
            )
        }
        return (chart.svg, "\(title) by month.", isLessBetter ? "Less is better." : "More is better.")
    }
}
