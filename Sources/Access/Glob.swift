/// A pattern as Redis has it: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what stands for itself. Bytewise.
package struct Glob: Sendable {
    private enum Part {
        case any
        case star
        case byte(UInt8)
        case oneOf([ClosedRange<UInt8>], isNegated: Bool)
    }

    private let parts: [Part]

    package init(_ pattern: String) {
        var parts: [Part] = []
        var rest = Array(pattern.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"):
                // Several stars in a row are one.
                if case .star = parts.last { continue }
                parts.append(.star)
            case UInt8(ascii: "?"): parts.append(.any)
            case UInt8(ascii: "["): parts.append(Self.set(&rest))
            case UInt8(ascii: "\\"): parts.append(.byte(rest.popFirst() ?? byte))
            default: parts.append(.byte(byte))
            }
        }
        self.parts = parts
    }

    /// A set whose bracket is taken; one without an end ends with the pattern.
    private static func set(_ rest: inout ArraySlice<UInt8>) -> Part {
        let isNegated = rest.first == UInt8(ascii: "^")
        if isNegated { rest.removeFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "]") {
            let low = byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte
            if rest.first == UInt8(ascii: "-"), rest.count > 1, rest[rest.startIndex + 1] != UInt8(ascii: "]") {
                rest.removeFirst()
                let high = rest.removeFirst()
                ranges.append(min(low, high)...max(low, high))
            } else {
                ranges.append(low...low)
            }
        }
        return .oneOf(ranges, isNegated: isNegated)
    }

    package func matches(_ text: String) -> Bool { matches(Array(text.utf8).span) }

    package func matches(_ text: [UInt8]) -> Bool { matches(text.span) }

    /// - Complexity: O(pattern × text): a star is retried from the last one only.
    package func matches(_ text: Span<UInt8>) -> Bool {
        var (part, at) = (0, 0)
        var lastStar: (part: Int, at: Int)?
        while true {
            if part == parts.count, at == text.count { return true }
            if part < parts.count {
                if case .star = parts[part] {
                    lastStar = (part, at)
                    part += 1
                    continue
                }
                if at < text.count, matches(parts[part], text[at]) {
                    part += 1
                    at += 1
                    continue
                }
            }
            guard let star = lastStar, star.at < text.count else { return false }
            lastStar = (star.part, star.at + 1)
            part = star.part + 1
            at = star.at + 1
        }
    }

    private func matches(_ part: Part, _ byte: UInt8) -> Bool {
        switch part {
        case .any, .star: true
        case .byte(let expected): byte == expected
        case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
        }
    }
}
