/// Identifiers in SQL text.
package enum SQLText {
    /// `name` in double quotes; the only way a name gets into a statement.
    package static func identifier(_ name: String) -> String {
        var quoted = "\""
        for character in name.unicodeScalars {
            if character == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}
