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
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(conninfo, &message) else {
            // The reason may repeat a part of the text.
            PQfreemem(message)
            throw PostgresError(kind: .connect, message: "the connection string is neither a URI nor libpq's")
        }
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

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.allSatisfy { $0.isLetter || $0.isNumber || "/._-:*@,".contains($0) }
        if isPlain { return text }
        return "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
