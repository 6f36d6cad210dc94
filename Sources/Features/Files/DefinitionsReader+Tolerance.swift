extension DefinitionsReader {
    /// A view's `tolerance`; `nil` where it is absent, the standard one, or a fault.
    ///
    /// - Parameter hasSource: the view has a `source`, right or wrong.
    mutating func tolerance(_ field: Field?, _ what: String, hasSource: Bool) -> Tolerance? {
        guard let field, !isNull(field.value) else { return nil }
        guard hasSource else {
            fault(
                at: field.key,
                "\(what) has a tolerance but no source: it says how far floats of a source's sql may differ from what is stored"
            )
            return nil
        }
        let tolerance = parsed(field, "the tolerance of \(what)", expected: Tolerance.expected) {
            Double($0).flatMap { Tolerance($0) }
        }
        return tolerance == .standard ? nil : tolerance
    }
}
