import Postgres

/// The position and commit time of each batch of a view, for looking up row by row.
package struct BatchPositions {
    /// Ascending.
    private var batches: [Int64] = []
    private var positions: [Int64] = []
    /// µs.
    private var committedAt: [Int64] = []
    /// Where batches lie close together: the place of `batches[0] + n`, -1 = there is no such batch.
    private var places: [Int32] = []

    /// Of nothing.
    package init() {}

    /// By the ledger's primary key.
    static let query = """
        SELECT batch, position, committed_at FROM asof.batches WHERE position > $3 AND position <= $2 AND view = $1
        ORDER BY batch
        """

    /// - Parameters:
    ///   - start: batches up to this position are left out; 0 = none is.
    ///   - state: batches that committed later are left out.
    package init(
        _ view: StoredView,
        after start: Int64 = 0,
        upTo state: LedgerState,
        _ session: Session
    ) throws(StoreError) {
        let rows = try session.query(Self.query, [.int32(view.id), .int64(state.position), .int64(start)])
        for row in 0..<rows.count {
            batches.append(rows.int64(row, 0) ?? 0)
            positions.append(rows.int64(row, 1) ?? 0)
            committedAt.append(rows.timestamp(row, 2) ?? 0)
        }
        makePlaces()
    }

    private mutating func makePlaces() {
        guard let first = batches.first, let last = batches.last, batches.count < Int32.max else { return }
        let span = last - first + 1
        guard span <= Int64(batches.count) * 8 + 65_536 else { return }
        places = [Int32](repeating: -1, count: Int(span))
        for (place, batch) in batches.enumerated() { places[Int(batch - first)] = Int32(place) }
    }

    /// The place of a batch, for ``position(_:)`` and ``committedAt(_:)``; -1 where the state does not have it.
    package func place(_ batch: Int64) -> Int {
        guard let first = batches.first, batch >= first else { return -1 }
        if !places.isEmpty {
            let offset = batch - first
            return offset < places.count ? Int(places[Int(offset)]) : -1
        }
        var (low, high) = (0, batches.count)
        while low < high {
            let middle = (low + high) / 2
            if batches[middle] < batch { low = middle + 1 } else { high = middle }
        }
        return low < batches.count && batches[low] == batch ? low : -1
    }

    package func position(_ place: Int) -> Int64 { positions[place] }
    package func committedAt(_ place: Int) -> Int64 { committedAt[place] }
}
