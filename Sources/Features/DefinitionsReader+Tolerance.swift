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
        guard let text = text(field.value, "the tolerance of \(what)") else { return nil }
        guard let value = Double(text), let tolerance = Tolerance(value) else {
            fault(at: field.value, "the tolerance of \(what) is '\(text.oneLine)'; expected \(Tolerance.expected)")
            return nil
        }
        return tolerance == .standard ? nil : tolerance
    }
}
