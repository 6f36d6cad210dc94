package import Features

/// How the latest row of one entity of a view lies in memory.
///
/// Everything is in this machine's byte order, at offsets that are the same for every row:
///
///     0    event time, µs since 1970-01-01 UTC     Int64
///     8    position that brought the row           Int64
///     16   flags (``PackedRow/Flags``)             UInt8
///     17   null bits, one a column, 1 = null
///     …    key: an Int64, or a slot of the canonical key bytes (``EntityKey``)
///     …    values, in the order of the view's features, each at a multiple of its width
///
/// A `vector(n)` lies in place as n floats. Strings, bytes and lists have a slot (``VariableSlot``), which holds the value
/// itself where it is short, else where it lies in the view's heap. The order of columns is the definition's, so that
/// neighbouring features of one width can be copied in one go.
package struct RowLayout: Sendable, Hashable {
    package struct Column: Sendable, Hashable {
        package let feature: String
        package let type: FeatureType
        /// Where the value lies, in bytes from the row's start.
        package let offset: Int
        /// The value's width in the row, in bytes.
        package let width: Int
        /// Retired: no longer the view's, and read by older versions of services only.
        package let isRetired: Bool
    }

    package enum KeyForm: Sendable, Hashable {
        /// The view has one int64 key, or none: a global view's key is 0.
        case int64
        /// One string, or several keys, as ``EntityKey`` puts them.
        case bytes
    }

    /// The key columns of the view's tables; one for a global view, too.
    package let keys: [KeyColumn]
    package let keyForm: KeyForm
    package let keyOffset: Int
    /// The view's features in their order, so that a feature's place there is its column here; then retired ones. A
    /// column's place is also the number of its null bit.
    package let columns: [Column]
    /// Whether a row is replaced by what a later position has, whatever the event times: of an event view, where a
    /// tombstone may bring back an earlier event.
    package let isByPosition: Bool
    /// Bytes from one row to the next, a multiple of 8.
    package let stride: Int

    package static let flagsOffset = 16
    package static let nullsOffset = 17

    /// - Parameters:
    ///   - keys: see ``StoredView/storageKeys``.
    ///   - retired: features that the view no longer has, after which old versions of services ask.
    package init(
        keys: [KeyColumn],
        features: [FeatureDefinition],
        retired: [FeatureDefinition] = [],
        isByPosition: Bool = false
    ) {
        self.keys = keys
        self.isByPosition = isByPosition
        keyForm = keys.count == 1 && keys[0].type == .int64 ? .int64 : .bytes
        var end = Self.aligned(Self.nullsOffset + (features.count + retired.count + 7) / 8, to: 8)
        keyOffset = end
        end += keyForm == .int64 ? 8 : VariableSlot.bytes
        var columns: [Column] = []
        for (feature, isRetired) in features.map({ ($0, false) }) + retired.map({ ($0, true) }) {
            let (width, alignment) = Self.space(of: feature.type)
            end = Self.aligned(end, to: alignment)
            columns.append(
                Column(feature: feature.name, type: feature.type, offset: end, width: width, isRetired: isRetired)
            )
            end += width
        }
        self.columns = columns
        stride = Self.aligned(end, to: 8)
    }

    /// How many columns are the view's own; the others are retired.
    package var featureCount: Int { columns.count { !$0.isRetired } }

    /// - Returns: the column of a feature, retired ones included.
    /// - Complexity: O(columns).
    package func column(of feature: String) -> Int? { columns.firstIndex { $0.feature == feature } }

    private static func aligned(_ offset: Int, to alignment: Int) -> Int {
        (offset + alignment - 1) / alignment * alignment
    }

    private static func space(of type: FeatureType) -> (width: Int, alignment: Int) {
        switch type {
        case .bool: (1, 1)
        case .int32, .float32: (4, 4)
        case .int64, .float64, .timestamp: (8, 8)
        case .vector(let dimensions): (dimensions * 4, 4)
        case .string, .bytes, .listInt64, .listString: (VariableSlot.bytes, 8)
        }
    }
}

extension FeatureType {
    /// Whether a value's width differs from row to row, so that it has a ``VariableSlot``.
    package var isVariableWidth: Bool {
        switch self {
        case .string, .bytes, .listInt64, .listString: true
        case .bool, .int32, .int64, .float32, .float64, .timestamp, .vector: false
        }
    }
}
