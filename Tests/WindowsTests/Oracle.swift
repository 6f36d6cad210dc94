import Foundation
import TestSupport
import Testing

/// Sums and windows computed by Python from their definitions: each value from all events, sums as integers.
enum Oracle {
    /// What a script makes of `input`.
    static func answer<Output: Decodable>(_ script: String, to input: some Encodable) throws -> Output {
        let scratch = try Scratch()
        let file = try scratch.write("input.json", String(decoding: JSONEncoder().encode(input), as: UTF8.self))
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", prelude + script, file]
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try JSONDecoder().decode(Output.self, from: bytes)
    }

    /// A float64 as both sides write it.
    static func text(_ value: Double) -> String {
        let digits = String(value.isNaN ? 0x7FF8_0000_0000_0000 : value.bitPattern, radix: 16)
        return "f" + String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static let prelude = """
        import json, math, struct, sys
        input = json.load(open(sys.argv[1]))
        def number(text): return struct.unpack('>d', bytes.fromhex(text[1:]))[0]
        def text(v): return 'f7ff8000000000000' if v != v else 'f' + struct.pack('>d', v).hex()
        def total(values):
            if any(v != v for v in values): return math.nan
            infinities = {v for v in values if math.isinf(v)}
            if infinities: return infinities.pop() if len(infinities) == 1 else math.nan
            exact = 0
            for v in values:
                n, d = v.as_integer_ratio()
                exact += n * ((1 << 1074) // d)
            try: rounded = exact / (1 << 1074)
            except OverflowError: return math.inf if exact > 0 else -math.inf
            try: assert math.fsum(values) == rounded
            except OverflowError: pass
            return rounded + 0.0

        """
}
