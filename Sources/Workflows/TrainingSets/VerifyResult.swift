package import Store

/// How a verification ended.
package struct VerifyResult: Sendable, Hashable {
    package let outcome: Outcome
    /// What history has lost since the export; where the outcome is ``Outcome/equal``, the set did not need it.
    package let removals: [Removal]

    package enum Outcome: Sendable, Hashable {
        case equal
        /// The file is not what was exported.
        case different(SetDifference)
        /// The file is what was exported, and history, of which ``removals`` are gone, no longer gives it: the set could not
        /// be checked.
        case historyLost(SetDifference)
    }
}
