import Features
package import Store

extension Registry {
    /// The plan of features as people name them: as ``plan(for:_:)``; a bare view stands for all of its features.
    ///
    /// - Parameter text: a service, `SERVICE@VERSION`, a view, or features: `view.feature,view.*`.
    /// - Throws: ``WorkflowError/refused(_:)`` with a hint where it names neither a service nor a view.
    package func plan(
        naming text: String,
        _ session: Session
    ) throws -> (plan: FeaturePlan, service: StoredService?) {
        var text = text
        if definitions.service(named: text) == nil, definitions.view(named: text) != nil { text += ".*" }
        let selection = try FeatureSelection(text: text)
        if case .service(let name, nil) = selection, service(named: name) == nil {
            guard !retired.views.contains(where: { $0.name == name }) else { throw retiredView(name) }
            guard !retired.services.contains(name) else {
                throw WorkflowError.refused("no service '\(name)'\(hint(forService: name))")
            }
            let known = definitions.services.map(\.name) + views.map(\.name)
            throw WorkflowError.refused("no service or view '\(name)'\(Name.hint(for: name, among: known))")
        }
        do {
            return try plan(for: selection, session)
        } catch FeatureSelectionError.unknownView(let name, _) where retired.views.contains(where: { $0.name == name })
        {
            throw retiredView(name)
        } catch FeatureSelectionError.unknownFeature(let name, let view, let known) {
            guard let hint = hint(forFeature: name, of: view) else {
                throw FeatureSelectionError.unknownFeature(name: name, view: view, known: known)
            }
            throw WorkflowError.refused("the view '\(view)' has no feature '\(name)'\(hint)")
        }
    }

    private func retiredView(_ name: String) -> WorkflowError { .refused("no view '\(name)'\(hint(forView: name))") }
}
