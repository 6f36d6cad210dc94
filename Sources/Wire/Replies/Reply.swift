/// One reply of a server, in either version of RESP, as a client reads it.
package enum Reply: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    /// A simple string, a big number or a verbatim text.
    case text(String)
    /// Its first word is a code.
    case error(String)
    case bulk([UInt8])
    /// An array or a set.
    case array([Reply])
    case map([Pair])
    /// Out of band: no answer to a request.
    case push([Reply])

    package struct Pair: Sendable, Hashable {
        package var key: Reply
        package var value: Reply

        package init(_ key: Reply, _ value: Reply) {
            self.key = key
            self.value = value
        }
    }

    /// A bulk's or simple text; bytes that are not UTF-8 become replacement characters.
    package var string: String? {
        switch self {
        case .text(let text): text
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        default: nil
        }
    }

    package var elements: [Reply]? { if case .array(let elements) = self { elements } else { nil } }

    package var int64: Int64? { if case .integer(let value) = self { value } else { nil } }

    /// The value of a key in a map, also in one that RESP2 wrote as an array.
    package subscript(key: String) -> Reply? {
        switch self {
        case .map(let pairs): return pairs.first { $0.key.string == key }?.value
        case .array(let elements):
            for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index].string == key {
                return elements[index + 1]
            }
            return nil
        default: return nil
        }
    }
}

/// Why bytes are no reply.
package struct ReplyFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
