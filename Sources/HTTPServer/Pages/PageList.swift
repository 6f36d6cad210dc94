import Markup

/// A list over several pages, in the order of its names, with a field to search it.
struct PageList<Item> {
    let title: String
    let path: String
    /// What stands in the head of the table, as HTML of ours.
    let head: String
    let row: MarkupTemplate
    /// What to do where there is nothing at all: words, and a command to type.
    let empty: (text: String, command: String)
    let name: (Item) -> String
    /// What is searched.
    let texts: (Item) -> [String?]
    let values: (Item) -> [String: Any]

    private static var template: MarkupTemplate { listTemplate }

    /// - Parameter items: all that the reader may read, by name.
    func page(_ items: [Item], _ scope: PageScope) -> Page {
        let wanted = scope.request["q"].flatMap { $0.isEmpty ? nil : $0 }
        let found = wanted.map { wanted in items.filter { matches($0, wanted.lowercased()) } } ?? items
        let after = scope.request["after"]
        let start = after.map { after in found.firstIndex { name($0) > after } ?? found.count } ?? 0
        var rows = PageRows(row, bytesMax: HTTPLimits.pageListBytesMax)
        let shown = rows.add(found[start...], values)
        var page: [String: Any] = [
            "title": title, "path": path, "head": head, "rows": rows.html, "hasRows": shown > 0,
            "searched": MarkupText.escaped(PageText.short(wanted)), "isEmpty": items.isEmpty,
            "emptyText": empty.text, "emptyCommand": empty.command,
        ]
        if shown == 0, !items.isEmpty {
            page["nothing"] =
                after == nil
                ? "Nothing has that in its name, description, owner or tags." : "Nothing comes behind that."
        }
        page["counted"] =
            found.count == shown
            ? PageText.count(found.count, String(title.lowercased().dropLast()))
            : "\(MarkupText.grouped(start + min(shown, 1))) to \(MarkupText.grouped(start + shown)) of \(MarkupText.grouped(found.count))"
        if start + shown < found.count, shown > 0 {
            page["next"] = PageLink.path(path, [("q", wanted), ("after", name(found[start + shown - 1]))])
        }
        if after != nil { page["first"] = PageLink.path(path, [("q", wanted)]) }
        return Page(title: title, section: title, body: Self.template.render(page))
    }

    private func matches(_ item: Item, _ wanted: String) -> Bool {
        texts(item).contains { $0?.lowercased().contains(wanted) ?? false }
    }
}

private let listTemplate = MarkupTemplate(
    #"""
    <header><h1>{{title}}</h1></header>
    <section>
    {{#isEmpty}}<p>{{emptyText}}</p><pre>{{emptyCommand}}</pre>{{/isEmpty}}
    {{^isEmpty}}
    <form action="{{{path}}}" role="search">
    <label>Name, description, owner or tag<input name="q" maxlength="100" value="{{{searched}}}"/></label><button>Search</button>
    </form>
    {{#nothing}}<p>{{.}}</p>{{/nothing}}
    {{#hasRows}}
    <p class="quiet">{{counted}}</p>
    <div class="wide" tabindex="0"><table>
    <thead><tr>{{{head}}}</tr></thead>
    <tbody>
    {{{rows}}}</tbody>
    </table></div>
    {{/hasRows}}
    \#(PageParts.pager)
    {{/isEmpty}}
    </section>

    """#
)
