/// What of a training set looks wrong.
package enum QualityWarning: Sendable, Hashable {
    case noRows
    /// No row found a value in a view.
    case nothingMatched(view: String)
    /// More than a tenth of a view's look-ups found a value that had expired.
    case expired(view: String, percent: Int, ttl: String?)
    case allNull(feature: String)
    /// All rows that have a value have the same.
    case constant(feature: String, hasNulls: Bool)
    /// More than half of the rows, not all, are null.
    case mostlyNull(feature: String, percent: Int)
    /// Rows with NaN or an infinity.
    case notFinite(feature: String, nans: Int, infinities: Int)
}

extension TrainingSetManifest {
    /// What looks wrong: of views in the order of the roles, then of features in theirs.
    package var qualityWarnings: [QualityWarning] {
        guard rows > 0 else { return [.noRows] }
        var warnings: [QualityWarning] = []
        for role in roles {
            if role.matched == 0 {
                warnings.append(.nothingMatched(view: role.prefix))
            } else if role.expired * 10 > rows {
                warnings.append(.expired(view: role.prefix, percent: role.expired * 100 / rows, ttl: role.ttl))
            }
        }
        for feature in quality?.features ?? [] {
            let name = feature.name
            if feature.nulls == rows { warnings.append(.allNull(feature: name)) }
            if feature.constant { warnings.append(.constant(feature: name, hasNulls: feature.nulls > 0)) }
            if feature.nulls * 2 > rows && feature.nulls < rows {
                warnings.append(.mostlyNull(feature: name, percent: feature.nulls * 100 / rows))
            }
            if feature.nans > 0 || feature.infinities > 0 {
                warnings.append(.notFinite(feature: name, nans: feature.nans, infinities: feature.infinities))
            }
        }
        return warnings
    }
}
