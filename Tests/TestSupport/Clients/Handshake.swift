import Foundation

/// A client of `client_handshakes.json` (``Cases``): what it sends when it connects.
package struct Handshake: Sendable, CustomStringConvertible {
    package let client: String
    /// Commands of RESP, each of them as the client may send it.
    package let commands: [[String]]
    /// Requests of a client that speaks HTTP instead.
    package let isHTTP: Bool

    package var description: String { client }

    private struct Case: Decodable {
        var client: String
        var on_connect: [[String]]
    }

    /// Of clients that say something before they are asked to.
    package static let all: [Handshake] = Cases.read("client_handshakes", Case.self, name: \.client)
        .filter { !$0.on_connect.isEmpty }
        .map { item in
            let isHTTP = item.on_connect.contains { $0[0].hasPrefix("HTTP ") }
            return Handshake(
                client: item.client,
                commands: isHTTP ? [] : item.on_connect.flatMap(spelled),
                isHTTP: isHTTP
            )
        }

    /// The commands that an entry stands for: `["HELLO", "3 [AUTH user pass]"]` is one with and one without the bracket;
    /// a third element is a remark.
    private static func spelled(_ entry: [String]) -> [[String]] {
        let names = entry[0].split(separator: "/").map(String.init)
        let arguments = entry.count > 1 ? entry[1] : ""
        // Several commands in one entry, or a remark in place of arguments.
        if names.count > 1 { return names.map(command) }
        if entry.count > 1, arguments.contains("pipeline,") || arguments.hasPrefix("if ") { return [command(entry[0])] }
        var spellings = [arguments.replacing(" if given", with: "").replacing("<pass> | <user> <pass>", with: "pass")]
        if let open = arguments.firstIndex(of: "["), !arguments.contains("[user] pass") {
            spellings = [String(arguments[..<open]), arguments.filter { $0 != "[" && $0 != "]" }]
        }
        return spellings.flatMap { spelling in
            // `2|3` is a choice.
            spelling.contains("2|3")
                ? [spelling.replacing("2|3", with: "2"), spelling.replacing("2|3", with: "3")] : [spelling]
        }.map { command(entry[0] + " " + $0) }
    }

    private static func command(_ text: String) -> [String] {
        var words = text.split(separator: " ").map { word in
            word == ".." ? "x" : word.hasPrefix("<") ? "1" : word.filter { $0 != "[" && $0 != "]" }
        }
        if words.first == "SELECT" { words = ["SELECT", "0"] }
        if words.count == 1, words[0] == "AUTH" || words[0] == "ECHO" { words.append("x") }
        if let index = words.firstIndex(of: "user") { words[index] = "default" }
        // Two dots stand for all that an option needs.
        if let index = words.firstIndex(of: "AUTH"), index > 0, index + 1 < words.count, words[index + 1] == "x" {
            words.insert("default", at: index + 1)
        }
        if words.suffix(2) == ["CLIENT", "SETNAME"] { words.append("x") }
        if words.first == "CLIENT", words.count == 1 { words.append("ID") }
        return words
    }
}
