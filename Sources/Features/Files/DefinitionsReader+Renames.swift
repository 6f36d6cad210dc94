import Yams

/// `was: old`, by which a feature goes on under another name.
extension DefinitionsReader {
    /// Notes what a feature was called; whether there was such a feature, only the store says.
    ///
    /// - Parameter names: of all features of the view.
    mutating func rename(_ feature: Field, of view: String, besides names: Set<String>) {
        guard case .mapping(let parts) = feature.value else { return }
        let what = "feature '\(feature.name.oneLine)' of view '\(view)'"
        for (key, value) in parts where key.scalar?.string == "was" && !isNull(value) {
            guard let was = text(value, "'was' of the \(what)") else { return }
            if let refusal = Name.refusal(of: was) {
                fault(at: value, "'was' of the \(what) is '\(was.oneLine)', which \(refusal)")
            } else if was == feature.name {
                fault(at: value, "the \(what) was always called so; leave 'was' away")
            } else if names.contains(was) {
                fault(
                    at: value,
                    "the \(what) says that it was '\(was)', and the view has a feature of that name; two features do not "
                        + "change their names with one another at once: take one of them to a third name first"
                )
            } else if let other = renames.first(where: { $0.view == view && $0.was == was }) {
                fault(at: value, "the \(what) says that it was '\(was)', and so does '\(other.name)'")
            } else {
                renames.append(FeatureRename(view: view, name: feature.name, was: was))
            }
        }
    }
}

extension DefinitionsReader {
    /// What a view's feature is called now that was called so; `nil` where none was, or it is gone.
    func currentName(of name: String, in view: ViewDefinition) -> String? {
        guard view.feature(named: name) == nil else { return nil }
        return (renames + former).first { rename in
            rename.view == view.name && rename.was == name && view.feature(named: rename.name) != nil
        }?.name
    }
}
