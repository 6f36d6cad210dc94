import Features
import NIOCore
import Testing
import Wire

/// Replies of single values, as PROTOCOL §2 lists them.
@Suite struct ValueReplyTests {
    static let cases: [(Value, resp2: String, resp3: String)] = [
        (.null, "$-1\r\n", "_\r\n"),
        (.bool(true), ":1\r\n", "#t\r\n"),
        (.bool(false), ":0\r\n", "#f\r\n"),
        (.int32(-7), ":-7\r\n", ":-7\r\n"),
        (.int64(.min), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        (.timestamp(Timestamp(microseconds: 12)), ":12\r\n", ":12\r\n"),
        (.float64(39.02), "$5\r\n39.02\r\n", ",39.02\r\n"),
        (.float64(-0.0), "$2\r\n-0\r\n", ",-0\r\n"),
        (.float64(.infinity), "$3\r\ninf\r\n", ",inf\r\n"),
        (.float64(-.infinity), "$4\r\n-inf\r\n", ",-inf\r\n"),
        (.float64(-.nan), "$3\r\nnan\r\n", ",nan\r\n"),
        (.float64(-1.7976931348623157e308), "$24\r\n-1.7976931348623157e+308\r\n", ",-1.7976931348623157e+308\r\n"),
        (.float32(0.1), "$3\r\n0.1\r\n", ",0.1\r\n"),
        (.float64(Double(Float(0.1))), "$19\r\n0.10000000149011612\r\n", ",0.10000000149011612\r\n"),
        (.string(""), "$0\r\n\r\n", "$0\r\n\r\n"),
        (.string("é\r\n"), "$4\r\né\r\n\r\n", "$4\r\né\r\n\r\n"),
        (.bytes([0x41, 0]), "$2\r\nA\0\r\n", "$2\r\nA\0\r\n"),
        (.vector([1, 2]), "$8\r\n\0\0\u{80}?\0\0\0@\r\n", "$8\r\n\0\0\u{80}?\0\0\0@\r\n"),
        (.listInt64([]), "*0\r\n", "*0\r\n"),
        (.listInt64([1, -1]), "*2\r\n:1\r\n:-1\r\n", "*2\r\n:1\r\n:-1\r\n"),
        (.listString(["a", ""]), "*2\r\n$1\r\na\r\n$0\r\n\r\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n"),
    ]

    @Test(arguments: cases.indices)
    func `a value has its form in both versions`(index: Int) {
        let (value, resp2, resp3) = Self.cases[index]
        for (version, expected) in [(ProtocolVersion.resp2, resp2), (.resp3, resp3)] {
            var writer = ReplyWriter(version: version)
            writer.value(value)
            let bytes = Array(writer.buffer.readableBytesView)
            if case .vector = value {
                #expect(bytes == expected.unicodeScalars.map { UInt8($0.value) })
            } else {
                #expect(bytes == Array(expected.utf8))
            }
        }
    }
}
