/// What computing windows in memory may cost while nobody can change that, in about the time that an event takes to be added to
/// a total, some 5 ns.
package struct WindowBudget: Sendable {
    package private(set) var left: Int

    package init(_ cost: Int) { left = cost }

    /// Of totals that are put together.
    static let mergeCost = 4
    /// Of an event that is taken out of memory to pass by, as `distinct`, `top` and variances want it.
    package static let pickCost = 25
    /// Bytes of a text, list or vector that are taken out with it: they are copied, and looked at once more.
    static let bytesPerCost = 16

    /// - Returns: whether there was so much.
    mutating func spend(_ cost: Int) -> Bool {
        left -= cost
        return left >= 0
    }
}
