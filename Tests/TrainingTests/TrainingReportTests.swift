import Foundation
import Markup
import TestSupport
import Testing

@testable import Training

/// The page of a report: what stands in it, what is left out, and that no name or number breaks it.
@Suite struct TrainingReportTests {
    private static let day: Int64 = 86_400_000_000

    /// A report of a model of a binary label, with all of its parts.
    private static func sample(newLoss: Double = 0.4812, hostile: String = "") -> TrainingReport {
        let times = (0..<100).map { Int64?(1_356_998_400_000_000 + $0 * day) }
        let split = TimeSplit(
            times: times,
            isLabelled: times.indices.map { $0 % 10 != 9 },
            validFrom: 1_356_998_400_000_000 + 60 * day,
            testFrom: 1_356_998_400_000_000 + 80 * day,
            embargo: day
        )
        var report = TrainingReport(
            model: "delay" + hostile,
            version: 7,
            task: "binary",
            algorithm: "xgboost",
            service: "delay_model",
            label: "late" + hostile,
            split: .init(split, times: times, embargoUs: 2 * day),
            command: "asof train delay --spine labels.parquet --label-time at" + hostile
        )
        func metrics(_ auc: Double, _ loss: Double) -> [TrainingReport.Metric] {
            [.init("auc", auc, low: auc - 0.01, high: auc + 0.01), .init("log_loss", loss), .init("lift", nil)]
        }
        report.judged = [
            .init("base", metrics: metrics(0.5, 0.538)), .init("logistic" + hostile, metrics: metrics(0.646, 0.511)),
            .init("xgboost", isNew: true, metrics: metrics(0.718, newLoss)),
        ]
        report.decision = "Registered as delay@7 and made champion." + hostile
        report.warnings = ["a warning" + hostile]
        var random = SeededRandom(seed: 3)
        let labels = (0..<900).map { _ in random.oneIn(4) ? 1.0 : 0.0 }
        let scores = labels.map { min(max(($0 * 0.25 + Double(random.int(0...700)) / 1_000), 0), 1) }
        report.curves = .init(scores: scores, labels: labels)
        report.calibration = BinaryMetrics(scores: scores, labels: labels).calibration
        report.histogram = .init(scores: scores, labels: labels)
        report.months = [
            .init("2013-10" + hostile, rows: 24_900, .init("auc", 0.712, low: 0.70, high: 0.724)),
            .init("2013-11", rows: 27_100, .init("auc", 0.704, low: 0.69, high: 0.716)),
            .init("2013-12", rows: 24_204, .init("auc", 0.731, low: 0.72, high: 0.742)),
        ]
        report.importances = [
            .init("request__carrier" + hostile, gain: 0.41, permutation: 0.0312), .init("derive__dep_hour", gain: 0.3),
            .init("weather__temp", gain: 0.29, permutation: -0.0001),
        ]
        report.features = [
            .init("weather__temp" + hostile, type: "float64", trainNulls: 0.0123, testNulls: 0, low: -12.5, high: 38),
            .init("request__carrier", type: "string", trainNulls: 0, testNulls: 0, outside: 0.002),
        ]
        report.leaks.suspects = [.init("arrivals__delay" + hostile, 0.991)]
        report.leaks.adversarialAUC = 0.87
        report.leaks.naive = [
            .init(join: "the newest values" + hostile, promised: .init("auc", 0.969), delivered: .init("auc", 0.589)),
            .init(join: "those of the day", promised: nil, delivered: nil, reason: "a column is null" + hostile),
        ]
        report.calibrationLine = CalibrationLine(scores: scores, labels: labels)
        report.facts = [.init("position", "1042"), .init("seed" + hostile, "1")]
        return report
    }

    /// Names of elements that were opened and not closed in their order, and of those closed that were not open.
    private static func unbalanced(_ html: String) -> [String] {
        var open: [String] = []
        for tag in html.matches(of: /<(\/?)([a-z][a-z0-9]*)((?:[^<>"]|"[^"]*")*)>/) {
            if tag.3.hasSuffix("/") { continue }
            if tag.1.isEmpty {
                open.append(String(tag.2))
            } else if open.popLast() != String(tag.2) {
                return ["</\(tag.2)>"]
            }
        }
        return open
    }

    @Test func `a page has the headline, the splits, the curves, the checks and the command`() {
        let html = Self.sample().html()
        for text in [
            "<title>delay@7: training report</title>", "<b>late</b>", ">0.718<", ">0.4812<", "logistic: 0.646",
            "0.708 to 0.728",
            "xgboost does better than all others here: log loss 0.4812, the next best (logistic) 0.5110.",
            "Registered as delay@7", "2013-01-01 until before 2013-03-02", "left out: 2 d before each cut",
            "rows without a label", "ROC.", "Precision and recall.", "Calibration.", "Scores.", "AUC by month.",
            "41.0 %", "+0.0312", "−0.0001", "1.2 %", "arrivals__delay (AUC 0.991)", "AUC 0.870",
            "it promises AUC 0.969 and delivers 0.589, this model 0.718.",
            "those of the day instead:</b> it could not be: a column is null.", " Slope 1",
            "asof train delay --spine labels.parquet --label-time at", "1042",
        ] {
            #expect(html.contains(text), "\(text)")
        }
        #expect(html.components(separatedBy: "<svg").count - 1 == 5)
    }

    @Test func `a page is one file without network and without script`() {
        let html = Self.sample().html()
        for word in ["http:", "https:", "<script", "<link", "@import", "url(", "src="] {
            #expect(!html.contains(word), "\(word)")
        }
    }

    @Test func `the same report gives the same bytes, also when it was written as JSON and read`() throws {
        let report = Self.sample()
        let read = try JSONDecoder().decode(TrainingReport.self, from: JSONEncoder().encode(report))
        #expect(read == report)
        #expect(read.html() == report.html())
    }

    @Test(arguments: [
        "", "<script>alert(1)</script>", "\" onload=\"x", "{{command}}", "{{{style}}}", "<\u{338}b \"\u{301}",
        "</title></svg>",
        "&amp;\u{0}\u{2028}",
    ])
    func `names break neither the page nor its drawings`(hostile: String) {
        let html = Self.sample(hostile: hostile).html()
        #expect(Self.unbalanced(html).isEmpty)
        #expect(!html.contains("<script"))
        #expect(!html.contains("\" onload=\""))
        // What a name says in braces is shown, not followed.
        if hostile.hasPrefix("{{") { #expect(html.contains("delay\(hostile)@7")) }
        let clean = Self.sample().html()
        #expect(html.matches(of: /<[a-z]/).count == clean.matches(of: /<[a-z]/).count)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0])
    func `numbers that no axis has leave the page whole`(value: Double) {
        var report = Self.sample()
        report.judged[2].metrics = [
            .init("auc", value, low: value, high: value), .init("log_loss", value), .init("lift", value),
        ]
        report.curves?.roc = [.init(0, 0), .init(value, value), .init(1, 1)]
        report.curves?.rate = value
        report.calibration = [.init(rows: 1, meanScore: value, rate: value)]
        report.months = [
            .init("2013-10", rows: 1, .init("auc", value, low: value, high: value)),
            .init("2013-11", rows: 1, .init("auc", 0.5)),
        ]
        report.importances = [.init("a", gain: value, permutation: value)]
        report.features = [.init("a", type: "float64", trainNulls: value, testNulls: value, low: value, high: value)]
        report.leaks.adversarialAUC = value
        let html = report.html()
        #expect(Self.unbalanced(html).isEmpty)
        for drawing in html.matches(of: /<svg.*?<\/svg>/.dotMatchesNewlines()) {
            #expect(!drawing.output.contains("=\"nan\"") && !drawing.output.contains("inf"))
        }
    }

    @Test func `what a task does not have is left out`() {
        let times: [Int64?] = [0, Self.day, 2 * Self.day]
        let split = TimeSplit(
            times: times,
            isLabelled: [true, true, true],
            validFrom: Self.day,
            testFrom: 2 * Self.day,
            embargo: 0
        )
        let report = TrainingReport(
            model: "price",
            version: nil,
            task: "regression",
            algorithm: "ridge",
            service: "houses",
            label: "price",
            split: .init(split, times: times, embargoUs: 0),
            command: "asof train price"
        )
        let html = report.html()
        #expect(Self.unbalanced(html).isEmpty)
        for text in [
            "<svg", "What it goes by", "<h2>Features", "embargo\"", "is in no part", "does better", "Small:",
        ] {
            #expect(!html.contains(text), "\(text)")
        }
        #expect(html.contains("<h1>price</h1>"))
        #expect(html.contains("No feature tells the label alone."))
    }

    @Test func `a simpler model that does as well or better is recommended`() {
        #expect(
            Self.sample(newLoss: 0.52).verdict
                == "logistic does better on the same rows: log loss 0.5110, xgboost 0.5200. Recommended: logistic."
        )
        #expect(Self.sample(newLoss: 0.511).verdict?.hasPrefix("logistic does as well on the same rows") == true)
    }

    @Test func `a split by chance is warned of and has no times`() {
        var report = Self.sample()
        report.split = .init(
            TimeSplit(isLabelled: [Bool](repeating: true, count: 100), shares: (70, 15, 15), seed: 1),
            times: [],
            embargoUs: Self.day
        )
        let html = report.html()
        #expect(html.contains("split by chance, not by time"))
        #expect(html.contains("rows by chance"))
        #expect(!html.contains("left out:"))
    }

    @Test func `the histogram has every score once, the last bin its upper bound`() {
        let histogram = TrainingReport.ScoreHistogram(
            scores: [0, 0.05, 0.049, 0.999, 1, .nan],
            labels: [1, 0, 1, 0, 1, 1]
        )
        #expect(histogram.positives[0] == 2 && histogram.positives[19] == 1)
        #expect(histogram.negatives[1] == 1 && histogram.negatives[19] == 1)
        #expect((histogram.positives + histogram.negatives).reduce(0, +) == 5)
    }

    @Test func `numbers are written as people write them`() {
        #expect(ReportText.fixed(0.71849, 3) == "0.718")
        #expect(ReportText.fixed(-0.00004, 4) == "0.0000")
        #expect(ReportText.fixed(-1.5, 1) == "−1.5")
        #expect(ReportText.fixed(nil, 2) == "–")
        #expect(ReportText.fixed(.nan, 2) == "–")
        #expect(ReportText.short(12_345.6) == "12,346")
        #expect(ReportText.short(-3) == "−3")
        #expect(ReportText.short(0.1234) == "0.123")
        #expect(MarkupText.grouped(-1_234_567) == "−1,234,567")
        #expect(ReportText.percent(0.1234) == "12.3 %")
        #expect(ReportText.duration(90_000_000) == "90 s")
        #expect(ReportText.duration(0) == "none")
        #expect(ReportText.time(1_356_998_400_000_000) == "2013-01-01")
        #expect(ReportText.time(1_356_998_401_000_000) == "2013-01-01T00:00:01Z")
    }

    @Test(arguments: [0.0...1, 0...0.0131, -3...240, 0.65...0.75, 1e-9...2e-9, 0...1e12])
    func `axes have a few round numbers inside of their range`(range: ClosedRange<Double>) {
        let ticks = Chart.ticks(range)
        #expect((2...7).contains(ticks.count), "\(ticks)")
        #expect(ticks.allSatisfy { $0.at >= range.lowerBound - 1e-12 && $0.at <= range.upperBound * (1 + 1e-9) })
        #expect(Set(ticks.map(\.text)).count == ticks.count, "\(ticks)")
    }
}
