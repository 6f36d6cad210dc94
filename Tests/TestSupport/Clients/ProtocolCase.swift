import Foundation

/// A case of `resp_valkey_protocol.json` (``Cases``): what a client sends, step by step, and what it gets.
package struct ProtocolCase: Decodable, Sendable, CustomStringConvertible {
    package struct Step: Decodable, Sendable {
        package var send: String?
        package var exact: String?
        package var prefix: String?
        package var contains: String?
        package var close: Bool?
        package var open: Bool?
        package var none: Bool?
        package var field: [Cell]?
        package var config: String?
        package var semantic: String?
        package var sendUntilClose: String?

        enum CodingKeys: String, CodingKey {
            case send, exact, prefix, contains, close, open, none, field, config, semantic
            case sendUntilClose = "send_until_close"
        }
    }

    package enum Cell: Decodable, Sendable, Hashable {
        case text(String)
        case number(Int64)

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    package var id: String
    package var steps: [Step]

    package var description: String { id }

    /// A case whose steps may be of a shape that we do not replay.
    private struct Raw: Decodable {
        var id: String
        var value: ProtocolCase?

        enum CodingKeys: CodingKey { case id }

        init(from decoder: any Decoder) throws {
            id = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .id)
            value = try? ProtocolCase(from: decoder)
        }
    }

    /// Cases about commands that we do not have, or about nothing that can be sent.
    private static let leftOut: Set<String> = [
        "many-args", "debug-attrib-resp2", "debug-bool", "debug-bignum", "debug-verbatim", "maxclients",
        "invalidate-resp3", "hello-last-auth-wins", "pubsub-ping-resp2", "pubsub-ping-resp3",
        "pubsub-same-channel-thrice", "pubsub-resp2-restricted", "unsubscribe-when-not-subscribed",
    ]

    /// Those to be replayed.
    package static let all: [ProtocolCase] = Cases.read("resp_valkey_protocol", Raw.self, name: \.id)
        .filter { !leftOut.contains($0.id) }.compactMap { $0.value?.withOurCommands }

    /// Commands of Redis that we do not have, replaced by some of ours with the same shape.
    private var withOurCommands: ProtocolCase {
        var copy = self
        for index in steps.indices {
            copy.steps[index].send = steps[index].send?
                .replacing(
                    "*2\r\n$11\r\nSRANDMEMBER\r\n$15\r\nnonexisting_key",
                    with: "*2\r\n$6\r\nCLIENT\r\n$7\r\nGETNAME"
                )
        }
        return copy
    }

    /// The password that the server of this case has.
    package var password: String? {
        for case let config? in steps.map(\.config) where config.hasPrefix("requirepass ") {
            return String(config.dropFirst("requirepass ".count)).replacing("<NUL>", with: "\0")
        }
        return nil
    }
}

/// Bytes as a text with a character for each.
package func latin1(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

/// The bytes that a text with a character for each stands for.
package func bytes(latin1 text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
