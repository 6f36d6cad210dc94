package import Features
package import PointInTime

/// What the rows of an input are, and so by what its checkpoint knows them again.
package enum InputForm: Sendable {
    /// Rows of one view, known by their values.
    ///
    /// `columns` are names and types of the columns that the source has, in ``ViewRows`` order; the rows have nulls for
    /// features that are not among them.
    case rows(of: StoredView, columns: [(name: String, type: FeatureType)])
    /// Points of which each names its view, known by their texts, since rows of several views have no columns in common.
    case points

    /// The view whose source this is; `nil` = each row names its own.
    package var view: StoredView? {
        switch self {
        case .rows(let view, _): view
        case .points: nil
        }
    }
}

/// The next rows of an input, by view.
package struct InputRows: Sendable {
    package struct Part: Sendable {
        package var view: StoredView
        package var rows: ViewRows
        /// Each row's place among the rows that came together, ascending.
        package var offsets: [Int]

        package init(view: StoredView, rows: ViewRows, offsets: [Int]) {
            self.view = view
            self.rows = rows
            self.offsets = offsets
        }
    }

    /// One for each view that has rows here.
    package var parts: [Part]
    /// Rows that are in no part, since they could not be decoded and are set aside; ascending.
    package var undecodable: [UndecodableRow]
    /// Of ``InputForm/points`` all rows as they stand in the input, good or not.
    package var texts: TextValues

    package init(parts: [Part], undecodable: [UndecodableRow] = [], texts: TextValues = TextValues()) {
        self.parts = parts
        self.undecodable = undecodable
        self.texts = texts
    }

    /// Rows of one view, those between them left out that could not be decoded.
    package init(_ rows: ViewRows, of view: StoredView, undecodable: [UndecodableRow] = []) {
        var offsets = Array(0..<rows.rowCount + undecodable.count)
        if !undecodable.isEmpty {
            let others = Set(undecodable.map(\.offset))
            offsets.removeAll { others.contains($0) }
        }
        self.init(parts: [Part(view: view, rows: rows, offsets: offsets)], undecodable: undecodable)
    }

    var count: Int { parts.reduce(undecodable.count) { $0 + $1.offsets.count } }
}

extension InputRows.Part {
    /// Those that stand in a range of the rows that came together.
    func rows(in range: Range<Int>) -> ViewRows {
        let own = index(of: range.lowerBound)..<index(of: range.upperBound)
        return own == offsets.indices ? rows : rows.slice(own)
    }

    /// The first row that stands there or behind.
    private func index(of offset: Int) -> Int {
        guard let last = offsets.last, last >= offset else { return offsets.count }
        return offsets.firstIndex { $0 >= offset } ?? offsets.count
    }
}

/// A row of an input that could not be decoded and was set aside.
package struct UndecodableRow: Sendable {
    /// Its place among the rows that came together, from 0, the decodable ones counted, too.
    package var offset: Int
    /// As it stands in the input.
    package var text: [UInt8]

    package init(offset: Int, text: [UInt8]) {
        self.offset = offset
        self.text = text
    }
}
