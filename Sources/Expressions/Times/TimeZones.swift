import Synchronization

/// Time zones by their IANA names: rules that a source of TZif files gives, each read once.
package final class TimeZones: Sendable {
    private let read: @Sendable (String) -> [UInt8]?
    private let zones = Mutex<[String: TimeZoneRules]>([:])

    /// - Parameter read: the bytes of a zone's TZif file; `nil` where there is none of that name.
    package init(read: @escaping @Sendable (String) -> [UInt8]?) { self.read = read }

    /// - Returns: `nil` where there is no such zone, or its file is none that can be read.
    func rules(of name: String) -> TimeZoneRules? {
        guard Self.isName(name) else { return nil }
        if let known = zones.withLock({ $0[name] }) { return known }
        guard let bytes = read(name), let rules = TimeZoneRules(bytes) else { return nil }
        zones.withLock { $0[name] = rules }
        return rules
    }

    /// `UTC`, or `Area/City`. Short names are refused: to PostgreSQL CET is an hour east of UTC in summer too, and to
    /// tzdata it is not.
    static func isName(_ name: String) -> Bool {
        if name == "UTC" { return true }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, name.utf8.count <= 64, parts[0] != "right", parts[0] != "posix" else { return false }
        return parts.allSatisfy { part in
            part.utf8.first.map { Lexer.isNameStart($0) } == true
                && part.utf8.allSatisfy {
                    Lexer.isNameStart($0) || Lexer.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
                }
        }
    }
}
