import NIOCore
import TestSupport
import Testing
import Wire

@Suite struct ReplyWriterTests {
    private static func written(_ version: ProtocolVersion, _ write: (inout ReplyWriter) -> Void) -> String {
        var reply = ReplyWriter(version: version)
        write(&reply)
        return String(buffer: reply.buffer)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var write: @Sendable (inout ReplyWriter) -> Void
        var resp2: String
        var resp3: String

        init(_ name: String, _ resp2: String, _ resp3: String, write: @escaping @Sendable (inout ReplyWriter) -> Void) {
            testDescription = name
            self.write = write
            self.resp2 = resp2
            self.resp3 = resp3
        }
    }

    static let cases: [Case] = [
        Case("null", "$-1\r\n", "_\r\n") { $0.null() },
        Case("true", ":1\r\n", "#t\r\n") { $0.bool(true) },
        Case("false", ":0\r\n", "#f\r\n") { $0.bool(false) },
        Case("3.141", "$5\r\n3.141\r\n", ",3.141\r\n") { $0.double(3.141) },
        Case("1.0", "$1\r\n1\r\n", ",1\r\n") { $0.double(1) },
        Case("-0.0", "$2\r\n-0\r\n", ",-0\r\n") { $0.double(-0.0) },
        Case("inf", "$3\r\ninf\r\n", ",inf\r\n") { $0.double(.infinity) },
        Case("-inf", "$4\r\n-inf\r\n", ",-inf\r\n") { $0.float(-.infinity) },
        Case("nan", "$3\r\nnan\r\n", ",nan\r\n") { $0.double(-.nan) },
        Case("a float", "$3\r\n0.1\r\n", ",0.1\r\n") { $0.float(0.1) },
        Case("a long double", "$23\r\n2.2250738585072014e-308\r\n", ",2.2250738585072014e-308\r\n") {
            $0.double(.leastNormalMagnitude)
        },
        Case("a map", "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n") {
            $0.map(1)
            $0.bulk("a")
            $0.integer(1)
        },
        Case("an empty map", "*0\r\n", "%0\r\n") { $0.map(0) },
        Case("an error", "-ERR bad  thing\r\n", "-ERR bad  thing\r\n") { $0.error("ERR bad\r\nthing") },
        Case("bytes", "$3\r\na\0b\r\n", "$3\r\na\0b\r\n") { $0.bulk(Array("a\0b".utf8).span) },
    ]

    @Test("values have their form in both versions", arguments: cases)
    func forms(item: Case) {
        #expect(Self.written(.resp2, item.write) == item.resp2)
        #expect(Self.written(.resp3, item.write) == item.resp3)
    }

    @Test func `an error's line breaks are replaced behind other replies too`() {
        let text = Self.written(.resp2) {
            $0.bulk("a\r\nb")
            $0.error("ERR x\ny")
        }
        #expect(text == "$4\r\na\r\nb\r\n-ERR x y\r\n")
    }

    @Test func `integers have the digits that text has`() {
        var random = SeededRandom(seed: 11)
        var values: [Int64] = [0, 9, 10, 99, 100, -1, -9, -10, .max, .min, .max - 1]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            values += [power, power - 1, power + 1, -power, 1 - power]
        }
        for _ in 0..<2_000 {
            values.append(Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random))
        }
        for value in values {
            #expect(Self.written(.resp3) { $0.integer(value) } == ":\(value)\r\n")
            if value >= 0 { #expect(Self.written(.resp3) { $0.array(Int(value)) } == "*\(value)\r\n") }
        }
    }
}
