import Access
import Commands
import Features
import Markup
import NIOHTTP1
import Serving
import Wire

/// What a page is made of: what is served at one moment, and who asks.
struct PageScope: Sendable {
    let catalog: Catalog
    /// `nil` = everything.
    let rights: Rights?
    /// `nil` = the server follows no store.
    let state: ServingState?
    /// Up to which everything is served.
    let position: Int64
    /// µs of PostgreSQL's clock.
    let nowUs: Int64
    /// How old what is served may be, µs.
    let staleUs: Int64
    let request: HTTPRequest
    /// The path's parameter.
    let name: String
    /// The port of RESP; 0 = none.
    let port: Int
    let version: String

    /// Of others the page says nothing, as if they were not there.
    func mayRead(_ kind: NameKind, _ name: String) -> Bool { rights?.allows(.read, kind, name) ?? true }

    /// Views that have rows, and those of windows, by name.
    var views: [ServedView] {
        let all =
            catalog.windowViews.isEmpty
            ? catalog.views : (catalog.views + catalog.windowViews).sorted { $0.name < $1.name }
        return rights == nil ? all : all.filter { mayRead(.view, $0.name) }
    }

    var services: [ServicePlan] {
        rights == nil ? catalog.services : catalog.services.filter { mayRead(.service, $0.name) }
    }

    var models: [ModelShelf.Entry] {
        catalog.models.entries.values.filter { mayRead(.model, $0.name) }.sorted { $0.name < $1.name }
    }

    /// A name that there is not: the page of it, which names what the caller may read only.
    func missing(_ kind: NameKind, _ name: String, among known: [String]) -> HTTPFault {
        HTTPFault(.notFound, "no \(kind.rawValue) \(CommandFault.quoted(name))\(Name.hint(for: name, among: known))")
    }

    /// Where programs reach this server over HTTP: as the reader's browser did, where that is a plain name.
    var address: String {
        let given = request.headers.first(name: "host") ?? ""
        let isPlain =
            given.utf8.count <= 128
            && given.utf8.allSatisfy { byte in
                byte.isLetterOrDigit
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")]
                        .contains(byte)
            }
        return isPlain && !given.isEmpty ? given : "localhost"
    }

    /// The same over RESP.
    var respAddress: String {
        var host = Substring(address)
        if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") { host = host[..<colon] }
        return "\(host):\(port == 0 ? 6567 : port)"
    }

    /// How long ago a time was.
    func age(_ us: Int64?) -> String {
        guard let us else { return "–" }
        let (age, overflow) = nowUs.subtractingReportingOverflow(us)
        if overflow { return "–" }
        return age < 0 ? "in \(PageText.span(age == .min ? .max : -age))" : "\(PageText.span(age)) ago"
    }
}

/// Texts of pages.
enum PageText {
    /// About how long; one number that people can compare.
    static func span(_ us: Int64) -> String {
        let units: [(us: Int64, name: String)] = [
            (86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"),
        ]
        for unit in units where us >= 2 * unit.us { return "\(us / unit.us) \(unit.name)" }
        return us >= 1_000_000 ? "1 s" : "less than 1 s"
    }

    /// To the second.
    static func time(_ us: Int64?) -> String {
        us.map { Timestamp(microseconds: $0 - ($0 % 1_000_000)).text } ?? "–"
    }

    /// A text of a list's row.
    static func short(_ text: String?) -> String {
        MarkupText.clipped(text ?? "", bytesMax: HTTPLimits.pageCellBytesMax)
    }

    /// A text of a page of its own.
    static func long(_ text: String) -> String { MarkupText.clipped(text, bytesMax: HTTPLimits.pageTextBytesMax) }

    static func tags(_ tags: [String: String]) -> String {
        tags.sorted { $0.key < $1.key }.map { $0.value.isEmpty ? $0.key : "\($0.key)=\($0.value)" }.joined(
            separator: ", "
        )
    }

    /// What people say of a thing, for the row of a list; what they do not say is left out.
    static func about(_ description: String?, _ owner: String?, _ tags: [String: String]) -> [String: Any] {
        var values: [String: Any] = [:]
        values["description"] = description.map { short($0) }
        values["owner"] = owner.map { short($0) }
        values["tags"] = tags.isEmpty ? nil : short(self.tags(tags))
        return values
    }

    /// `1 view`, `3 views`.
    static func count(_ count: Int, _ name: String) -> String {
        "\(MarkupText.grouped(count)) \(name)\(count == 1 ? "" : "s")"
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
}
