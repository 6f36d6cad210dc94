/// How a file is compressed as a whole.
package enum Compression: String, CaseIterable, Sendable {
    case gzip
    case zstd

    /// What `path`'s extension says: `.gz` or `.zst`.
    package init?(path: String) {
        let path = path.lowercased()
        if path.hasSuffix(".gz") {
            self = .gzip
        } else if path.hasSuffix(".zst") {
            self = .zstd
        } else {
            return nil
        }
    }

    /// What the first bytes of a file say.
    init?(magic: ArraySlice<UInt8>) {
        if magic.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            self = .zstd
        } else {
            return nil
        }
    }

    static let magicBytesMax = 4

    var fileExtension: String {
        switch self {
        case .gzip: ".gz"
        case .zstd: ".zst"
        }
    }
}
