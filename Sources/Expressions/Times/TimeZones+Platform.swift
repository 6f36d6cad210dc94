import Glibc

extension TimeZones {
    private static let folder = "/usr/share/zoneinfo/"

    /// Those of the platform's tzdata. A zone's file is read when an expression first names it; evaluating reads nothing.
    package static let platform = TimeZones { contents(folder + $0) }

    /// The version of the platform's tzdata, such as `2025b`; `unknown` where it does not say.
    static let version: String = {
        // `# version 2025b`
        if let bytes = contents(folder + "tzdata.zi") {
            let words = String(decoding: bytes.prefix(64).prefix { $0 != 0x0A }, as: UTF8.self).split(separator: " ")
            if words.count == 3, words[1] == "version" { return String(words[2]) }
        }
        if let bytes = contents(folder + "+VERSION") {
            let word = String(decoding: bytes.prefix(64).prefix { $0 > 0x20 }, as: UTF8.self)
            if !word.isEmpty { return word }
        }
        return "unknown"
    }()

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: ExpressionLimits.zoneFileBytesMax)
        var filled = 0
        while filled < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                // Safe: what is left of the buffer.
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
            }
            if got == 0 { return Array(bytes.prefix(filled)) }
            guard got > 0 else { return nil }
            filled += got
        }
        return nil
    }
}
