import Access
import Commands
import Metrics
import NIOCore
import NIOHTTP1
import NIOPosix
import Reading
import Serving
import Wire

/// One request under way: what a route has of it, and how it answers.
///
/// `@unchecked Sendable`: used on its connection's event loop only; what runs elsewhere comes back by ``onLoop(_:)``.
final class RouteCall: @unchecked Sendable {
    /// Its body is there, and not compressed, when the route runs.
    var request: HTTPRequest
    /// Of the path.
    let parameters: [String: String]
    let client: ClientState
    let loop: HTTPLoop
    private var answer: ((HTTPReply) -> Void)?
    /// Ends work that nobody waits for any more.
    private var abandonments: [@Sendable () -> Void] = []
    private var isAbandoned = false
    /// Whether something was begun that may be stored whoever waits for it.
    private(set) var isWriting = false

    var engine: Engine { loop.engine }
    var limits: HTTPLimits { loop.limits }

    init(
        _ request: HTTPRequest,
        _ parameters: [String: String],
        client: ClientState,
        loop: HTTPLoop,
        answer: @escaping (HTTPReply) -> Void
    ) {
        self.request = request
        self.parameters = parameters
        self.client = client
        self.loop = loop
        self.answer = answer
    }

    // MARK: Answering

    /// Sends the reply; once.
    func finish(_ reply: HTTPReply) {
        guard let answer else { return }
        self.answer = nil
        answer(reply)
    }

    func fail(_ fault: HTTPFault) { finish(HTTPReply(fault)) }

    /// Does what a route does and answers with what it throws.
    func attempt(_ body: () throws(HTTPFault) -> Void) {
        do throws(HTTPFault) { try body() } catch { fail(error) }
    }

    /// The client is gone.
    func abandon() {
        answer = nil
        isAbandoned = true
        for abandonment in abandonments { abandonment() }
        abandonments = []
    }

    // MARK: Work

    /// Runs what takes long where `bytes` are many beside the event loop, else at once; then goes on.
    func work<Made: Sendable>(
        ofBytes bytes: Int,
        _ body: @escaping @Sendable () throws(HTTPFault) -> Made,
        then: @escaping @Sendable (Made) -> Void
    ) {
        guard bytes > limits.inlineBytesMax else {
            return attempt { () throws(HTTPFault) in then(try body()) }
        }
        loop.pool.submit { [loop] state in
            guard case .active = state else { return }
            let result: Result<Made, HTTPFault>
            do throws(HTTPFault) { result = .success(try body()) } catch { result = .failure(error) }
            loop.execute {
                guard !self.isAbandoned else { return }
                switch result {
                case .success(let made): then(made)
                case .failure(let fault): self.fail(fault)
                }
            }
        }
    }

    /// Asks for the rights that a command will ask for, before anything of what the name stands for is told.
    /// - Parameter command: that will be run, in lower case.
    /// - Throws: NOPERM.
    func require(_ kind: NameKind, _ name: String, _ command: String) throws(HTTPFault) {
        guard let line = client.caller?.refusal(.read, kind, Array(name.utf8).span, of: command) else { return }
        engine.access.countRefusal()
        throw HTTPFault(line: line)
    }

    /// The version of a service that a name stands for now.
    /// - Throws: FSNOSERVICE; LOADING.
    func service(_ name: String) throws(HTTPFault) -> ServicePlan {
        guard let reads = engine.reads else { throw HTTPFault(CommandFault(.unavailable, "this server has no store")) }
        if engine.hooks.isLoading() {
            throw stillLoading
        }
        do { return try reads.source.catalog().plan(Array(name.utf8).span) } catch {
            throw HTTPFault(engine.hooks.told(error), telling: client.names)
        }
    }

    /// Why nothing is answered yet.
    var stillLoading: HTTPFault {
        HTTPFault(CommandFault.stillLoading(engine.hooks.loadingReason { client.mayRead(.view, $0) }))
    }

    /// Why a command would not be run for this client, asked for what tells the same in another form.
    func refusal(_ words: CommandWords) -> HTTPFault? {
        let arguments = Arguments(bytes: words.bytes.span, ranges: words.ranges.span)
        client.renew(engine.access)
        guard let caller = client.caller else { return RequestCheck.unauthorized(line: AccessControl.wrong) }
        let resolution = engine.table.resolve(arguments)
        return engine.refusal(resolution, arguments, of: caller, requestBytes: words.bytes.count).map {
            HTTPFault(line: $0)
        }
    }

    /// Runs a command as a RESP client's would run, and goes on with its reply, in RESP3.
    /// - Parameter refused: takes an error; without it that is the answer.
    func run(
        _ words: CommandWords,
        then: @escaping @Sendable (ByteBuffer) -> Void,
        refused: (@Sendable (HTTPFault) -> Void)? = nil
    ) {
        let refused = refused ?? { self.fail($0) }
        let arguments = Arguments(bytes: words.bytes.span, ranges: words.ranges.span)
        let limits = ReplyLimits(bytesMax: limits.replyBytesMax, valuesMax: limits.replyValuesMax)
        let (table, statistics) = (engine.table, loop.statistics)
        let resolution = table.resolve(arguments)
        client.renew(engine.access)
        guard client.caller != nil else { return refused(RequestCheck.unauthorized(line: AccessControl.wrong)) }
        statistics.commands.add()
        let refusal = engine.refusal(resolution, arguments, of: client.caller, requestBytes: words.bytes.count)
        if let refusal {
            if let place = resolution.place { statistics.byCommand.add(place, ns: 0, .refused) }
            engine.giveUp(resolution, arguments, of: client.caller, client: client.id)
            return refused(HTTPFault(line: refusal))
        }
        guard case .command(let place) = resolution else { return }
        let startedNs = Clock.nowNs()
        var empty = ReplyWriter(version: .resp3, limits: limits)
        empty.names = client.names
        var context = CommandContext(reply: empty, client: client, engine: engine)
        let end: @Sendable (ByteBuffer) -> Void = { reply in
            let isError = reply.getInteger(at: reply.readerIndex) == UInt8(ascii: "-")
            statistics.byCommand.add(place, ns: Clock.nowNs() - startedNs, isError ? .failed : .done)
            guard !self.isAbandoned else { return }
            guard isError else { return then(reply) }
            let line = reply.getString(at: reply.readerIndex + 1, length: reply.readableBytes - 3) ?? ""
            refused(HTTPFault(line: line))
        }
        switch table.run(place, &context, arguments) {
        case .replied, .closed: end(context.reply.buffer)
        case .deferred(let reply):
            if let cancel = reply.cancel { abandonments.append(cancel) }
            if let abandon = reply.abandon { abandonments.append(abandon) }
            if reply.isWrite || reply.hasEffect { isWriting = true }
            reply.start { [loop, empty] body in
                loop.execute {
                    var writer = empty
                    body(&writer)
                    end(writer.buffer)
                }
            }
        case .transaction: fail(HTTPFault(.badRequest, "there are no transactions over HTTP"))
        }
    }

    /// Runs a command and answers with its reply as JSON.
    func answer(_ words: CommandWords, as json: ReplyJSON = ReplyJSON()) {
        run(words) { reply in
            self.work(ofBytes: reply.readableBytes) {
                var body = ByteBuffer()
                body.reserveCapacity(reply.readableBytes + 256)
                json.write(reply, to: &body)
                body.writeStaticString("\n")
                return body
            } then: {
                self.finish(HTTPReply(.ok, HTTPReply.json, $0))
            }
        }
    }
}
