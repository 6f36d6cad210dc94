/// How a value stands.
package enum ValueStatus: String, Sendable, Hashable {
    case present
    /// The newest row has a null there.
    case null
    /// The newest row is older than the view's TTL.
    case expired
    /// No row, or a tombstone.
    case missing
}
