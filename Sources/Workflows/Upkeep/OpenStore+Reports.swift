package import Operations
package import Store

extension OpenStore {
    /// Proves in SQL, in one snapshot, that ledger, history and online tables agree.
    ///
    /// - Parameter names: the views; none = all.
    /// - Returns: every property that was looked at: the ledger's, then each view's, by name.
    /// - Complexity: reads all of the views' history.
    package func check(_ names: [String] = []) throws -> [StoreCheck.Finding] {
        try control.run {
            var seen: Set<String> = []
            return try StoreCheck(session).run(named: names.filter { seen.insert($0).inserted })
        }
    }

    /// How the store and its views stand, in one snapshot; ``StoreStatus/View/isStale`` of each tells whether it is as
    /// fresh as its definition asks for.
    package func status() throws -> StoreStatus { try control.run { try StoreStatus.read(session) } }

    /// What was committed, newest first.
    ///
    /// - Parameters:
    ///   - view: only this one's entries; `nil` = all.
    ///   - limit: how many entries, at most.
    package func log(view: String? = nil, limit: Int) throws -> [Ledger.Line] {
        try control.run {
            let stored = try view.map { try Registry.load(session).view(named: $0) }
            return try Ledger(session).lines(view: stored, limit: limit)
        }
    }
}
