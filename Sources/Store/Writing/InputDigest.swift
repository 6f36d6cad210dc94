import Crypto
import Features
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
            self = .values(ValueDigest(features: features, decoded: decoded))
        case .points: self = .texts(TextDigest())
        }
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
        case .texts(let digest): Array(digest.sha.finalize())
        }
    }
}

extension InputDigest {
    /// Decodable rows count by their values, whether they were stored or not; the others by their number and text. Without
    /// any of these the digest is ``ContentDigest`` of the rows, so that an input which was read to its first bad row and no
    /// further is known again when bad rows are skipped.
    struct ValueDigest {
        /// The features that the source has. Those it lacks are not compared, so that the view may get more of them.
        let features: [Int]
        var decoded: ContentDigest
        private var undecodable = SHA256()
        private var undecodableCount = 0

        init(features: [Int], decoded: ContentDigest) {
            self.features = features
            self.decoded = decoded
        }

        var rowCount: Int { decoded.rowCount + undecodableCount }

        mutating func update(_ input: InputRows, _ rows: Range<Int>) {
            let first = rowCount - rows.lowerBound
            for part in input.parts {
                let own = part.rows(in: rows)
                let times = [own.eventTimes] + [own.knownAt, own.isDeleted].compactMap(\.self)
                decoded.update(own.keys + times + features.map { own.features[$0] }, rowCount: own.rowCount)
            }
            for other in input.undecodable where rows.contains(other.offset) {
                undecodableCount += 1
                for number in [first + other.offset, other.text.count] {
                    withUnsafeBytes(of: UInt64(number).littleEndian) { undecodable.update(bufferPointer: $0) }
                }
                undecodable.update(data: other.text)
            }
        }

        func value() -> [UInt8] {
            guard undecodableCount > 0 else { return decoded.value() }
            var both = SHA256()
            both.update(data: decoded.value())
            both.update(data: Array(undecodable.finalize()))
            return Array(both.finalize())
        }
    }

    /// Each row by its length and text.
    struct TextDigest {
        var sha = SHA256()
        private(set) var rowCount = 0

        mutating func update(_ texts: TextValues, _ rows: Range<Int>) {
            for row in rows {
                withUnsafeBytes(of: UInt64(texts[row].count).littleEndian) { sha.update(bufferPointer: $0) }
                texts[row].withUnsafeBytes { sha.update(bufferPointer: $0) }
            }
            rowCount += rows.count
        }
    }
}
