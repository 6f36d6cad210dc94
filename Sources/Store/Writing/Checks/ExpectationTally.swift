import Features
package import PointInTime

/// How the values of a batch's rows met their expectations, counted by feature: what goes beside the batch's ledger row.
package struct ExpectationTally: Sendable {
    package struct Feature: Sendable {
        package let name: String
        /// Rows that were looked at, those that are refused included; no tombstones.
        package var rows = 0
        /// Of ``rows``, those stored with a null.
        package var nulls = 0
        /// Of ``rows``, those stored although their value is not as expected.
        package var warned = 0
        /// Of ``rows``, those not stored for that.
        package var refused = 0
        /// The first value of ``warned``, as a message tells of it, and its row: among those that were looked at, or where
        /// ``locateWarnings(_:)`` has put it.
        package var firstWarning: (row: Int, text: String)?
        let expectations: Expectations

        /// Whether the store keeps the numbers: where there is nothing to tell, nothing is written.
        var isKept: Bool { warned > 0 || refused > 0 || (expectations.countsNulls && rows > 0) }
    }

    /// In the order of the view's features; empty where the view expects nothing.
    package private(set) var features: [Feature] = []

    package init() {}

    package init(_ check: ExpectationCheck) {
        features = check.features.map { Feature(name: $0.name, expectations: $0.expectations) }
    }

    /// Counts rows that are stored.
    ///
    /// - Parameter warning: tells of a value of a feature of the check; called for the first one that is warned of.
    package mutating func add(
        _ outcome: ExpectationCheck.Outcome,
        warning: (_ feature: Int, _ row: Int) -> String
    ) {
        for (index, found) in outcome.features.enumerated() {
            features[index].rows += outcome.rows
            features[index].nulls += found.nulls
            guard features[index].expectations.action == .warn, let first = found.failed.first else { continue }
            features[index].warned += found.failed.count
            if features[index].firstWarning == nil {
                features[index].firstWarning = (Int(first), warning(index, Int(first)))
            }
        }
    }

    /// Turns rows that were looked at into rows of the input.
    mutating func locateWarnings(_ row: (Int) -> Int) {
        for index in features.indices {
            features[index].firstWarning = features[index].firstWarning.map { (row($0.row), $0.text) }
        }
    }

    /// Counts rows that are not stored, by the expectation that each of them failed first.
    package mutating func addRefused(_ faults: some Sequence<RowFault>) {
        for fault in faults {
            guard let name = fault.feature, let index = features.firstIndex(where: { $0.name == name }) else {
                continue
            }
            features[index].rows += 1
            features[index].refused += 1
        }
    }

    package mutating func add(_ other: ExpectationTally) {
        guard !features.isEmpty else {
            features = other.features
            return
        }
        for feature in other.features {
            guard let index = features.firstIndex(where: { $0.name == feature.name }) else { continue }
            features[index].rows += feature.rows
            features[index].nulls += feature.nulls
            features[index].warned += feature.warned
            features[index].refused += feature.refused
            if features[index].firstWarning == nil { features[index].firstWarning = feature.firstWarning }
        }
    }

    /// Rows that are not stored.
    package var refused: Int { features.reduce(0) { $0 + $1.refused } }
    /// Values that are stored although they are not as expected.
    package var warned: Int { features.reduce(0) { $0 + $1.warned } }

    /// Features of which the rows to be stored have more nulls than they may, in words.
    package func tooManyNulls(in view: String) -> [(text: String, isRefused: Bool)] {
        features.compactMap { feature in
            let expectations = feature.expectations
            let stored = feature.rows - feature.refused
            guard let most = expectations.nullsMax, expectations.areTooMany(nulls: feature.nulls, of: stored) else {
                return nil
            }
            let text = """
                feature '\(feature.name)' of view '\(view)' is null in \(feature.nulls) of the batch's \(stored) rows \
                (\(Self.percent(feature.nulls, of: stored))); its max_null is \(most.text)
                """
            return (text, expectations.action != .warn)
        }
    }

    /// Why rows are refused of which more are null than may be; `nil` = they are not.
    package func refusalOfNulls(in view: String) -> String? {
        tooManyNulls(in: view).first(where: \.isRefused)?.text
    }

    /// Refuses rows of which more are null than may be.
    ///
    /// - Parameters:
    ///   - part: what is stored as a whole or not at all: `batch`, `chunk`.
    ///   - origin: what is to be mended.
    ///   - place: where that is, behind what to do.
    /// - Returns: what is to be said of the rows where they are stored all the same.
    /// - Throws: ``StoreError/input(_:)``.
    package func warningsOfNulls(
        in view: String,
        of part: String,
        from origin: String,
        at place: String = ""
    ) throws(StoreError) -> [String] {
        if let refused = refusalOfNulls(in: view) {
            throw .input(
                "\(refused). Nothing of the \(part) is stored. Mend the \(origin), or apply action: warn for the feature "
                    + "to store it as it is\(place)"
            )
        }
        return tooManyNulls(in: view).map(\.text)
    }

    /// Two decimal places, rounded up, so that what is too much never looks like the limit.
    package static func percent(_ part: some BinaryInteger, of whole: some BinaryInteger) -> String {
        let hundredths = (Double(part) * 10_000 / Swift.max(Double(whole), 1)).rounded(.up)
        let number = Int(hundredths)
        return "\(number / 100).\(number % 100 < 10 ? "0" : "")\(number % 100)%"
    }
}
