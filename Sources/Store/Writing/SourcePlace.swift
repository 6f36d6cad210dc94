/// How far the rows of a source were taken: what tells a row that comes again from one that is new.
///
/// A place is locked and compared in the transaction that takes more of its source, before views are locked, and moved with
/// what the transaction stores; ``WriteTransaction`` does both. Until it has ended nobody else moves the place.
package protocol SourcePlace {
    /// Locks the place, which is made if needed, and reads it.
    /// - Throws: ``StoreError/conflict(_:)`` where it is known already that it is not where the rows to be stored begin;
    ///   numbers of clients are compared one by one afterwards, since each has an answer of its own.
    mutating func lock(_ session: Session) throws(StoreError)

    /// Moves the locked place behind what is stored.
    /// - Parameter batch: that of the transaction.
    func move(to batch: Int64, _ session: Session) throws(StoreError)

    /// Once it is locked: whether somebody else has stored these very rows.
    var isStored: Bool { get }
}

extension SourcePlace {
    package var isStored: Bool { false }
}
