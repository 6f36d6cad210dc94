/// The rule for names of entities, keys, views, features, services and aliases: `[A-Za-z][A-Za-z0-9_]{0,47}` without `__`.
package enum Name {
    /// Words that end the features of FS.SET: a new feature of such a name could not be told from them.
    package static let commandWords: Set<String> = ["SOURCE", "SEQ", "NULLS", "ALLOW1970", "AT", "ID"]
    /// What files, batch views' SQL and replies call a row's own event time: of a new feature of that name, no column is left
    /// for it.
    package static let eventTimeColumn = "event_time"
    /// PostgreSQL's system columns: a table cannot have a column of these names.
    package static let systemColumns: Set<String> = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "oid"]

    /// - Returns: why `name` is refused, as the end of a sentence that starts with it; `nil` where it is good.
    package static func refusal(of name: String) -> String? {
        let bytes = Array(name.utf8)
        guard let first = bytes.first else { return "is empty" }
        guard name.count <= DefinitionLimits.nameLengthMax else {
            return "has \(name.count) characters; \(DefinitionLimits.nameLengthMax) are allowed"
        }
        guard isLetter(first) else { return "does not start with a letter A-Z or a-z" }
        for byte in bytes where !(isLetter(byte) || (byte >= 0x30 && byte <= 0x39) || byte == UInt8(ascii: "_")) {
            return "has a character other than letters A-Z a-z, digits and _"
        }
        if name.contains("__") { return "contains '__', which separates a view from its feature" }
        if systemColumns.contains(name) { return "is the name of a PostgreSQL system column" }
        return nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }

    /// The known names nearest to `name` by edit distance, for "did you mean"; at most three.
    ///
    /// A name of up to three characters may differ in one, up to eight in two, longer ones in a third of them.
    /// - Complexity: O(known × length²), of known names of about the same length; none for names too long to be a slip.
    package static func nearest(to name: String, among known: [String]) -> [String] {
        guard name.utf8.count <= 2 * DefinitionLimits.nameLengthMax else { return [] }
        let limit = name.count <= 3 ? 1 : max(2, name.count / 3)
        let bytes = Array(name.lowercased().utf8)
        return
            known
            .compactMap { other -> (distance: Int, name: String)? in
                let otherBytes = Array(other.lowercased().utf8)
                // Each byte more is an edit at least.
                guard abs(otherBytes.count - bytes.count) <= limit else { return nil }
                let distance = editDistance(bytes, otherBytes)
                return distance <= limit ? (distance, other) : nil
            }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
            .prefix(3).map(\.name)
    }

    /// `; did you mean 'x'?`, or the list of what is known, or nothing where nothing is.
    package static func hint(for name: String, among known: [String]) -> String {
        if let padded = padded(name, among: known) { return "; '\(padded)' has blanks around it, take them out" }
        let near = nearest(to: name, among: known)
        if let best = near.first { return "; did you mean '\(best)'?" }
        guard !known.isEmpty else { return "" }
        let shown = known.sorted().prefix(20).joined(separator: ", ")
        return "; known: \(shown)\(known.count > 20 ? ", …" : "")"
    }

    /// The first of `known` that is `name` but for blanks around it, as a hand-written CSV header has them behind its commas.
    package static func padded(_ name: String, among known: [String]) -> String? {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" || character == "\u{A0}" }
        guard name.utf8.count <= 2 * DefinitionLimits.nameLengthMax else { return nil }
        return known.first { other in
            guard other.utf8.count > name.utf8.count else { return false }
            return other.drop(while: isBlank).reversed().drop(while: isBlank).elementsEqual(name.reversed())
        }
    }

    private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(
                    min(previous[column + 1] + 1, current[column] + 1, previous[column] + (byte == other ? 0 : 1))
                )
            }
            previous = current
        }
        return previous[right.count]
    }
}
