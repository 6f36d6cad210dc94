import Features
import PointInTime
import Postgres
import Store

/// What a chunk's new rows were found to be like.
struct CheckedStage: Sendable {
    var tally = ExpectationTally()
    /// For each feature with values that are not as expected the first of them, and shares of nulls that are too great but
    /// stored.
    var warnings: [String] = []
}

extension StagedRows {
    /// Rows that are read and checked at a time.
    private static let blockRows = 65_536

    /// Takes away the rows that do not meet the view's expectations, of those that history does not have: what history has
    /// stays as it is.
    ///
    /// The values come out of PostgreSQL by COPY, so that one check speaks for all ways in.
    /// - Throws: ``StoreError/input(_:)`` where nothing of the chunk may be stored, naming the first row.
    func checkExpectations(_ window: Range<Timestamp>) throws(StoreError) -> CheckedStage {
        let check = query.view.expectations
        guard !check.isEmpty else { return CheckedStage() }
        let failures = try failures(check)
        var checked = CheckedStage(tally: failures.tally)
        for (feature, failed) in zip(check.features, failures.features) {
            guard let first = failed else { continue }
            let row = try sample("ctid = '\(first.row)'")
            let text = "\(row): \(first.reason)"
            switch feature.expectations.action {
            case .stop: throw .input("\(text) (action: stop); nothing of its chunk is stored\(at(window))")
            case .reject: checked.warnings.append("\(text); the row is not stored")
            case .warn: checked.warnings.append("\(text); it is stored")
            }
        }
        checked.warnings += try checked.tally.warningsOfNulls(
            in: query.view.name,
            of: "chunk",
            from: "sql",
            at: at(window)
        )
        try remove(failures.refused)
        return checked
    }

    /// What a pass over the stage finds.
    private struct Failures {
        var tally: ExpectationTally
        /// For each feature of the check the first value that fails.
        var features: [(row: RowPlace, reason: String)?]
        /// Rows that are not to be stored.
        var refused: [RowPlace] = []
    }

    /// Where a row lies in the stage: its `ctid`.
    private struct RowPlace: CustomStringConvertible {
        let block: UInt32
        let offset: UInt16

        /// - Parameter bytes: as PostgreSQL sends it: four bytes and two.
        init(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
            guard bytes.count == 6 else {
                throw .conflict("a row's place in the stage has \(bytes.count) bytes, not 6")
            }
            block = bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
            offset = bytes.suffix(2).reduce(0) { $0 << 8 | UInt16($1) }
        }

        /// As PostgreSQL writes it.
        var description: String { "(\(block),\(offset))" }
    }

    private func failures(_ check: ExpectationCheck) throws(StoreError) -> Failures {
        var failures = Failures(tally: ExpectationTally(check), features: check.features.map { _ in nil })
        let features = query.view.definition.features
        let columns = check.features.map { feature in
            let name = SQLText.identifier(feature.name)
            // Of a feature whose values may be anything only the nulls are wanted.
            return feature.expectations.rangeText == nil ? "CASE WHEN \(name) IS NOT NULL THEN true END" : name
        }
        let types: [FeatureType] = check.features.map {
            $0.expectations.rangeText == nil ? .bool : features[$0.place].type
        }
        let copy = try CopyOut(
            session,
            query: "SELECT ctid, \(columns.joined(separator: ", ")) FROM \(query.stage)",
            types: [.bytes] + types
        )
        while let block = try copy.next(rowsMax: Self.blockRows, bytesMax: Limits.batchBytesMax) {
            guard case .text(let places) = block[0].values else { continue }
            try add(Array(block[1...]), places, check, to: &failures)
        }
        return failures
    }

    /// - Parameter places: the bytes of each row's ``RowPlace``.
    private func add(
        _ columns: [Column],
        _ places: TextValues,
        _ check: ExpectationCheck,
        to failures: inout Failures
    ) throws(StoreError) {
        let outcome = check.run(columns, isDeleted: nil, rowCount: places.count)
        func reason(_ index: Int, _ row: Int) -> String {
            let feature = check.features[index]
            return feature.expectations.refusal(
                of: columns[index].value(row),
                feature: feature.name,
                isPII: feature.isPII
            )
        }
        let actions = check.features.map(\.expectations.action)
        var refused: [Int32: RowFault] = [:]
        for (index, found) in outcome.features.enumerated() where actions[index] == .reject {
            for row in found.failed where refused[row] == nil {
                refused[row] = RowFault(row: Int(row), reason: "", kind: .value, feature: check.features[index].name)
            }
        }
        for (index, found) in outcome.features.enumerated() where failures.features[index] == nil {
            // A row that is refused for another feature is not one that is stored with a warning.
            let first = found.failed.first { actions[index] != .warn || refused[$0] == nil }
            guard let row = first.map(Int.init) else { continue }
            failures.features[index] = (try RowPlace(places[row]), reason(index, row))
        }
        failures.tally.addRefused(refused.values)
        guard !refused.isEmpty else { return failures.tally.add(outcome, warning: reason) }
        for row in refused.keys { failures.refused.append(try RowPlace(places[Int(row)])) }
        let stored = (0..<places.count).map { Int32($0) }.filter { refused[$0] == nil }
        let rest = check.run(columns.map { $0.gather(stored) }, isDeleted: nil, rowCount: stored.count)
        failures.tally.add(rest) { reason($0, Int(stored[$1])) }
    }

    private func remove(_ rows: [RowPlace]) throws(StoreError) {
        guard !rows.isEmpty else { return }
        let removed = try session.query(
            "DELETE FROM \(query.stage) WHERE ctid = ANY ($1::tid[])",
            [.textArray(rows.map(\.description))]
        )
        guard removed.affectedCount == rows.count else {
            throw .conflict("the stage gave up \(removed.affectedCount) rows of \(rows.count)")
        }
    }
}
