/// What is told of a text that is not UTF-8: where, and how it becomes that.
enum NotUTF8 {
    /// - Parameter place: names the first wrong byte by its offset in `text`, as `the byte at offset 12 of the file`.
    static func reason(_ text: Span<UInt8>, place: (_ offset: Int) -> String) -> String {
        var offset = 0
        do throws(UTF8.ValidationError) { _ = try UTF8Span(validating: text) } catch {
            offset = error.byteOffsets.lowerBound
        }
        let byte = offset < text.count ? ", 0x\(String(text[offset], radix: 16, uppercase: true))" : ""
        return
            "it is not valid UTF-8: \(place(offset))\(byte); convert it, as by `iconv -f WINDOWS-1252 -t UTF-8 FILE`, where "
            + "it was written by Excel or as Latin-1"
    }
}
