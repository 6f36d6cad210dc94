import Learning
import PointInTime

/// How many values of a hash's columns share a bucket with another.
package struct Collisions: Hashable, Sendable, Codable {
    /// The input's name.
    package var feature: String
    package var buckets: Int
    /// Different values of the rows that were counted.
    package var keys = 0
    /// Of them, those that share their bucket.
    package var sharingKeys = 0
    /// Values that are not null.
    package var rows = 0
    package var sharingRows = 0
    /// The two values of one bucket of which the rarer has the most rows, and these; empty where none share.
    package var worst: [String] = []
    package var worstRows = 0
    /// Values that were first seen in the newest week; `nil` where there are no times.
    package var newAWeek: Int?

    /// Of the keys, the share that shares a bucket.
    package var share: Double { keys > 0 ? Double(sharingKeys) / Double(keys) : 0 }
    package var rowShare: Double { rows > 0 ? Double(sharingRows) / Double(rows) : 0 }

    /// What ``share`` is on average: 1 − (1 − 1/m)^(n − 1).
    package var expected: Double {
        keys > 0 ? 1 - PortableMath.exp(Double(keys - 1) * PortableMath.log1p(-1 / Double(buckets))) : 0
    }

    /// How many keys these buckets hold until ``expected`` is 10 %.
    package var keysAtTenPercent: Int {
        1 + Int(PortableMath.log(0.9) / PortableMath.log1p(-1 / Double(buckets)))
    }

    /// The least power of two of buckets that leaves about 6 % sharing.
    package var suggestedBuckets: Int {
        var buckets = 2
        while buckets < 16 * keys { buckets *= 2 }
        return buckets
    }

    private struct Key {
        var rows = 0
        var first: Int64?
        var bucket = 0
    }

    /// - Parameters:
    ///   - texts: for each row and column of the hash that is not null, the text that is hashed.
    ///   - times: one a row, µs; `nil` = none.
    /// - Complexity: O(rows + keys log keys).
    init(
        feature: String,
        _ hash: FeatureHash,
        times: [Int64?]?,
        _ texts: (_ body: (_ row: Int, _ text: [UInt8]) -> Void) -> Void
    ) {
        self.feature = feature
        buckets = hash.buckets
        var found: [[UInt8]: Key] = [:]
        texts { row, text in
            var key = found[text] ?? Key(bucket: hash.bucket(text[...]).bucket)
            key.rows += 1
            if let time = times?[row] { key.first = key.first.map { min($0, time) } ?? time }
            found[text] = key
        }
        keys = found.count
        rows = found.values.reduce(0) { $0 + $1.rows }
        var byBucket: [Int: [(text: [UInt8], rows: Int)]] = [:]
        for (text, key) in found { byBucket[key.bucket, default: []].append((text, key.rows)) }
        for shared in byBucket.values where shared.count > 1 {
            sharingKeys += shared.count
            sharingRows += shared.reduce(0) { $0 + $1.rows }
            let largest = shared.sorted {
                $0.rows != $1.rows ? $0.rows > $1.rows : $0.text.lexicographicallyPrecedes($1.text)
            }
            let pair = largest.prefix(2).map { String(decoding: $0.text, as: UTF8.self) }
            let isWorse =
                largest[1].rows != worstRows
                ? largest[1].rows > worstRows : worst.isEmpty || pair.lexicographicallyPrecedes(worst)
            if isWorse { (worst, worstRows) = (pair, largest[1].rows) }
        }
        if let newest = times?.compactMap(\.self).max() {
            let weekUs: Int64 = 7 * 86_400_000_000
            newAWeek = found.values.count { $0.first.map { $0 > newest - weekUs } ?? false }
        }
    }
}
