/// Commands of tests, whose times are short: seconds and microseconds after the beginning of 1970.
package enum EarlyTimes {
    /// The command with ALLOW1970 where its times need it, and where the word does not get between an option and its
    /// argument.
    package static func allowed(_ words: [[UInt8]]) -> [[UInt8]] {
        let word = Array("ALLOW1970".utf8)
        guard let first = words.first, !words.contains(word) else { return words }
        func isEarly(_ index: Int) -> Bool {
            index < words.count
                && Int64(String(decoding: words[index], as: UTF8.self)).map { $0 < 8_640_000_000_000 } ?? false
        }
        var words = words
        switch String(decoding: first, as: UTF8.self).lowercased() {
        case "fs.write" where words.count > 1: words.insert(word, at: 2)
        case "fs.set" where isEarly(3): words.append(word)
        case "fs.del" where isEarly(3), "fs.asof" where isEarly(3): words.insert(word, at: 4)
        case "fs.range" where words.count > 4 && (isEarly(3) || isEarly(4)): words.insert(word, at: 5)
        default: break
        }
        return words
    }
}
