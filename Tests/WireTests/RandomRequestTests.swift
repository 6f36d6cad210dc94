import TestSupport
import Testing
import Wire

/// The decoder against a slow one that sees all bytes at once and knows nothing of states.
@Suite struct RandomRequestTests {
    /// Decodes RESP arrays and inline lines without quotes.
    static func slowly(_ bytes: [UInt8]) -> DecodedRequests {
        var result = DecodedRequests()
        var rest = bytes[...]
        func line(_ from: ArraySlice<UInt8>) -> (text: String, rest: ArraySlice<UInt8>)? {
            for index in from.indices.dropLast() where from[index] == 13 {
                guard from[index + 1] == 10 else { return ("broken", from) }
                return (latin1(from[..<index]), from[(index + 2)...])
            }
            return nil
        }
        func integer(_ text: String) -> Int? {
            guard let value = Int(text), String(value) == text else { return nil }
            return value
        }
        while let first = rest.first {
            var request: [String] = []
            if first == UInt8(ascii: "*") {
                guard let header = line(rest.dropFirst()) else { return partial(result) }
                guard let count = integer(header.text), count <= 1_048_576 else { return failed(result, .count) }
                rest = header.rest
                if count <= 0 { continue }
                for _ in 0..<count {
                    guard let marker = rest.first else { return partial(result) }
                    if marker != UInt8(ascii: "$") { return failed(result, .expectedBulk(got: marker)) }
                    guard let header = line(rest.dropFirst()) else { return partial(result) }
                    guard let length = integer(header.text), length >= 0, length <= 64 << 20 else {
                        return failed(result, .bulk)
                    }
                    guard header.rest.count >= length + 2 else { return partial(result) }
                    let end = header.rest.startIndex + length
                    guard header.rest[end] == 13, header.rest[end + 1] == 10 else { return failed(result, .bulk) }
                    request.append(latin1(header.rest[..<end]))
                    rest = header.rest[(end + 2)...]
                }
            } else {
                let end = rest.firstIndex(of: 10)
                let nul = rest.firstIndex(of: 0)
                if let nul, nul < end ?? .max { return failed(result, .bigInline) }
                guard let end else { return partial(result) }
                request = rest[..<end].split { $0 == 32 || (9...13).contains($0) }.map { latin1($0) }
                rest = rest[(end + 1)...]
            }
            if !request.isEmpty { result.requests.append(request) }
        }
        return result
    }

    private static func partial(_ result: DecodedRequests) -> DecodedRequests {
        var result = result
        result.isPartial = true
        return result
    }

    private static func failed(_ result: DecodedRequests, _ fault: RequestFault) -> DecodedRequests {
        var result = result
        result.fault = fault
        return result
    }

    @Test("random bytes near to requests are decoded as slowly", arguments: [1, 2, 3, 4] as [UInt64])
    func agrees(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<1_000 {
            var sent: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) { sent += Self.request(&random) }
            if Int.random(in: 0..<3, using: &random) == 0, !sent.isEmpty {
                // A byte is lost, doubled or another.
                let at = Int.random(in: 0..<sent.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: sent.remove(at: at)
                case 1: sent.insert(sent[at], at: at)
                default: sent[at] = Array("*$\r\n019-+ \0x".utf8).randomElement(using: &random) ?? 0
                }
            }
            let cuts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                Int.random(in: 0...sent.count, using: &random)
            }.sorted()
            let expected = Self.slowly(sent)
            let got = DecodedRequests.of(sent, cuts: cuts)
            #expect(got == expected, "seed \(seed), \(latin1(sent).debugDescription), cuts \(cuts)")
        }
    }

    private static func request(_ random: inout SeededRandom) -> [UInt8] {
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            return Array(
                ["\r\n", "*0\r\n", "*-1\r\n", "  \n", "*-10\r\n"].randomElement(using: &random)?.utf8 ?? "".utf8
            )
        case 1, 2: return Array("PING a  b\r\n".utf8)
        default:
            let count = Int.random(in: 1...4, using: &random)
            var bytes = Array("*\(count)\r\n".utf8)
            for _ in 0..<count {
                let length = Int.random(in: 0...12, using: &random)
                bytes += Array("$\(length)\r\n".utf8)
                // Without quotes, which the slow one does not know.
                bytes += (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                    .map { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") ? 0x2A : $0 }
                bytes += [13, 10]
            }
            return bytes
        }
    }
}
