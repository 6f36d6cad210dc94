import CFloatText
package import NIOCore

/// The two versions of RESP that a connection may speak.
package enum ProtocolVersion: Int, Sendable, Hashable {
    case resp2 = 2
    case resp3 = 3
}

/// Encodes replies into a buffer, in the version that the connection speaks, and sees to it that none is too large.
///
/// A reply is one value; an aggregate is its header followed by as many values as the header says. The caller sees to the
/// count, and calls ``begin(_:)`` where a reply begins.
///
/// A reply that would go beyond its limits becomes an error: what was written of it is taken back at once, however deep in
/// it the writing is, its memory is given back, and what the caller still writes of it is ignored. So a caller need not ask,
/// but one that writes in a loop stops where ``isRefused`` says so.
package struct ReplyWriter: Sendable {
    package var buffer: ByteBuffer
    package var version: ProtocolVersion
    /// Which names errors tell; `nil` = all.
    package var names: ToldNames?
    /// Of the reply that is being written.
    package private(set) var limits = ReplyLimits.reply
    /// Where the reply begins in the buffer.
    private var start: Int
    /// Where it ends at the latest; negative = it is refused.
    private var end: Int
    private var valuesLeft: Int

    package init(buffer: ByteBuffer = ByteBuffer(), version: ProtocolVersion = .resp2, limits: ReplyLimits = .reply) {
        self.buffer = buffer
        self.version = version
        start = buffer.writerIndex
        end = start
        valuesLeft = 0
        begin(limits)
    }

    // MARK: Bounds

    private static let givenBackBytesMin = 1 << 20

    /// A reply begins here, behind what the buffer has.
    package mutating func begin(_ limits: ReplyLimits = .reply) {
        self.limits = limits
        start = buffer.writerIndex
        end = start &+ limits.bytesMax
        valuesLeft = limits.valuesMax
    }

    /// Whether the reply was more than it may be, so that an error stands for it.
    package var isRefused: Bool { end < 0 }

    /// Takes back what was written of the reply, or the error that stands for it, and begins it anew.
    package mutating func restart(_ limits: ReplyLimits) {
        buffer.moveWriterIndex(to: start)
        begin(limits)
    }

    /// What the reply has so far.
    package var used: (bytes: Int, values: Int) {
        (buffer.writerIndex - start, isRefused ? 1 : limits.valuesMax - valuesLeft)
    }

    /// Whether values of at most so many bytes have their place; else the reply is refused, if it was not.
    @inline(__always)
    private mutating func admits(_ bytes: Int, values: Int = 1) -> Bool {
        valuesLeft &-= values
        if valuesLeft >= 0, bytes <= end &- buffer.writerIndex { return true }
        refuse()
        return false
    }

    /// Puts an error into the reply's place, unless that has happened.
    @inline(never)
    package mutating func refuse() {
        guard !isRefused else { return }
        valuesLeft = 0
        if buffer.writerIndex - start >= max(start, Self.givenBackBytesMin) {
            // The memory of what was written goes; what stands before the reply stays where it is.
            let before = buffer
            buffer = ByteBuffer()
            buffer.writeRepeatingByte(0, count: before.readerIndex)
            buffer.moveReaderIndex(to: before.readerIndex)
            if let bytes = before.getSlice(at: before.readerIndex, length: start - before.readerIndex) {
                buffer.writeImmutableBuffer(bytes)
            }
        } else {
            buffer.moveWriterIndex(to: start)
        }
        buffer.writeStaticString("-")
        buffer.writeString(limits.refusal)
        buffer.writeStaticString("\r\n")
        end = -1
    }

    /// Lets a caller write values that it has encoded itself.
    /// - Parameters:
    ///   - count: of the values, see ``ReplyLimits/valuesMax``.
    ///   - bytesMax: that they take at most, and that `write` may use.
    ///   - write: gets memory of at least that size; returns how much of it the values take. Not called where the reply is
    ///     refused.
    @inline(__always)
    package mutating func values(
        _ count: Int,
        bytesMax: Int,
        _ write: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        guard admits(bytesMax, values: count) else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bytesMax, write)
    }

    /// Takes a reply that was encoded elsewhere, within the same limits.
    package mutating func encoded(_ reply: ReplyWriter) {
        let (bytes, values) = reply.used
        guard admits(bytes, values: values) else { return }
        if start == buffer.readerIndex, buffer.readableBytes == 0, reply.start == 0, reply.buffer.readerIndex == 0 {
            // Nothing is copied, however large it is.
            buffer = reply.buffer
            (start, end) = (0, limits.bytesMax)
        } else if let slice = reply.buffer.getSlice(at: reply.start, length: bytes) {
            buffer.writeImmutableBuffer(slice)
        }
    }

    // MARK: Values

    package mutating func null() {
        guard admits(5) else { return }
        buffer.writeStaticString(version == .resp3 ? "_\r\n" : "$-1\r\n")
    }

    package mutating func bool(_ value: Bool) {
        guard admits(4) else { return }
        switch (version, value) {
        case (.resp3, true): buffer.writeStaticString("#t\r\n")
        case (.resp3, false): buffer.writeStaticString("#f\r\n")
        case (.resp2, true): buffer.writeStaticString(":1\r\n")
        case (.resp2, false): buffer.writeStaticString(":0\r\n")
        }
    }

    package mutating func integer(_ value: Int64) {
        guard admits(Self.headerBytesMax) else { return }
        header(UInt8(ascii: ":"), value)
    }

    /// The shortest text that reads back to the same value.
    package mutating func double(_ value: Double) {
        number { asof_double_text(value, $0) }
    }

    package mutating func float(_ value: Float) {
        number { asof_float_text(value, $0) }
    }

    private mutating func number(_ write: (UnsafeMutablePointer<CChar>) -> Int32) {
        guard admits(Int(ASOF_FLOAT_TEXT_MAX) + 7) else { return }
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
        guard beginBulk(text.utf8.count) else { return }
        buffer.writeString(text)
        buffer.writeStaticString("\r\n")
    }

    package mutating func bulk(_ bytes: UnsafeRawBufferPointer) {
        guard beginBulk(bytes.count) else { return }
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    package mutating func bulk(_ bytes: Span<UInt8>) {
        guard beginBulk(bytes.count) else { return }
        buffer.writeBytes(bytes.bytes)
        buffer.writeStaticString("\r\n")
    }

    /// Begins a bulk string of `count` bytes, which ``values(_:bytesMax:_:)`` writes, before ``endBulk()``.
    /// - Returns: whether there is room for all of it.
    @discardableResult
    package mutating func beginBulk(_ count: Int) -> Bool {
        guard admits(count &+ Self.headerBytesMax &+ 2) else { return false }
        header(UInt8(ascii: "$"), Int64(count))
        return true
    }

    package mutating func endBulk() {
        if admits(2, values: 0) { buffer.writeStaticString("\r\n") }
    }

    package mutating func simple(_ text: StaticString) {
        guard admits(text.utf8CodeUnitCount &+ 3) else { return }
        buffer.writeStaticString("+")
        buffer.writeStaticString(text)
        buffer.writeStaticString("\r\n")
    }

    /// An error, which is not held to the limits: errors are short, and stand also where there is no room for anything else.
    /// - Parameter message: begins with the code, such as `ERR` or `FSNOVIEW`; its control characters become blanks.
    package mutating func error(_ message: String) {
        guard !isRefused else { return }
        if valuesLeft > 0 { valuesLeft -= 1 }
        buffer.writeStaticString("-")
        let count = buffer.writeString(message)
        buffer.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.count - count..<bytes.count
            where bytes[index] < 0x20 || bytes[index] == 0x7F {
                bytes[index] = UInt8(ascii: " ")
            }
        }
        buffer.writeStaticString("\r\n")
    }

    package mutating func array(_ count: Int) {
        guard admits(Self.headerBytesMax) else { return }
        header(UInt8(ascii: "*"), Int64(count))
    }

    /// - Parameter count: of pairs: each is a key, a bulk string, and its value.
    package mutating func map(_ count: Int) {
        guard admits(Self.headerBytesMax) else { return }
        if version == .resp3 {
            header(UInt8(ascii: "%"), Int64(count))
        } else {
            header(UInt8(ascii: "*"), Int64(count) * 2)
        }
    }

    /// A marker, the longest integer and a line end.
    package static let headerBytesMax = 23

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
