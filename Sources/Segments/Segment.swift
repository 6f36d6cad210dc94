package import Features
package import PointInTime
package import Store

/// A file of sorted history, as the store lists it: the rows of one partition up to a position.
package struct Segment: Sendable, Hashable {
    /// Below the directory.
    package var file: String
    /// ``StoredView/id``.
    package var view: Int32
    /// The number of the history partition, which is never used again.
    package var partition: Int32
    package var range: PartitionRange
    /// The state that the file has of the partition.
    package var state: LedgerState
    /// The same as a bound on batches, as known at the build; ``Ledger/pin(_:)`` also knows what committed since.
    package var batchMax: Int64
    package var openBatches: [Int64]
    package var rows: Int64
    /// The keys of the first and last row, as text.
    package var firstKeys: [String]
    package var lastKeys: [String]
    package var eventTimes: ClosedRange<Timestamp>
    package var features: [Feature]
    /// Features with a greater id came after the file: they are null in it.
    package var featureMax: Int32
    package var written: SegmentFacts
    /// Of the whole file.
    package var sha256: [UInt8]
    package var createdAt: Timestamp
    /// Rows of the file that were forgotten since it was written; ascending, apart from one another.
    package var removed: [Range<Int>] = []
    /// Batches of the forgets whose rows are among ``removed``.
    package var forgotten: [Int64] = []

    /// Rows that are there for a reader.
    package var remainingRows: Int64 { rows - Int64(removed.reduce(0) { $0 + $1.count }) }

    /// A feature and what names it for good: one that is pruned and made again has another id.
    package struct Feature: Sendable, Hashable {
        package var id: Int32
        package var name: String

        package init(id: Int32, name: String) {
            self.id = id
            self.name = name
        }
    }

    /// Each feature's column in the file; `nil` = the feature is younger than the file, every row is null.
    ///
    /// A feature that was renamed since has its old name there, and one that was widened its old type.
    /// - Throws: ``StoreError/file(_:)`` where the file was written while a feature was hidden.
    package func columns(of wanted: [Feature]) throws(StoreError) -> [String?] {
        var columns: [String?] = []
        for feature in wanted {
            if let known = features.first(where: { $0.id == feature.id }) {
                columns.append(known.name)
            } else if feature.id > featureMax {
                columns.append(nil)
            } else {
                throw .file("it was written while feature '\(feature.name)' was retired")
            }
        }
        return columns
    }
}
