import Features
import PointInTime
import Store

extension Scan {
    /// How many rows of the spine fit into the memory at once, with everything that a block of them needs: the rows
    /// themselves, their order, the matches, and the features.
    ///
    /// - Parameter spineRowBytes: one row of the spine as columns.
    func blockRows(spineRowBytes: Int, _ spec: TrainingSetSpec) -> Int {
        if let rows = context.limits.blockRows { return rows }
        var rowBytes = spineRowBytes * 2 + Self.orderBytes
        var widest = 0
        for role in spec.plan.roles {
            rowBytes += Self.roleBytes
            for feature in role.features {
                let view = views[role.view.id]
                let width = (view?.valueBytes(feature) ?? feature.type.typicalBytes) + 1
                // Of a tail that is read again for each block, the rows that won are kept, twice at most, and once more.
                rowBytes += view?.tail.isReadAgain == true ? width * 4 : width
                widest = max(widest, width)
            }
        }
        // A derived column, and what is in the making of it.
        for column in spec.plan.columns.compactMap(\.derived) { rowBytes += 2 * (column.type.typicalBytes + 1) }
        rowBytes += AsOfJoin.bytesPerRow + widest * (context.limits.threads + 1)
        // Values may be longer than they are thought to be; what was measured counts twice, once on its way.
        rowBytes = max(rowBytes, spineRowBytes * 2 + Self.orderBytes + learnedRowBytes * 2)
        let tails = views.values.reduce(0) { $0 + ($1.tail.isEmpty ? 0 : context.tailMemory) }
        let available = context.limits.memory - TrainingSetLimits.scanBaseBytes - tails
        let rows = available * 3 / 4 / rowBytes
        let isSure = learnedRowBytes > 0 || !spec.plan.columns.contains { $0.type.isOpenEnded }
        return min(
            max(rows, TrainingSetLimits.scanBlockRowsMin),
            isSure ? TrainingSetLimits.scanBlockRowsMax : TrainingSetLimits.scanFirstBlockRows
        )
    }

    /// Numbers, radix sort and order of one row.
    private static let orderBytes = 80
    /// Event time, age and position of one row.
    private static let roleBytes = 32

    /// Takes to heart how wide a finished block's features were.
    func learn(rows: Int, bytes: Int) {
        guard rows > 0 else { return }
        learnedRowBytes = max(learnedRowBytes, bytes / rows)
    }
}

extension FeatureType {
    /// Whether values may be of any length.
    var isOpenEnded: Bool {
        switch self {
        case .string, .bytes, .listInt64, .listString: true
        case .bool, .int32, .int64, .float32, .float64, .timestamp, .vector: false
        }
    }
}
