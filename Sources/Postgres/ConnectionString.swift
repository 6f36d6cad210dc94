import CLibPQ

/// Connection strings as people may see them.
package enum ConnectionString {
    /// Settings that are secrets, by libpq's names.
    private static let secrets: Set<String> = [
        "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key",
    ]

    /// The settings that a URI or connection string names, as a connection string, secrets as `***`.
    /// - Throws: where it is neither; what it says is not repeated.
    package static func redacted(_ conninfo: String) throws(PostgresError) -> String {
        guard !conninfo.isEmpty else { return "" }
        let options = try parsed(conninfo)
        defer { PQconninfoFree(options) }
        var words: [String] = []
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                let name = String(cString: keyword)
                let text = secrets.contains(name) ? "***" : String(cString: value)
                words.append("\(name)=\(quoted(text))")
            }
            option += 1
        }
        return words.joined(separator: " ")
    }

    /// Looks at a text before libpq does, whose reasons repeat it, passwords and all.
    /// - Throws: where it would be a URI or connection string, and is none; the name of a database alone is neither.
    static func check(_ conninfo: String) throws(PostgresError) {
        let isURI = ["postgresql://", "postgres://"].contains { conninfo.hasPrefix($0) }
        guard isURI || conninfo.contains("=") else { return }
        PQconninfoFree(try parsed(conninfo))
    }

    /// - Returns: libpq's settings, to be freed by `PQconninfoFree`.
    private static func parsed(_ conninfo: String) throws(PostgresError) -> UnsafeMutablePointer<PQconninfoOption> {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(conninfo, &message) else {
            // The reason may repeat a part of the text.
            PQfreemem(message)
            throw unreadable
        }
        return options
    }

    private static var unreadable: PostgresError {
        PostgresError(
            kind: .connect,
            message:
                "the connection string is neither a URI, as postgresql://user@host/database, nor libpq's, as host=… dbname=…",
            hint: "it is not repeated here, since it may have a password; \\ and ' in values stand behind a \\"
        )
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "/._-:*@,".contains($0) }
        if isPlain { return text }
        return "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
