import Metrics
import Store

extension GroupWriter {
    /// Writes into the store that `serving` follows: what was committed is shown there before its clients are told.
    package convenience init(into serving: Serving, options: Options = Options()) {
        var options = options
        options.log = serving.options.log
        self.init(conninfo: serving.conninfo, options: options) { committed, finish in
            guard committed.isOwn else {
                _ = serving.whenReached(committed.state.position, timeoutMs: ServingLimits.ownCommitWaitMs) { _ in
                    finish()
                }
                return
            }
            if !committed.late.isEmpty {
                let catalog = serving.catalog
                for (view, rows) in committed.late { try? catalog.view(named: view).counters.addLate(rows) }
            }
            serving.note(committed.tallies)
            serving.apply(committed.views, events: committed.events, state: committed.state, finish: finish)
        }
    }
}
