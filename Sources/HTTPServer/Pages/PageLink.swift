/// Paths of pages, which may stand in attributes: of a name only letters, digits and `-._~` are left, the rest is `%XX`.
enum PageLink {
    static func view(_ name: String) -> String { "/views/\(encoded(name))" }
    static func service(_ name: String) -> String { "/services/\(encoded(name))" }
    static func model(_ name: String) -> String { "/models/\(encoded(name))" }

    /// - Parameter query: those without a value are left out.
    static func path(_ path: String, _ query: [(name: String, value: String?)]) -> String {
        let given = query.compactMap { pair in pair.value.map { "\(pair.name)=\(encoded($0))" } }
        return given.isEmpty ? path : "\(path)?\(given.joined(separator: "&amp;"))"
    }

    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
