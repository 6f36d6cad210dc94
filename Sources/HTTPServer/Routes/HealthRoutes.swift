import Access
import Commands
import Features
import Metrics
import NIOHTTP1
import Serving
import Store
import Wire

extension RouteTable {
    /// Probes and what a monitor scrapes. None of them asks PostgreSQL or runs a command.
    static let healthRoutes: [Route] = [
        Route(
            .GET,
            "/healthz",
            "Whether the process lives: its event loops turn. Not whether PostgreSQL does.",
            reply: .text("ok"),
            isOpen: true
        ) { Health.healthz($0) },
        Route(
            .GET,
            "/readyz",
            "Whether requests are to be sent here: latest values are loaded and followed. While PostgreSQL is away reads go on, and the header Asof-Stale-Seconds says how old they may be.",
            parameters: [
                .init("writes", "also whether writes can be stored now"),
                .init("max_lag", "how old what is served may be, as 5s"),
            ],
            reply: .text("ready"),
            isOpen: true
        ) { call in call.attempt { () throws(HTTPFault) in try Health.readyz(call) } },
        Route(
            .GET,
            "/metrics",
            "Counters and gauges of the server, as Prometheus reads them.",
            reply: Route.Body(types: [MetricsText.contentType], example: "asof_ledger_position 42")
        ) { call in
            let body = MetricsText.body(call.engine, call.loop.state, of: call.client)
            call.finish(HTTPReply(.ok, MetricsText.contentType, body))
        },
    ]
}

enum Health {
    static func healthz(_ call: RouteCall) {
        let stillMs = ServerHealth.stillMs(call.engine)
        guard stillMs < call.limits.turnTimeoutMs else {
            return call.finish(
                HTTPReply(.serviceUnavailable, text: "an event loop has stood still for \(stillMs) ms\n")
            )
        }
        call.finish(HTTPReply(.ok, text: "ok\n"))
    }

    static func readyz(_ call: RouteCall) throws(HTTPFault) {
        var maxLag: Interval?
        if let text = call.request["max_lag"] {
            guard let interval = Interval(text: text) else {
                throw HTTPFault(
                    .badRequest,
                    "max_lag \(CommandFault.quoted(text)): expected a duration, as 5s or 500ms"
                )
            }
            maxLag = interval
        }
        func refuse(_ reason: String) {
            var reply = HTTPReply(.serviceUnavailable, text: reason + "\n")
            reply.headers.append(("Retry-After", "1"))
            call.finish(reply)
        }
        if call.loop.state.isDraining { return refuse("draining") }
        guard let serving = call.engine.serving else {
            return call.finish(HTTPReply(.ok, text: "ready, without a store\n"))
        }
        let state = serving.state
        if state.isLoading { return refuse(ServerHealth.loading(state, isOpen: call.engine.access.isOpen)) }
        let lagUs = serving.lagUs(state)
        if let maxLag, lagUs > maxLag.microseconds {
            return refuse("behind: what is served may be \(seconds(lagUs)) s old; max_lag is \(maxLag.text)")
        }
        if call.request.isSet("writes") {
            if state.downSince != nil { return refuse("PostgreSQL is away: nothing can be written") }
            if let refusal = call.engine.writes?.refusal { return refuse("nothing can be written: \(refusal)") }
        }
        var text = state.downSince == nil ? "ready\n" : "ready; PostgreSQL is away\n"
        if call.engine.access.isOpen {
            for view in state.deniedViews.sorted() { text += "but \(StoreError.deniedView(view))\n" }
        } else if !state.deniedViews.isEmpty {
            // Probes do not say who they are.
            text += "but not every view can be read (\(state.deniedViews.count)): `asof status` names them\n"
        }
        var reply = HTTPReply(.ok, text: text)
        if state.downSince != nil { reply.headers.append(("Asof-Stale-Seconds", seconds(lagUs))) }
        call.finish(reply)
    }

    /// With three places, rounded up.
    private static func seconds(_ us: Int64) -> String {
        let ms = (us + 999) / 1_000
        return "\(ms / 1_000).\(String(1_000 + ms % 1_000).dropFirst())"
    }
}
