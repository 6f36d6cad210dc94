package import Access

extension Glob {
    package static let refusal =
        "FSLIMIT a pattern has at most \(CommandLimits.patternBytesMax) bytes, stars in a row as one"

    /// - Returns: `nil` where the pattern is too long.
    package init?(bounded pattern: String) {
        var count = 0
        var isStar = false
        for byte in pattern.utf8 {
            if isStar, byte == UInt8(ascii: "*") { continue }
            isStar = byte == UInt8(ascii: "*")
            count += 1
            if count > CommandLimits.patternBytesMax { return nil }
        }
        self.init(pattern)
    }
}
