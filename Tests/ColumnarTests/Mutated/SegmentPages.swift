/// The pages of a segment's file, found by walking from header to header, and checksums that hold again after a change: so
/// that damage gets past them to what decodes pages.
struct SegmentPages {
    struct Page {
        var body: Range<Int>
        /// Where the checksum stands in the header, as a zigzag varint.
        var checksum: Range<Int>
    }

    private(set) var pages: [Page] = []

    /// - Parameter end: where pages end and the page index begins.
    init(_ bytes: [UInt8], end: Int) {
        var position = 4
        while position < end {
            var header = Header(bytes, at: position)
            guard header.read(), let size = header.compressedBytes, let checksum = header.checksum else { return }
            pages.append(Page(body: header.position..<header.position + size, checksum: checksum))
            position = header.position + size
        }
    }

    /// Makes a page's checksum that of its body; leaves it where that would take another number of bytes.
    static func repair(_ page: Page, in bytes: inout [UInt8]) {
        let checksum = Int32(bitPattern: crc32(bytes[page.body]))
        var zigzag = UInt64(UInt32(bitPattern: (checksum << 1) ^ (checksum >> 31)))
        var varint: [UInt8] = []
        repeat {
            varint.append(UInt8(zigzag & 0x7F) | (zigzag > 0x7F ? 0x80 : 0))
            zigzag >>= 7
        } while zigzag > 0
        if varint.count == page.checksum.count { bytes.replaceSubrange(page.checksum, with: varint) }
    }

    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var state = UInt32.max
        for byte in bytes {
            state ^= UInt32(byte)
            for _ in 0..<8 { state = state & 1 == 1 ? (state >> 1) ^ 0xEDB8_8320 : state >> 1 }
        }
        return ~state
    }

    /// A page header in Thrift's compact protocol.
    private struct Header {
        let bytes: [UInt8]
        var position: Int
        var compressedBytes: Int?
        var checksum: Range<Int>?

        init(_ bytes: [UInt8], at position: Int) {
            self.bytes = bytes
            self.position = position
        }

        mutating func read(depth: Int = 0) -> Bool {
            var field = 0
            while position < bytes.count {
                let head = bytes[position]
                position += 1
                if head == 0 { return true }
                field += Int(head >> 4)
                guard head >> 4 != 0 else { return false }
                switch head & 15 {
                case 1, 2: break
                case 5, 6:
                    let start = position
                    let value = varint()
                    if depth == 0, field == 3 { compressedBytes = Int(value >> 1) }
                    if depth == 0, field == 4 { checksum = start..<position }
                case 8: position += Int(varint())
                case 12: guard read(depth: depth + 1) else { return false }
                default: return false
                }
            }
            return false
        }

        private mutating func varint() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                shift += 7
                if byte < 0x80 { break }
            }
            return value
        }
    }
}
