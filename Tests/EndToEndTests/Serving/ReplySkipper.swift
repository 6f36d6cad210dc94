import Glibc
import TestSupport

/// Reads replies of any size without keeping them, and sees that they are well formed.
final class ReplySkipper {
    private let client: RespClient
    private var room = [UInt8](repeating: 0, count: 1 << 20)
    private var at = 0
    private var end = 0
    /// Bytes of all replies.
    private(set) var byteCount = 0

    init(_ client: RespClient) { self.client = client }

    /// - Returns: the first line of the next reply, which has been read to its end.
    func next() throws -> String {
        var first = ""
        var left = 1
        while left > 0 {
            let line = try line()
            if first.isEmpty { first = String(decoding: line, as: UTF8.self) }
            left -= 1
            guard let marker = line.first else { throw Trouble("an empty line in a reply") }
            switch marker {
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "_"),
                UInt8(ascii: "#"):
                break
            case UInt8(ascii: "$"):
                let count = try number(line)
                if count >= 0 { try skip(count + 2) }
            case UInt8(ascii: "*"): left += try number(line)
            case UInt8(ascii: "%"): left += 2 * (try number(line))
            default: throw Trouble("no marker of RESP: '\(String(decoding: line.prefix(80), as: UTF8.self))'")
            }
        }
        return first
    }

    private func number(_ line: ArraySlice<UInt8>) throws -> Int {
        var value = 0
        if line.count == 3, line[line.startIndex + 1] == UInt8(ascii: "-") { return -1 }
        for byte in line.dropFirst() {
            guard byte >= 0x30, byte <= 0x39 else { throw Trouble("no number in a reply") }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    private func line() throws -> ArraySlice<UInt8> {
        while true {
            let found = room.withUnsafeBytes { bytes -> Int? in
                guard let base = bytes.baseAddress, let place = memchr(base + at, 0x0A, end - at) else { return nil }
                return UnsafeRawPointer(place) - base
            }
            if let found {
                defer { at = found + 1 }
                guard found > at, room[found - 1] == 0x0D else { throw Trouble("a line without CR in a reply") }
                return room[at..<found - 1]
            }
            try fill()
        }
    }

    private func skip(_ count: Int) throws {
        var left = count
        while true {
            let here = min(left, end - at)
            at += here
            left -= here
            if left == 0 { return }
            try fill()
        }
    }

    private func fill() throws {
        if at > 0 {
            room.replaceSubrange(0..<end - at, with: Array(room[at..<end]))
            (at, end) = (0, end - at)
        }
        guard end < room.count else { throw Trouble("a line of a reply is longer than \(room.count) bytes") }
        let count = room.withUnsafeMutableBytes { recv(client.descriptor, $0.baseAddress! + end, $0.count - end, 0) }
        if count < 0, errno == EINTR { return }
        guard count > 0 else { throw Trouble("the server ended the connection: \(String(cString: strerror(errno)))") }
        end += count
        byteCount += count
    }
}
