import Features
import NIOCore
import NIOHTTP1
import Wire

extension RouteTable {
    /// Line protocol over HTTP, as Telegraf and InfluxDB's clients send it: FS.WRITE.
    static let writeRoutes: [Route] = [
        writing("/api/v2/write", "Points of line protocol, all or none: InfluxDB's path of version 2."),
        writing("/v1/write", "Points of line protocol, all or none."),
    ]

    private static func writing(_ path: String, _ summary: String) -> Route {
        Route(
            .POST,
            path,
            "\(summary) 204, or 400 with the first bad line. A resend stores points without a time again, unless source and seq are given: FS.WRITE.",
            parameters: [
                .init("precision", "the unit of the points' times: ns (the default), us, ms or s"),
                .init("source", "the writer's name, with seq"),
                .init("seq", "the number of this write among the source's: it is stored once"),
                .init("org", "ignored, as are orgID, bucket, db, rp and consistency"), .init("orgID", "ignored"),
                .init("bucket", "ignored"), .init("db", "ignored"), .init("rp", "ignored"),
                .init("consistency", "ignored"),
            ],
            body: Route.Body(
                types: ["text/plain; charset=utf-8", "application/octet-stream", "application/x-www-form-urlencoded"],
                example: "user_stats,user_id=1001 ctr=0.25 1700000000000000000"
            ),
            reply: .text("")
        ) { write($0) }
    }

    private static func write(_ call: RouteCall) {
        var words = CommandWords()
        words.append("FS.WRITE")
        words.append(bytes: call.request.body.readableBytesView)
        words.append("PRECISION")
        // InfluxDB 1 has `n` and `u`, too.
        let unit = call.request["precision"].flatMap { $0.isEmpty ? nil : $0 } ?? "ns"
        words.append(["n": "ns", "u": "us"][unit] ?? unit)
        for name in ["source", "seq"] {
            guard let value = call.request[name] else { continue }
            words.append(name.uppercased())
            words.append(value)
        }
        call.run(words) { _ in
            call.finish(HTTPReply(.noContent))
        } refused: { fault in
            // Their clients show `message`.
            let code = ["FSUNAVAILABLE", "FSTIMEOUT", "LOADING"].contains(fault.code) ? "unavailable" : "invalid"
            let message = Value.quote("\(fault.code) \(fault.message)")
            var reply = HTTPReply(
                fault.status,
                HTTPReply.json,
                ByteBuffer(string: "{\"code\":\"\(code)\",\"message\":\(message)}\n")
            )
            reply.headers += fault.headers
            call.finish(reply)
        }
    }
}
