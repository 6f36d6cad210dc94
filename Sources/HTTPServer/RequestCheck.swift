import Access
import Commands
import Foundation
import NIOHTTP1
import Wire

/// Whether a request may be answered at all, before anything of its body is looked at.
enum RequestCheck {
    /// - Parameter host: the address or name that the server was told to listen at, where only this machine reaches it; `nil` =
    ///   others do, under names that the server cannot know, and must say who they are.
    /// - Throws: 501 for a body that is framed in a way that this server does not know; 400 without one Host; 421 for another machine's; 403 for what a page of another site sends; 413 for a body that
    ///   is announced too long; 415 for one that is compressed in an unknown way; 417.
    static func check(_ head: HTTPRequestHead, host: String?, _ limits: HTTPLimits) throws(HTTPFault) {
        let headers = head.headers
        let framing = headers["transfer-encoding"].flatMap {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        if !framing.isEmpty, framing.map({ $0.trimmingCharacters(in: .whitespaces).lowercased() }) != ["chunked"] {
            throw HTTPFault(
                .notImplemented,
                "Transfer-Encoding \(CommandFault.quoted(headers["transfer-encoding"].joined(separator: ", "))): expected "
                    + "chunked, or none; a compressed body is said by Content-Encoding: gzip"
            )
        }
        let hosts = headers["host"]
        guard hosts.count == 1 || (hosts.isEmpty && head.version.major == 1 && head.version.minor == 0) else {
            throw HTTPFault(.badRequest, "\(hosts.count) Host headers; expected one")
        }
        if let host, let given = hosts.first, !isOurs(given, host) {
            throw HTTPFault(
                .misdirectedRequest,
                "Host \(CommandFault.quoted(given)) is not this server: it answers to localhost, 127.0.0.1, [::1] and what --http says"
            )
        }
        // Pages of other sites could otherwise read, through somebody's browser, what only this machine may.
        if let origin = headers.first(name: "origin"), !isSame(origin, hosts.first) {
            throw HTTPFault(
                .forbidden,
                "Origin \(CommandFault.quoted(origin)): pages of other sites may not ask this server"
            )
        }
        if headers.first(name: "sec-fetch-site")?.lowercased() == "cross-site" {
            throw HTTPFault(.forbidden, "Sec-Fetch-Site: cross-site: pages of other sites may not ask this server")
        }
        if let length = headers.first(name: "content-length").flatMap({ Int($0) }), length > limits.bodyBytesMax {
            throw tooLong(limits)
        }
        if let encoding = headers.first(name: "content-encoding")?.lowercased(),
            !["gzip", "identity"].contains(encoding)
        {
            throw HTTPFault(
                .unsupportedMediaType,
                "Content-Encoding \(CommandFault.quoted(encoding)): expected gzip, or none",
                headers: [("Accept-Encoding", "gzip")]
            )
        }
        if let expectation = headers.first(name: "expect"), expectation.lowercased() != "100-continue" {
            throw HTTPFault(.expectationFailed, "Expect \(CommandFault.quoted(expectation)): expected 100-continue")
        }
    }

    static func tooLong(_ limits: HTTPLimits) -> HTTPFault {
        HTTPFault(
            CommandFault(
                .limit,
                "the body has more than \(limits.bodyBytesMax >> 20) MiB, after decompression; send several requests"
            )
        )
    }

    static var full: HTTPFault {
        HTTPFault(
            CommandFault(.unavailable, "requests and replies of all clients together are too large; try again later")
        )
    }

    /// Whose rights a request asks for.
    enum Credentials {
        case caller(Caller)
        /// To be looked at beside the event loop.
        case unverified(user: String, password: [UInt8])
    }

    /// - Parameter address: the client's, as ``AccessControl`` takes it.
    /// - Throws: 401 where the server does not let everybody in and the request does not say who it is, or is not taken.
    static func credentials(
        _ headers: HTTPHeaders,
        _ access: AccessControl,
        address: String
    ) throws(HTTPFault) -> Credentials {
        if access.isOpen { return .caller(.unrestricted) }
        guard let given = headers.first(name: "authorization") else {
            throw unauthorized(
                CommandFault(
                    .noAuth,
                    "Authentication required: Authorization: Basic of user:password, or Bearer with the password of the user default"
                )
            )
        }
        guard let (user, password) = attempt(given) else {
            throw unauthorized(
                CommandFault(.noAuth, "Authorization is neither Basic of user:password nor Bearer PASSWORD")
            )
        }
        switch access.attempt(user: user, password: password.span, address: address) {
        case .decided(.accepted(let caller)): return .caller(caller)
        case .decided(.refused(let line)): throw unauthorized(line: line)
        case .undecided: return .unverified(user: user, password: password)
        }
    }

    /// - Parameter line: as RESP has the error.
    static func unauthorized(line: String) -> HTTPFault { challenged(HTTPFault(line: line)) }

    private static func unauthorized(_ fault: CommandFault) -> HTTPFault { challenged(HTTPFault(fault)) }

    private static func challenged(_ fault: HTTPFault) -> HTTPFault {
        var fault = fault
        fault.headers.append((name: "WWW-Authenticate", value: "Basic realm=\"asof\", Bearer"))
        return fault
    }

    /// - Returns: `nil` = the header is none of the two kinds.
    private static func attempt(_ header: String) -> (user: String, password: [UInt8])? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return ("default", Array(parts[1].utf8))
        case "basic":
            guard let pair = Data(base64Encoded: String(parts[1])), let colon = pair.firstIndex(of: UInt8(ascii: ":"))
            else { return nil }
            return (String(decoding: pair[..<colon], as: UTF8.self), Array(pair[(colon + 1)...]))
        default: return nil
        }
    }

    /// Whether a Host is one of the names under which only this machine is reached, or that which it listens at.
    private static func isOurs(_ given: String, _ host: String) -> Bool {
        var name = Substring(given.lowercased())
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("]") {
            guard UInt16(name[name.index(after: colon)...]) != nil else { return false }
            name = name[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        return ["localhost", "127.0.0.1", "::1", host.lowercased()].contains(String(name))
    }

    private static func isSame(_ origin: String, _ host: String?) -> Bool {
        guard let host else { return false }
        return ["http://\(host)", "https://\(host)"].contains { $0.lowercased() == origin.lowercased() }
    }
}
