/// What several templates of pages have.
enum PageParts {
    /// `facts`: names with their values.
    static let facts = #"""
        <table class="facts"><tbody>
        {{#facts}}
        <tr><td>{{name}}</td><td><bdi>{{value}}</bdi></td></tr>
        {{/facts}}
        </tbody></table>
        """#

    /// `first`, `next`: paths of other pages of a list, where there are some.
    static let pager =
        #"<p>{{#first}}<a href="{{{.}}}">First page</a> {{/first}}{{#next}}<a href="{{{.}}}" rel="next">Next page</a>{{/next}}</p>"#
}
