/// Every bound that use cases put on their work beyond those of the modules below, with its reason. See `Limits` of Store for
/// what of it users read.
package enum WorkflowLimits {
    // MARK: Applying

    /// How often `apply` plans anew because somebody else applied meanwhile.
    package static let plansMax = 10

    // MARK: Inside
}
