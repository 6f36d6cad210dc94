/// What expressions have, as docs/reference/expressions.md shows it: asked of the tables by which they are typed.
package enum ExpressionReference {
    package struct Table: Sendable {
        package let title: String
        /// As many as each row has.
        package let columns: [String]
        package let rows: [[String]]
    }

    package static var tables: [Table] {
        [operators, conditions] + FunctionTable.Subject.allCases.map { functions($0) } + [times, casts]
    }

    /// As Markdown, the tables one after the other.
    package static var markdown: String {
        tables.map { table in
            let head =
                "| \(table.columns.joined(separator: " | ")) |\n|\(String(repeating: "---|", count: table.columns.count))"
            let rows = table.rows.map { row in
                "| \(row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |"
            }
            return "### \(table.title)\n\n\(([head] + rows).joined(separator: "\n"))\n"
        }.joined(separator: "\n")
    }

    private static let scalars: [ValueType] = [
        .bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp,
    ]

    private static func names(_ types: [ValueType], where isTaken: (ValueType) -> Bool) -> String {
        types.filter(isTaken).map(\.text).joined(separator: ", ")
    }

    private static var operators: Table {
        let compared = names(scalars + [.localTime, .interval]) { Comparison.kernel(.less, $0) != nil }
        func numbers(_ binary: Syntax.Binary) -> String {
            names(scalars) { Arithmetic.kernel(binary, $0) != nil }
        }
        return Table(
            title: "Operators, those that bind tightest first",
            columns: ["", "of", "gives", "error"],
            rows: [
                ["`x::type`", "see casts", "a cast", "see casts"],
                [
                    "`v[i]`", "vector; int32, int64", "element number *i* as float32, from 1; null where there is none",
                    "",
                ],
                ["`-a` `+a`", names(scalars) { Arithmetic.negate($0) != nil }, "the same type", "the least integer"],
                [
                    "`t at time zone 'Area/City'`", "timestamp, a local time",
                    "the local time there; the time when it is that there", "outside of the years 1 to 9999",
                ],
                ["`a * b`", numbers(.times), "the wider type", "overflow; a product so small that it would be 0"],
                [
                    "`a / b`", numbers(.divide), "the wider type; of integers cut towards 0",
                    "by 0, overflow; a quotient so small that it would be 0",
                ],
                ["`a % b`", numbers(.modulo), "the rest, with the sign of `a`", "by 0"],
                ["`a + b` `a - b`", numbers(.plus), "the wider type", "overflow"],
                ["`t - u`", "timestamp, a local time", "a difference of times, for `extract` and comparisons", ""],
                ["`s || t`", "string, and what can be cast to it", "string", "more than 1 MiB"],
                ["`x [not] between a and b`", compared, "bool: `x >= a and x <= b`", ""],
                ["`x [not] in (a, b, …)`", compared, "bool: `x = a or x = b …`", ""],
                ["`=` `<>` `!=` `<` `<=` `>` `>=`", compared, "bool", ""],
                ["`x is [not] null`", "anything", "bool", ""],
                ["`x is [not] true|false|unknown`", "bool", "bool", ""],
                ["`not a`", "bool", "bool", ""],
                ["`a and b`", "bool", "bool; `b` is not reached where `a` is false", ""],
                ["`a or b`", "bool", "bool; `b` is not reached where `a` is true", ""],
            ]
        )
    }

    private static let conditions = Table(
        title: "Choices",
        columns: ["", "gives"],
        rows: [
            [
                "`case when a then x … else y end`",
                "the value behind the first condition that is true; no other is reached",
            ],
            ["`case x when a then y … end`", "the same with `x = a`"],
            ["`coalesce(a, b, …)`", "the first that is not null; those behind it are not reached"],
            ["`nullif(a, b)`", "`a`, null where it is `b`"],
            ["`greatest(a, b, …)` `least(a, b, …)`", "of those that are not null"],
        ]
    )

    private static func functions(_ subject: FunctionTable.Subject) -> Table {
        let functions = FunctionTable.all.filter { $0.subject == subject }
        return Table(
            title: subject.rawValue,
            columns: ["", "gives", "", "error"],
            rows: functions.map { function in
                let calls = function.overloads.map {
                    "`\(function.name)(\($0.parameters.map(\.text).joined(separator: ", ")))`"
                }
                var results: [String] = []
                for overload in function.overloads where !results.contains(overload.result.text) {
                    results.append(overload.result.text)
                }
                return [
                    calls.joined(separator: " "), results.joined(separator: ", "), function.meaning, function.errors,
                ]
            }
        )
    }

    private static var times: Table {
        let parts = TimeParts.Part.allCases.map(\.rawValue).joined(separator: ", ")
        let ofIntervals = TimeParts.Part.ofIntervals.map(\.rawValue).joined(separator: ", ")
        let units = TimeParts.Unit.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return Table(
            title: "Times",
            columns: ["", "gives", ""],
            rows: [
                ["`extract(part from t)`", "float64", "\(parts) of a timestamp (in UTC) or a local time"],
                [
                    "`extract(part from t - u)`", "float64",
                    "\(ofIntervals) of a difference: whole days, then hours and minutes of the rest; epoch = all of it in seconds",
                ],
                ["`date_trunc(unit, t)`", "the same type", "the beginning of its \(units); weeks begin on Mondays"],
            ]
        )
    }

    private static var casts: Table {
        Table(
            title: "Casts",
            columns: ["`cast(x as …)`, `x::…`", "or", "to", "from"],
            rows: Syntax.CastType.allCases.map { target in
                let others = Syntax.CastType.names.filter { $0.value == target && $0.key != target.rawValue }.map(\.key)
                    .sorted()
                let to = target.type
                return [
                    "`\(target.rawValue)`", others.map { "`\($0)`" }.joined(separator: " "), to.text,
                    names(scalars) { $0 != to && Casts.kernel($0, to) != nil },
                ]
            }
        )
    }
}
