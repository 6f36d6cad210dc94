import Features
import Reading
import Serving
import Store
import Wire

extension FeatureCommands {
    private static let serveOptions: ReplyOptions.Allowed = [.format, .minimumPosition, .time, .nulls]

    /// `FS.SERVE service KEYS nk key … ROWS nr value … [FORMAT f] [LOSSY] [META] [MINPOS p] [AT t] [NULL text]`
    static func serve(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> FeatureRequest {
        let service = try catalog.plan(arguments[1])
        let given = try ServiceArguments(arguments, from: 2, of: service, command: "FS.SERVE service")
        var options = try ReplyOptions(arguments, from: given.end, of: "fs.serve", serveOptions)
        try options.readTime(arguments, now: reads.source.now)
        let plan = reads.plan(service, in: catalog)
        let views = service.roles.map(\.view)
        try FeatureRequest.check(plan, options, views: views, rowCount: given.rowCount)
        return FeatureRequest(
            .service,
            plan,
            options,
            views: views,
            keys: try given.keys(arguments, isTimed: options.time != nil),
            rowCount: given.rowCount,
            computation: try given.computation(arguments, null: options.nullArgument)
        )
    }
}

extension ReplyOptions {
    /// Reads the time behind AT.
    /// - Throws: FSTIME for what is no time, or lies in the future.
    mutating func readTime(_ arguments: borrowing Arguments, now: () -> Int64) throws(CommandFault) {
        guard let timeArgument else { return }
        let now = now()
        let time = try TimeWord.request(arguments[timeArgument], now: now, allowsEarly1970: false)
        guard time <= now else {
            throw CommandFault(
                .time,
                "AT \(Timestamp(microseconds: time).text) lies after now, \(Timestamp(microseconds: now).text); "
                    + "leave AT out for the newest values"
            )
        }
        self.time = time
    }
}
