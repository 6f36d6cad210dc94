import Glibc

/// What this process holds, by the kernel.
package struct ProcessMemory {
    package var residentBytes = 0
    package var peakBytes = 0

    package static func read() -> ProcessMemory {
        var memory = ProcessMemory()
        guard let file = fopen("/proc/self/status", "r") else { return memory }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, let kibibytes = Int(words[1]) else { continue }
            if words[0] == "VmRSS:" { memory.residentBytes = kibibytes * 1_024 }
            if words[0] == "VmHWM:" { memory.peakBytes = kibibytes * 1_024 }
        }
        return memory
    }
}
