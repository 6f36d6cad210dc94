/// The start of a file, by which it is recognized.
package enum InputHead {
    /// The first bytes of a file, decompressed: so a file that was compressed anew, or grew by a member, is still the same.
    /// - Returns: at most `bytesMax`.
    package static func read(path: String, bytesMax: Int) throws(ColumnarError) -> [UInt8] {
        let file = try InputFile(path: path)
        var head: [UInt8] = []
        while head.count < bytesMax {
            if try file.read(bytesMax - head.count, appendingTo: &head) == 0 { break }
        }
        return head
    }
}
