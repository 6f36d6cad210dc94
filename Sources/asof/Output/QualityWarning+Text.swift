import TrainingSets
import Workflows

extension QualityWarning {
    var text: String {
        switch self {
        case .noRows: return "the training set has no rows"
        case .nothingMatched(let view):
            return "no row found a value in view '\(view)': are keys and label times those of its history?"
        case .expired(let view, let percent, let ttl):
            return "\(percent) % of view '\(view)' had expired (ttl \(ttl ?? "none")): is it updated often enough?"
        case .allNull(let feature): return "\(feature) is null in every row"
        case .constant(let feature, let hasNulls):
            return "\(feature) has the same value in every row\(hasNulls ? " that has one" : "")"
        case .mostlyNull(let feature, let percent): return "\(feature) is null in \(percent) % of the rows"
        case .notFinite(let feature, let nans, let infinities):
            let counts = [(nans, "NaN"), (infinities, "infinity")].filter { $0.0 > 0 }
            return "\(feature) has "
                + counts.map { "\($0.1) in \(CountText.count($0.0, "row"))" }.joined(separator: ", ")
        }
    }
}
