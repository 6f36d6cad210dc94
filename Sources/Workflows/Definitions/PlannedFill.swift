import Features
import Store

/// An online table that applying a plan makes of a view's history.
package struct PlannedFill: Sendable, Hashable {
    package let view: String
    /// Of history, which are all read.
    package let rows: Int64

    /// What a row of history costs, about.
    private static let rowSeconds = 4e-6

    /// About how long that takes, in seconds.
    package var seconds: Double { 0.05 + Double(rows) * Self.rowSeconds }

    /// Whether it is made beside the view, while writers go on; less, of all views together, is sooner done than begun so.
    var isBeside = false

    /// The views of `new` that have history, and had no online table.
    static func all(_ new: Definitions, _ applied: AppliedDefinitions, _ session: Session) throws -> [PlannedFill] {
        let without = (applied.definitions.views + applied.retired.views).filter { !$0.isOnline }.map(\.name)
        let names = Set(without).intersection(new.views.filter { $0.isOnline && $0.windows == nil }.map(\.name))
        guard !names.isEmpty else { return [] }
        let totals = try Ledger(session).totals()
        var fills = try StoredView.all(session).compactMap { view, _ -> PlannedFill? in
            guard names.contains(view.name), let rows = totals[view.id]?.rows, rows > 0 else { return nil }
            return PlannedFill(view: view.name, rows: rows)
        }
        // Writers of all of them wait for what is made in the transaction.
        var rows: Int64 = 0
        for index in fills.indices.sorted(by: { fills[$0].rows < fills[$1].rows }) {
            rows += fills[index].rows
            fills[index].isBeside = rows > WorkflowLimits.fillRowsMax
        }
        return fills
    }
}
