extension String {
    /// The text as messages and tables repeat what somebody gave: on one line, doing nothing to a terminal and turning no text
    /// around. Control characters, line ends and marks that set the direction of writing are blanks.
    package var onOneLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.breaksLine ? " " : $0 }))
    }

    /// The same of the first `scalarsMax` scalars, with `…` where there are more.
    package func onOneLine(_ scalarsMax: Int) -> String {
        let end = unicodeScalars.index(startIndex, offsetBy: scalarsMax, limitedBy: endIndex) ?? endIndex
        return String(unicodeScalars[..<end]).onOneLine + (end < endIndex ? "…" : "")
    }

    /// The text as one word of a shell, in quotes.
    package var shellQuoted: String { "'" + replacing("'", with: #"'\''"#) + "'" }
}

extension Unicode.Scalar {
    fileprivate var breaksLine: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
