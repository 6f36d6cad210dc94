import Features
import Markup

/// Numbers and times as a report writes them.
enum ReportText {
    /// With so many places behind the point, half away from zero; – where there is none.
    static func fixed(_ value: Double?, _ places: Int) -> String {
        guard let value, value.isFinite else { return "–" }
        let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let whole = Int64(scaled)
        let sign = value < 0 && whole != 0 ? "−" : ""
        guard places > 0 else { return sign + MarkupText.grouped(Int(whole)) }
        let digits = String(whole)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    /// About three digits that count.
    static func short(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "–" }
        let size = abs(value)
        if size == value.rounded().magnitude, size < 1e9 { return fixed(value, 0) }
        if size >= 1e9 || size < 0.0005 { return "\(Float(value))" }
        return fixed(value, size >= 1_000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
    }

    static func percent(_ share: Double?) -> String { share.map { fixed($0 * 100, 1) + " %" } ?? "–" }

    /// The day, UTC, and the time of day where it is not midnight.
    static func time(_ us: Int64?) -> String {
        guard let us else { return "–" }
        let text = Timestamp(microseconds: us).text
        let parts = text.split(separator: "T", maxSplits: 1)
        guard parts.count == 2, parts[1].hasPrefix("00:00:00Z") || parts[1].hasPrefix("00:00:00+00") else {
            return text
        }
        return String(parts[0])
    }

    static func duration(_ us: Int64) -> String {
        let units: [(Int64, String)] = [
            (86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"),
        ]
        for (size, name) in units where us >= size && us % size == 0 { return "\(us / size) \(name)" }
        return us == 0 ? "none" : "\(us) µs"
    }

    /// Metrics as people call them; whether less is better; places behind the point.
    static func metric(_ name: String) -> (title: String, isLessBetter: Bool, places: Int) {
        switch name {
        case "auc": ("AUC", false, 3)
        case "average_precision": ("average precision", false, 3)
        case "log_loss": ("log loss", true, 4)
        case "brier": ("Brier score", true, 4)
        case "lift": ("lift of the top tenth", false, 2)
        case "calibration_error": ("calibration error", true, 4)
        case "accuracy": ("accuracy", false, 3)
        case "macro_f1": ("macro F1", false, 3)
        case "top_3": ("top 3", false, 3)
        case "rmse": ("RMSE", true, 4)
        case "mae": ("MAE", true, 4)
        case "r2": ("R²", false, 3)
        default: (name, false, 4)
        }
    }
}
