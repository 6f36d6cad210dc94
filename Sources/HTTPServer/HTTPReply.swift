import Features
import NIOCore
import NIOHTTP1
import Wire

/// A whole reply.
struct HTTPReply {
    var status: HTTPResponseStatus
    /// Besides those that every reply has.
    var headers: [(name: String, value: String)] = []
    var body = ByteBuffer()

    static let json = "application/json"
    static let text = "text/plain; charset=utf-8"

    init(_ status: HTTPResponseStatus, _ type: String? = nil, _ body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.body = body
        if let type { headers.append(("Content-Type", type)) }
    }

    init(_ status: HTTPResponseStatus, text: String) { self.init(status, Self.text, ByteBuffer(string: text)) }

    init(_ fault: HTTPFault) {
        let body = "{\"code\":\(Value.quote(fault.code)),\"error\":\(Value.quote(fault.message))}\n"
        self.init(fault.status, Self.json, ByteBuffer(string: body))
        headers += fault.headers
    }

    /// The head that goes before the body.
    /// - Parameter closes: whether the connection ends behind it.
    func head(closes: Bool) -> HTTPResponseHead {
        var fields = HTTPHeaders(headers.map { ($0.name, $0.value) })
        if status != .noContent { fields.add(name: "Content-Length", value: String(body.readableBytes)) }
        fields.add(name: "Cache-Control", value: "no-store")
        fields.add(name: "X-Content-Type-Options", value: "nosniff")
        if closes { fields.add(name: "Connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: status, headers: fields)
    }
}

/// Why a request is not done: a status and a code for programs, a sentence for people.
struct HTTPFault: Error {
    var status: HTTPResponseStatus
    /// The first word of what a RESP client would be told.
    var code: String
    var message: String
    var headers: [(name: String, value: String)] = []

    /// A fault of the request itself.
    init(_ status: HTTPResponseStatus, _ message: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.code = CommandFault.Code.general.rawValue
        self.message = message
        self.headers = headers
    }

    /// - Parameter names: which names the client may be told, where the fault has any.
    init(_ fault: CommandFault, telling names: ToldNames? = { _, _ in false }) {
        code = fault.code.rawValue
        message = fault.message + fault.hint(telling: names)
        status = fault.code.status
        if fault.code.isPassing { headers = [("Retry-After", "1")] }
    }

    /// - Parameter line: of an error reply, without its marker and end.
    init(line: String) {
        let word = String(line.prefix { $0 != " " })
        guard let code = CommandFault.Code(rawValue: word) else {
            self.init(.badRequest, line)
            return
        }
        self.init(CommandFault(code, String(line.dropFirst(word.count + 1))))
    }
}

extension CommandFault.Code {
    /// The one place where errors of commands get their statuses.
    var status: HTTPResponseStatus {
        switch self {
        case .general, .entity, .type, .value, .time, .parse, .modelValue, .wrongType: .badRequest
        case .noView, .noFeature, .noService, .noModel, .noVersion: .notFound
        case .limit: .payloadTooLarge
        case .order, .modelConflict, .modelSchema: .conflict
        case .timeout, .modelTimeout: .gatewayTimeout
        case .unavailable, .readOnly, .loading, .notReady: .serviceUnavailable
        case .noAuth, .wrongPassword: .unauthorized
        case .noPermission: .forbidden
        }
    }

    /// Whether the same request may succeed in a moment.
    var isPassing: Bool {
        switch self {
        case .timeout, .modelTimeout, .unavailable, .loading: true
        default: false
        }
    }
}
