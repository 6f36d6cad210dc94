/// The arguments of a command, made of a request.
struct CommandWords: Sendable {
    /// What the arguments lie in, some of it perhaps no argument.
    private(set) var bytes: [UInt8]
    private(set) var ranges: [Range<Int>] = []

    /// - Parameter bytes: in which arguments may lie, see ``append(_:)-range``.
    init(_ words: String..., over bytes: [UInt8] = []) {
        self.bytes = bytes
        for word in words { append(word) }
    }

    mutating func append(_ word: String) { append(bytes: word.utf8) }

    mutating func append(bytes word: some Collection<UInt8>) {
        ranges.append(bytes.count..<bytes.count + word.count)
        bytes += word
    }

    /// - Parameter range: of ``bytes``.
    mutating func append(_ range: Range<Int>) { ranges.append(range) }
}
