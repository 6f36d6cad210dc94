import Features
import Hashing
import PointInTime

/// What a checkpoint knows of an input: how many rows came, and a digest over all of them.
enum InputDigest {
    case values(ValueDigest)
    case texts(TextDigest)

    init(_ form: InputForm) {
        switch form {
        case .rows(let view, let columns):
            let features = view.definition.features.indices.filter { index in
                columns.contains { $0.name == view.definition.features[index].name }
            }
            let decoded = ContentDigest(names: columns.map(\.name), types: columns.map(\.type))
            self = .values(ValueDigest(features: features.map { ($0, nil) }, decoded: decoded))
        case .points: self = .texts(TextDigest())
        }
    }

    /// As it was taken at a time, µs, when features had other names or types.
    ///
    /// - Returns: `nil` where they had not.
    init?(_ form: InputForm, asOf time: Int64) {
        guard case .rows(let view, var columns) = form, !view.former.isEmpty else { return nil }
        var features: [(place: Int, type: FeatureType?)] = []
        var isOther = false
        for (place, feature) in view.definition.features.enumerated() {
            guard let column = columns.firstIndex(where: { $0.name == feature.name }) else { continue }
            let state = view.former.state(of: feature.name, at: time)
            if let state { columns[column] = (state.name, state.type) }
            isOther = isOther || state != nil
            features.append((place, state?.type))
        }
        guard isOther else { return nil }
        let decoded = ContentDigest(names: columns.map(\.name), types: columns.map(\.type))
        self = .values(ValueDigest(features: features, decoded: decoded))
    }

    var rowCount: Int {
        switch self {
        case .values(let digest): digest.rowCount
        case .texts(let digest): digest.rowCount
        }
    }

    /// Takes a range of rows that came together.
    mutating func update(_ input: InputRows, _ rows: Range<Int>) {
        switch self {
        case .values(var digest):
            digest.update(input, rows)
            self = .values(digest)
        case .texts(var digest):
            digest.update(input.texts, rows)
            self = .texts(digest)
        }
    }

    func value() -> [UInt8] {
        switch self {
        case .values(let digest): digest.value()
        case .texts(let digest): digest.sha.value()
        }
    }
}

extension InputDigest {
    /// Decodable rows count by their values, whether they were stored or not; the others by their number and text. Without
    /// any of these the digest is ``ContentDigest`` of the rows, so that an input which was read to its first bad row and no
    /// further is known again when bad rows are skipped.
    struct ValueDigest {
        /// The features that the source has. Those it lacks are not compared, so that the view may get more of them. With a
        /// type: it was narrower when the digest was taken.
        let features: [(place: Int, type: FeatureType?)]
        var decoded: ContentDigest
        /// Whether a value is none of such a type, so that these are not the rows that were there then.
        private var isOther = false
        private var undecodable = SHA256()
        private var undecodableCount = 0

        init(features: [(place: Int, type: FeatureType?)], decoded: ContentDigest) {
            self.features = features
            self.decoded = decoded
        }

        var rowCount: Int { decoded.rowCount + undecodableCount }

        mutating func update(_ input: InputRows, _ rows: Range<Int>) {
            let first = rowCount - rows.lowerBound
            for part in input.parts {
                let own = part.rows(in: rows)
                let times = [own.eventTimes] + [own.knownAt, own.isDeleted].compactMap(\.self)
                var values: [Column] = []
                for (place, type) in features { values.append(column(own.features[place], type)) }
                decoded.update(own.keys + times + values, rowCount: own.rowCount)
            }
            for other in input.undecodable where rows.contains(other.offset) {
                undecodableCount += 1
                for number in [first + other.offset, other.text.count] {
                    withUnsafeBytes(of: UInt64(number).littleEndian) { undecodable.update($0) }
                }
                undecodable.update(other.text)
            }
        }

        private mutating func column(_ column: Column, _ type: FeatureType?) -> Column {
            guard let type else { return column }
            do throws(TooNarrow) { return try column.narrowed(to: type) } catch {
                isOther = true
                return Column(nullsOf: type, rowCount: column.rowCount)
            }
        }

        func value() -> [UInt8] {
            if isOther { return [] }
            guard undecodableCount > 0 else { return decoded.value() }
            var both = SHA256()
            both.update(decoded.value())
            both.update(undecodable.value())
            return both.value()
        }
    }

    /// Each row by its length and text.
    struct TextDigest {
        var sha = SHA256()
        private(set) var rowCount = 0

        mutating func update(_ texts: TextValues, _ rows: Range<Int>) {
            for row in rows {
                withUnsafeBytes(of: UInt64(texts[row].count).littleEndian) { sha.update($0) }
                texts[row].withUnsafeBytes { sha.update($0) }
            }
            rowCount += rows.count
        }
    }
}
