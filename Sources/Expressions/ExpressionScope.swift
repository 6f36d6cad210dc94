package import Features

/// What the names of an expression mean.
package struct ExpressionScope: Sendable {
    package struct Entry: Hashable, Sendable {
        /// As it is written in expressions: `weather.temp`, `carrier`, `label_time`, `weather._event_time`.
        package var name: String
        package var type: FeatureType

        package init(name: String, type: FeatureType) {
            self.name = name
            self.type = type
        }
    }

    package let entries: [Entry]
    package let timeZones: TimeZones
    /// Of entries with one name the first counts.
    private let places: [String: Int]

    /// - Parameters:
    ///   - entries: an expression's `inputs` are their places.
    ///   - timeZones: what `at time zone` may name.
    package init(_ entries: [Entry], timeZones: TimeZones = .platform) {
        self.entries = entries
        self.timeZones = timeZones
        places = Dictionary(entries.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
    }

    func place(of name: String) -> Int? { places[name] }
}
