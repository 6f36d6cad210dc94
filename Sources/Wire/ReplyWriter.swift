import CFloatText
package import NIOCore

/// The two versions of RESP that a connection may speak.
package enum ProtocolVersion: Int, Sendable, Hashable {
    case resp2 = 2
    case resp3 = 3
}

/// Encodes replies into a buffer, in the version that the connection speaks.
///
/// A reply is one value; an aggregate is its header followed by as many values as the header says. The caller sees to the
/// count.
package struct ReplyWriter: Sendable {
    package var buffer: ByteBuffer
    package var version: ProtocolVersion

    package init(buffer: ByteBuffer = ByteBuffer(), version: ProtocolVersion = .resp2) {
        self.buffer = buffer
        self.version = version
    }

    package mutating func null() {
        buffer.writeStaticString(version == .resp3 ? "_\r\n" : "$-1\r\n")
    }

    package mutating func bool(_ value: Bool) {
        switch (version, value) {
        case (.resp3, true): buffer.writeStaticString("#t\r\n")
        case (.resp3, false): buffer.writeStaticString("#f\r\n")
        case (.resp2, true): buffer.writeStaticString(":1\r\n")
        case (.resp2, false): buffer.writeStaticString(":0\r\n")
        }
    }

    package mutating func integer(_ value: Int64) { header(UInt8(ascii: ":"), value) }

    /// The shortest text that reads back to the same value.
    package mutating func double(_ value: Double) {
        number { asof_double_text(value, $0) }
    }

    package mutating func float(_ value: Float) {
        number { asof_float_text(value, $0) }
    }

    private mutating func number(_ write: (UnsafeMutablePointer<CChar>) -> Int32) {
        let isBulk = version == .resp2
        // A marker, two digits and CRLF in front, CRLF behind.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(ASOF_FLOAT_TEXT_MAX) + 7) { room in
            guard let base = room.baseAddress else { return 0 }
            // Safe: `room` has the bytes asked for, and a text has at most ASOF_FLOAT_TEXT_MAX.
            let start = isBulk ? 5 : 1
            let count = Int(write((base + start).assumingMemoryBound(to: CChar.self)))
            let bytes = base.assumingMemoryBound(to: UInt8.self)
            var end = start + count
            if isBulk {
                let digits = count < 10 ? 1 : 2
                if digits == 1 {
                    (base + 4).copyMemory(from: base + 5, byteCount: count)
                    end -= 1
                    bytes[1] = UInt8(ascii: "0") + UInt8(count)
                } else {
                    bytes[1] = UInt8(ascii: "0") + UInt8(count / 10)
                    bytes[2] = UInt8(ascii: "0") + UInt8(count % 10)
                }
                bytes[0] = UInt8(ascii: "$")
                bytes[1 + digits] = UInt8(ascii: "\r")
                bytes[2 + digits] = UInt8(ascii: "\n")
            } else {
                bytes[0] = UInt8(ascii: ",")
            }
            bytes[end] = UInt8(ascii: "\r")
            bytes[end + 1] = UInt8(ascii: "\n")
            return end + 2
        }
    }

    package mutating func bulk(_ text: String) {
        header(UInt8(ascii: "$"), Int64(text.utf8.count))
        buffer.writeString(text)
        buffer.writeStaticString("\r\n")
    }

    package mutating func bulk(_ bytes: UnsafeRawBufferPointer) {
        header(UInt8(ascii: "$"), Int64(bytes.count))
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    package mutating func bulk(_ bytes: Span<UInt8>) {
        header(UInt8(ascii: "$"), Int64(bytes.count))
        buffer.writeBytes(bytes.bytes)
        buffer.writeStaticString("\r\n")
    }

    package mutating func simple(_ text: StaticString) {
        buffer.writeStaticString("+")
        buffer.writeStaticString(text)
        buffer.writeStaticString("\r\n")
    }

    /// - Parameter message: begins with the code, such as `ERR` or `FSNOVIEW`; its line breaks become blanks.
    package mutating func error(_ message: String) {
        buffer.writeStaticString("-")
        let count = buffer.writeString(message)
        buffer.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.count - count..<bytes.count
            where bytes[index] == UInt8(ascii: "\r") || bytes[index] == UInt8(ascii: "\n") {
                bytes[index] = UInt8(ascii: " ")
            }
        }
        buffer.writeStaticString("\r\n")
    }

    package mutating func array(_ count: Int) { header(UInt8(ascii: "*"), Int64(count)) }

    /// - Parameter count: of pairs: each is a key, a bulk string, and its value.
    package mutating func map(_ count: Int) {
        if version == .resp3 {
            header(UInt8(ascii: "%"), Int64(count))
        } else {
            header(UInt8(ascii: "*"), Int64(count) * 2)
        }
    }

    private mutating func header(_ marker: UInt8, _ value: Int64) {
        if value >= 0, value < 10 {
            // One word: marker, digit, CRLF.
            let word = UInt32(marker) << 24 | UInt32(0x30 + UInt8(value)) << 16 | 0x0D0A
            buffer.writeInteger(word)
            return
        }
        // A marker, a sign and 19 digits, CRLF.
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 24) { room in
            let end = Self.digits(value, behind: marker, into: room)
            room[end] = UInt8(ascii: "\r")
            room[end + 1] = UInt8(ascii: "\n")
            return end + 2
        }
    }

    /// - Returns: how many bytes were written.
    private static func digits(_ value: Int64, behind marker: UInt8, into room: UnsafeMutableRawBufferPointer) -> Int {
        room[0] = marker
        var start = 1
        if value < 0 {
            room[1] = UInt8(ascii: "-")
            start = 2
        }
        var magnitude = value.magnitude
        var count = 1
        var bound: UInt64 = 10
        // At most 19 digits: ten to the 19th still fits.
        while magnitude >= bound {
            count += 1
            bound &*= 10
        }
        var at = start + count
        repeat {
            at -= 1
            let (quotient, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            room[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            magnitude = quotient
        } while at > start
        return start + count
    }
}
