extension FeatureType {
    /// Whether `apply` changes features of the type to `other`, with their history: each value is one of `other`, of int64
    /// those up to ``Widening/exactIntegerMax``.
    package func widens(to other: FeatureType) -> Bool {
        switch (self, other) {
        case (.int32, .int64), (.int32, .float64), (.int64, .float64), (.float32, .float64): true
        default: false
        }
    }

    /// Whether values stored as `other` can be shown as this type: the same, or one that widens to it.
    package func isShown(of other: FeatureType) -> Bool { self == other || widens(to: other) }
}

package enum Widening {
    /// Of the integers up to here a float64 holds each, and is no other's: 2^53.
    package static let exactIntegerMax: Int64 = 1 << 53
}
