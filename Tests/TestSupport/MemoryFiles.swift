package import Features

/// A folder of files as a test writes them down.
package struct MemoryFiles: DefinitionFiles {
    private var texts: [String: [UInt8]] = [:]
    /// Links: where they stand, and where they lead.
    private var links: [String: String] = [:]
    private var others: Set<String> = []

    package init(_ texts: [String: String], links: [String: String] = [:], others: Set<String> = []) {
        for (path, text) in texts { self.texts[path] = Array(text.utf8) }
        self.links = links
        self.others = others
    }

    package mutating func write(_ path: String, _ bytes: [UInt8]) { texts[path] = bytes }

    /// `a/../b` as `b`, links followed.
    private func target(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." && !parts.isEmpty { parts.removeLast() } else { parts.append(part) }
            if let link = links[parts.joined(separator: "/")] { parts = link.split(separator: "/") }
        }
        return parts.joined(separator: "/")
    }

    private var paths: [String] { Array(texts.keys) + Array(links.keys) + Array(others) }

    package func kind(of path: String) -> DefinitionFileKind {
        let target = target(path)
        if texts[target] != nil { return .file(identity: target) }
        if others.contains(target) { return .other }
        return target.isEmpty || paths.contains { $0.hasPrefix(target + "/") } ? .folder : .absent
    }

    package func names(in folder: String) throws(DefinitionFileFault) -> [String] {
        let target = target(folder)
        if target == "locked" { throw DefinitionFileFault(reason: "cannot be read: Permission denied") }
        let prefix = target.isEmpty ? "" : target + "/"
        return Array(
            Set(paths.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) })
        ).sorted().reversed()
    }

    package func contents(of path: String, bytesMax: Int) throws(DefinitionFileFault) -> [UInt8] {
        guard let bytes = texts[target(path)] else { throw DefinitionFileFault(reason: "cannot be read: gone") }
        guard bytes.count <= bytesMax else {
            throw DefinitionFileFault(reason: "has more than \(bytesMax) bytes, which is what one file may have")
        }
        return bytes
    }
}
