/// Identifiers in SQL text, and texts where a statement takes no parameters.
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

    /// `text` in single quotes, whatever `standard_conforming_strings` is; for statements that take no parameters.
    package static func literal(_ text: String) -> String {
        var quoted = ""
        for character in text.unicodeScalars where character != "\0" {
            if character == "'" || character == "\\" { quoted.unicodeScalars.append(character) }
            quoted.unicodeScalars.append(character)
        }
        return (quoted.contains("\\") ? " E'" : "'") + quoted + "'"
    }
}
