import Foundation

/// When a column counts as drifted: an effect that matters, and one that is no chance.
///
/// The one place of these rules, for servers, `asof monitor` and whatever else compares two sets of rows.
package struct DriftRules: Sendable {
    /// Population stability index, above its sampling noise, from which on a shift matters.
    package var psi = 0.2
    /// Rows, of the window and of the reference, below which nothing is said.
    package var rowsMin = 500
    /// How many times the largest of a column's own last windows a shift has to be.
    package var pastFactor = 2.0
    /// How many windows before count.
    package static let pastWindows = 8
    /// Nulls matter where their share grew by so much, and so many times.
    package var nullGrowth = 0.05
    package var nullFactor = 3.0
    /// Shares of texts that training had not seen: from the first on a warning, from the second on an alarm.
    package var unseenWarning = 0.05
    package var unseenAlarm = 0.2
    /// The share of values beyond what training had.
    package var outside = 0.01
    /// Standard errors by which a share has to lie above the other one.
    package var deviations = 3.0

    package init() {}

    /// What a column of some rows is like, compared with a reference.
    package struct Finding: Hashable, Sendable {
        package enum Severity: String, Sendable {
            case warning, alarm
        }

        package enum Kind: String, Sendable {
            case distribution, nulls, unseen, outside
        }

        package struct Sign: Hashable, Sendable {
            package var kind: Kind
            package var severity: Severity
            /// As a sentence without its subject.
            package var text: String
        }

        package var name: String
        package var rows: Int
        /// With its sampling noise subtracted, at least 0; `nil` where there are too few rows.
        package var psi: Double?
        /// From which on it is an alarm.
        package var threshold: Double
        package var nullShare: Double
        package var referenceNullShare: Double
        package var unseenShare: Double
        package var outsideShare: Double
        package var signs: [Sign]

        package var isAlarm: Bool { signs.contains { $0.severity == .alarm } }
    }

    /// - Parameters:
    ///   - counts: of the window.
    ///   - past: of the column's windows before, of the same length; those of too few rows do not count.
    package func judge(_ column: BinnedColumn, _ counts: ColumnCounts, past: [ColumnCounts]) -> Finding {
        let reference = ColumnCounts(column.reference[...])
        let (rows, known) = (counts.rows, reference.rows)
        func share(_ count: Int, _ total: Int) -> Double { total > 0 ? Double(count) / Double(total) : 0 }
        var finding = Finding(
            name: column.name,
            rows: rows,
            psi: psi(counts, reference),
            threshold: psi,
            nullShare: share(counts.nulls, rows),
            referenceNullShare: share(reference.nulls, known),
            unseenShare: share(counts.unseen, rows),
            outsideShare: share(counts.outside, rows),
            signs: []
        )
        guard let shift = finding.psi else { return finding }
        let largest = past.suffix(Self.pastWindows).compactMap { psi($0, reference) }.max() ?? 0
        finding.threshold = max(psi, pastFactor * largest)
        if shift > finding.threshold {
            finding.signs.append(
                .init(
                    kind: .distribution,
                    severity: .alarm,
                    text: "its distribution has shifted (PSI \(Self.text(shift)))"
                )
            )
        }
        let nulls = (finding.nullShare, finding.referenceNullShare)
        if nulls.0 > nulls.1 + nullGrowth, nulls.0 > nullFactor * nulls.1,
            isAbove(counts.nulls, rows, reference.nulls, known)
        {
            finding.signs.append(
                .init(
                    kind: .nulls,
                    severity: .alarm,
                    text: "\(Self.percent(nulls.0)) are null, of the training rows \(Self.percent(nulls.1))"
                )
            )
        }
        if finding.unseenShare > unseenWarning, isAbove(counts.unseen, rows, reference.unseen, known) {
            finding.signs.append(
                .init(
                    kind: .unseen,
                    severity: finding.unseenShare > unseenAlarm ? .alarm : .warning,
                    text: "\(Self.percent(finding.unseenShare)) are texts that training had not seen"
                )
            )
        }
        if finding.outsideShare > outside, isAbove(counts.outside, rows, 0, known) {
            let range = "\(Self.number(column.least)) to \(Self.number(column.greatest))"
            finding.signs.append(
                .init(
                    kind: .outside,
                    severity: .alarm,
                    text: "\(Self.percent(finding.outsideShare)) lie beyond what training had (\(range))"
                )
            )
        }
        return finding
    }

    /// The population stability index of two sets of rows over bins, nulls and unseen texts, less what chance alone gives:
    /// (cells − 1) × (1/n + 1/m). Half a row is added to each cell, so that an empty one has no infinite weight.
    /// - Returns: `nil` where either has fewer than ``rowsMin`` rows.
    func psi(_ counts: ColumnCounts, _ reference: ColumnCounts) -> Double? {
        let (n, m) = (counts.rows, reference.rows)
        guard n >= rowsMin, m >= rowsMin, counts.bins.count == reference.bins.count else { return nil }
        let cells = zip(counts.cells, reference.cells).filter { $0 + $1 > 0 }
        let (all, other) = (Double(n) + 0.5 * Double(cells.count), Double(m) + 0.5 * Double(cells.count))
        var sum = 0.0
        for (count, known) in cells {
            let (share, expected) = ((Double(count) + 0.5) / all, (Double(known) + 0.5) / other)
            sum += (share - expected) * log(share / expected)
        }
        let noise = Double(cells.count - 1) * (1 / Double(n) + 1 / Double(m))
        return max(sum - noise, 0)
    }

    /// Whether one share lies above another by more than chance explains.
    private func isAbove(_ count: Int, _ rows: Int, _ other: Int, _ otherRows: Int) -> Bool {
        guard rows > 0, otherRows > 0 else { return false }
        let (share, base) = (Double(count) / Double(rows), Double(other) / Double(otherRows))
        let pooled = Double(count + other) / Double(rows + otherRows)
        let error = (pooled * (1 - pooled) * (1 / Double(rows) + 1 / Double(otherRows))).squareRoot()
        return share - base > deviations * error
    }

    private static func text(_ value: Double) -> String { String(format: "%.3f", value) }

    private static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

    private static func number(_ value: Float?) -> String {
        value.map { String(format: "%.6g", Double($0)) } ?? "nothing"
    }
}
