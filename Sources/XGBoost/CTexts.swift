/// Texts as C has them, for the time of a call.
enum CTexts {
    static func withPointers<Result>(
        to texts: [String],
        _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        var bytes = [CChar]()
        var offsets = [Int]()
        for text in texts {
            offsets.append(bytes.count)
            bytes += text.utf8CString
        }
        return bytes.withUnsafeBufferPointer { bytes in
            var pointers = offsets.map { offset in bytes.baseAddress.map { $0 + offset } }
            return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) }
        }
    }
}
