package import Features
import Windows

extension DefinitionsText {
    /// As it would be applied to what is in force.
    package func resolved(against applied: Definitions) throws(DefinitionsError) -> ProjectDefinitions {
        try resolved(against: applied, typing: WindowTypes())
    }
}

extension Definitions {
    /// Like ``parse(yaml:file:typing:)``, with derived columns.
    package static func parseWithExpressions(yaml: String) throws(DefinitionsError) -> Definitions {
        try parse(yaml: yaml, file: "features.yaml", typing: WindowTypes())
    }
}
