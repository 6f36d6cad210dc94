package import Store

/// Object storage, as far as segments need it. Names are whole ones, `s3://BUCKET/KEY`.
///
/// An object appears whole or not at all; there is no renaming, and who reads one that is removed loses it.
package protocol SegmentObjects: Sendable {
    /// All bytes of a small object; `nil` = there is none.
    func read(_ name: String) throws(StoreError) -> [UInt8]?
    /// What lies below a name, without it and its slash.
    func list(_ name: String) throws(StoreError) -> [String]
    /// Puts a file's bytes under a name.
    /// - Returns: what the storage calls these bytes; empty where it tells nothing.
    func put(_ path: String, as name: String) throws(StoreError) -> String
    /// Removes an object; one that is not there is none.
    func remove(_ name: String) throws(StoreError)
    /// The SHA-256 of an object's bytes.
    func digest(_ name: String) throws(StoreError) -> [UInt8]
}
