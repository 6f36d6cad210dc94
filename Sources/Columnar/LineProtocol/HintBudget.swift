import Features

/// How many more names are compared for a "did you mean": an unknown name is compared with all that there are, which a
/// million bad points must not do a million times, nor a hundred of them with thousands of views.
struct HintBudget {
    private var left = 2_000
    /// What a hint takes at least, so that there are a hundred at most.
    private static let costMin = 20

    /// - Parameter count: how many names `known` gives; it is called only where they may be compared.
    mutating func hint(for name: String, count: Int, among known: () -> [String]) -> String {
        let cost = max(count, Self.costMin)
        guard cost <= left else { return "" }
        left -= cost
        return Name.hint(for: name, among: known())
    }
}
