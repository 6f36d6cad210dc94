import Markup

/// The page of a report and its style, with gaps for its parts.
///
/// Text is escaped by Mustache and stands inside of elements only, never in an attribute: there it would have to be escaped
/// by scalars (``MarkupText/escaped(_:)``). What stands in three braces was made by ``Chart`` or has numbers alone.
enum ReportTemplate {
    static let page = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>{{name}}: training report</title>
        <style>
        {{{style}}}</style>
        </head>
        <body>
        <main>
        <header>
        <p class="quiet">Training report</p>
        <h1>{{name}}</h1>
        <p>{{algorithm}} · {{task}} · predicts <b>{{label}}</b> from the service <b>{{service}}</b></p>
        </header>
        <section class="cards">
        {{#cards}}
        <div class="card"><p class="quiet">{{title}}</p><p class="number">{{value}}</p><p class="quiet">{{note}}</p></div>
        {{/cards}}
        </section>
        <section>
        {{#verdict}}<p class="verdict">{{.}}</p>{{/verdict}}
        {{#decision}}<p>{{.}}</p>{{/decision}}
        {{#hasWarnings}}
        <ul class="warnings">
        {{#warnings}}<li>{{.}}</li>
        {{/warnings}}
        </ul>
        {{/hasWarnings}}
        </section>
        <section>
        <h2>Against others, on the same {{testRows}} test rows</h2>
        <div class="wide"><table>
        <thead><tr><th>model</th>{{#columns}}<th class="right">{{title}}<br/><span class="quiet">{{note}}</span></th>{{/columns}}</tr></thead>
        <tbody>
        {{#judged}}
        <tr{{{mark}}}><td>{{name}}</td>{{#cells}}<td class="right">{{#isBest}}<b>{{value}}</b>{{/isBest}}{{^isBest}}{{value}}{{/isBest}}{{#interval}}<br/><span class="quiet">{{.}}</span>{{/interval}}</td>{{/cells}}</tr>
        {{/judged}}
        </tbody>
        </table></div>
        <p class="quiet">Bold: the best of its column. {{#hasIntervals}}Small: 95 % of draws of whole days.{{/hasIntervals}}</p>
        </section>
        <section>
        <h2>Rows by label time</h2>
        <div class="timeline">{{#parts}}<span class="{{{kind}}}" style="flex-grow:{{{share}}}"></span>{{/parts}}</div>
        <div class="wide"><table>
        <thead><tr><th>part</th><th class="right">rows</th><th>label times</th></tr></thead>
        <tbody>
        {{#splits}}
        <tr><td class="part"><span class="key {{{kind}}}"></span>{{name}}</td><td class="right">{{rows}}</td><td>{{times}}</td></tr>
        {{/splits}}
        </tbody>
        </table></div>
        {{#unlabelled}}<p class="quiet">{{.}}</p>{{/unlabelled}}
        </section>
        {{#hasCharts}}
        <section>
        <h2>How it does</h2>
        <div class="charts">
        {{#charts}}
        <figure>{{{svg}}}<figcaption><b>{{title}}</b> {{note}}</figcaption></figure>
        {{/charts}}
        </div>
        </section>
        {{/hasCharts}}
        {{#hasImportances}}
        <section>
        <h2>What it goes by</h2>
        <div class="wide"><table>
        <thead><tr><th>column</th><th>{{importanceName}}</th>{{#hasPermutations}}<th class="right">loss when shuffled</th>{{/hasPermutations}}</tr></thead>
        <tbody>
        {{#importances}}
        <tr><td>{{name}}</td><td class="bar"><span style="width:{{{width}}}%"></span>{{gain}}</td>{{#hasPermutations}}<td class="right">{{permutation}}</td>{{/hasPermutations}}</tr>
        {{/importances}}
        </tbody>
        </table></div>
        {{#moreImportances}}<p class="quiet">{{.}}</p>{{/moreImportances}}
        </section>
        {{/hasImportances}}
        <section>
        <h2>Leak checks</h2>
        <ul class="checks">
        {{#checks}}<li class="{{{kind}}}"><b>{{title}}</b> {{text}}</li>
        {{/checks}}
        </ul>
        </section>
        {{#hasFeatures}}
        <section>
        <h2>Features</h2>
        <div class="wide"><table>
        <thead><tr><th>column</th><th>type</th><th class="right">null in train</th><th class="right">null in test</th>
        <th class="right">lowest</th><th class="right">highest</th><th class="right">test rows outside</th></tr></thead>
        <tbody>
        {{#features}}
        <tr><td>{{name}}</td><td>{{type}}</td><td class="right">{{trainNulls}}</td><td class="right">{{testNulls}}</td>
        <td class="right">{{low}}</td><td class="right">{{high}}</td><td class="right">{{outside}}</td></tr>
        {{/features}}
        </tbody>
        </table></div>
        </section>
        {{/hasFeatures}}
        <section>
        <h2>Make it again</h2>
        <pre>{{command}}</pre>
        <div class="wide"><table class="facts"><tbody>
        {{#facts}}
        <tr><td>{{name}}</td><td>{{value}}</td></tr>
        {{/facts}}
        </tbody></table></div>
        </section>
        </main>
        </body>
        </html>

        """#

    static let style =
        PageStyle.base + """
            .verdict { font-size: 17px; }
            .warnings { margin: 10px 0 0; padding: 10px 14px 10px 30px; background: #fdf6e7; border-radius: 6px; }
            tr.new td:first-child { color: var(--model); font-weight: 600; }
            .timeline { display: flex; gap: 2px; height: 26px; margin-bottom: 12px; }
            .timeline span { min-width: 3px; flex-basis: 0; border-radius: 2px; }
            .key { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 8px; }
            .part { white-space: nowrap; }
            .train { background: #a9c6da; }
            .valid { background: #6b9fc2; }
            .test { background: #2b6a99; }
            .embargo { background: #e0b25a; }
            .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 22px; }
            figure { margin: 0; }
            svg text { font-size: 11.5px; fill: #66727e; }
            figcaption { font-size: 13px; color: var(--quiet); }
            figcaption b { color: var(--ink); }
            .bar { min-width: 100px; width: 50%; }
            .bar span { display: block; height: 8px; margin: 7px 0 1px; background: #a9c6da; border-radius: 2px; }
            .checks { list-style: none; margin: 0; padding: 0; }
            .checks li { padding: 3px 0 3px 14px; border-left: 3px solid #8db89a; margin-bottom: 8px; }
            .checks li.bad { border-color: #cf6a4c; }
            .checks li.off { border-color: #c3cad1; }

            """
}
