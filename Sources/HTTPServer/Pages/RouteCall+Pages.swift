import Access
import Commands
import NIOCore
import NIOHTTP1
import NIOPosix
import Reading
import Serving
import Store
import Synchronization
import Wire

/// What a page shows of the ledger, which only PostgreSQL has.
enum PageLedger: Sendable {
    case notAsked
    case lines([Ledger.Line])
    /// Why there are none.
    case away(String)
}

extension RouteCall {
    /// Answers with a page, which is made beside the event loop; errors are pages, too.
    ///
    /// - Parameters:
    ///   - words: the command that tells the same: who may not run it gets no page.
    ///   - lines: how many of the ledger's newest entries the page shows; 0 = it asks nothing of PostgreSQL.
    ///   - view: whose entries; `nil` = all.
    func page(
        _ words: CommandWords,
        lines: Int = 0,
        of view: String? = nil,
        _ make: @escaping @Sendable (PageScope, PageLedger) throws(HTTPFault) -> Page
    ) {
        if let fault = refusal(words) { return finish(Page.reply(fault, nil)) }
        guard let reads = engine.reads else {
            return finish(
                Page.reply(
                    HTTPFault(.serviceUnavailable, "this server has no store; asof serve -d DATABASE has one"),
                    nil
                )
            )
        }
        let state = engine.serving?.state
        let scope = PageScope(
            catalog: reads.source.catalog(),
            rights: client.caller?.rights,
            state: state,
            position: reads.source.position(),
            nowUs: reads.source.now(),
            staleUs: state.flatMap { engine.serving?.lagUs($0) } ?? 0,
            request: request,
            name: parameters.first?.value ?? "",
            port: engine.port.load(ordering: .relaxed),
            version: engine.settings.version
        )
        guard lines > 0 else { return self.make(scope, .notAsked, make) }
        guard state?.downSince == nil, let history = engine.writes?.history else {
            return self.make(scope, .away("PostgreSQL is away"), make)
        }
        guard view.map({ scope.catalog.view(named: Array($0.utf8).span)?.stored != nil }) ?? true else {
            return self.make(scope, .lines([]), make)
        }
        // Of others' views nothing is told, and the ledger has no index by view; enough is read that most likely some are of the
        // views asked for.
        let read = scope.rights == nil && view == nil ? lines : HTTPLimits.pageLedgerLinesMax
        history.read(of: client.asker) { session throws(StoreError) in
            try Ledger(session).lines(view: nil, limit: read)
        } finish: { [loop] result in
            let ledger: PageLedger
            switch result {
            case .success(let all):
                let asked = view == nil ? all : all.filter { $0.view == view }
                let readable =
                    scope.rights == nil ? asked : asked.filter { $0.view.map { scope.mayRead(.view, $0) } ?? false }
                ledger = .lines(Array(readable.prefix(lines)))
            case .failure(let error): ledger = .away(CommandFault(error).message)
            }
            loop.execute { self.make(scope, ledger, make) }
        }
    }

    private func make(
        _ scope: PageScope,
        _ ledger: PageLedger,
        _ make: @escaping @Sendable (PageScope, PageLedger) throws(HTTPFault) -> Page
    ) {
        work(ofBytes: .max) {
            do throws(HTTPFault) { return try make(scope, ledger).reply(scope) } catch {
                return Page.reply(error, scope)
            }
        } then: {
            self.finish($0)
        }
    }
}
