import Foundation
import TestSupport
import Testing

@testable import Columnar

@Suite struct TextInputTests {
    /// A pipe from which each read gets at most `pieceBytes`, as a standard input.
    private func pipe(_ bytes: [UInt8], pieceBytes: Int) throws -> InputFile {
        let pipe = Pipe()
        let writer = pipe.fileHandleForWriting
        Thread {
            for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
                try? writer.write(contentsOf: bytes[start..<min(start + pieceBytes, bytes.count)])
            }
            try? writer.close()
        }.start()
        return try InputFile(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
    }

    @Test("a long record that comes by a pipe is scanned a few times, not once a piece")
    func longRecord() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 8 << 20)
        var input = try TextInput(file: try pipe(bytes, pieceBytes: 4_096), options: InputOptions())
        var refills = 0
        while !input.isAtEnd {
            try input.refill(line: 1)
            refills += 1
        }
        #expect(input.buffer == bytes)
        // Twice as much each time, from 256 KiB on; a pipe holds 64 KiB, so that one a piece would be more than 128.
        #expect(refills <= 16)
    }

    @Test("a line that is there is not held back until more comes")
    func shortLines() throws {
        let pipe = Pipe()
        let writer = pipe.fileHandleForWriting
        try writer.write(contentsOf: Array("first\nsec".utf8))
        var input = try TextInput(
            file: try InputFile(path: "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"),
            options: InputOptions()
        )
        input.position = 6
        try writer.write(contentsOf: Array("o\n".utf8))
        // Blocks for ever where it waits for more than the line's end.
        try input.refill(line: 2)
        #expect(input.buffer == Array("first\nseco\n".utf8))
        try writer.close()
    }
}
