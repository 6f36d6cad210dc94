/// What a store has of a view's features beside those in force, and what a file says that they were called.
struct FeatureHistory {
    private let view: String
    private let retired: RetiredDefinitions
    /// By the new name.
    private let was: [String: String]
    private let versions: ServiceVersions

    init(
        _ view: ViewDefinition,
        _ retired: RetiredDefinitions,
        _ renames: [FeatureRename],
        _ versions: ServiceVersions
    ) {
        self.view = view.name
        self.retired = retired
        self.versions = versions
        was = Dictionary(renames.filter { $0.view == view.name }.map { ($0.name, $0.was) }) { first, _ in first }
    }

    /// What the file says that a feature was called.
    func was(_ feature: String) -> String? { was[feature] }

    /// The type of the column of a feature that is hidden, by itself or with its view.
    func retiredType(_ feature: String) -> FeatureType? { retired.type(ofFeature: feature, view: view) }

    /// The name that a feature has now which was called so.
    func current(_ former: String) -> String? { retired.names.first { $0.view == view && $0.was == former }?.name }

    /// What identifies events, under the name that the file gives it.
    func renamed(_ events: EventIdentity?) -> EventIdentity? {
        events.map { events in EventIdentity(id: was.first { $0.value == events.id }?.key ?? events.id) }
    }

    /// Why a feature cannot get a wider type, where a version of a service has a window that would then be another; else `nil`.
    ///
    /// What a window gives is shown in the type that it had. What it counts by is not: a condition may divide integers, and
    /// the most frequent values of floats are none.
    func windowInTheWay(of feature: String, _ type: FeatureType, _ wider: FeatureType) -> String? {
        if (type, wider) == (.int32, .int64) { return nil }
        let names = Set([feature] + retired.names.filter { $0.view == view && $0.name == feature }.map(\.was))
        for version in versions.all {
            for column in version.definition.lookups {
                guard let window = column.window, window.of == view else { continue }
                let reason: String
                if !WindowColumn.words(of: window.condition).isDisjoint(with: names) {
                    reason = "the condition"
                } else if wider == .float64, column.type == .listInt64 || column.type == .listString,
                    !window.words.isDisjoint(with: names)
                {
                    reason = "the values"
                } else {
                    continue
                }
                let service = "\(version.definition.name)@\(version.number)"
                return "\(reason) of '\(column.outputName)', \(window.text), of service \(service) would be other ones"
            }
        }
        return nil
    }
}

extension WindowColumn {
    /// What stands behind `where`; empty where nothing does.
    fileprivate var condition: String {
        text.firstRange(of: " where ").map { String(text[$0.upperBound...]) } ?? ""
    }
}
