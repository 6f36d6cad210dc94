import Foundation

/// Where a file that is written goes in the end.
package enum OutputPlace {
    /// As many links as the system follows.
    private static let linksMax = 40

    /// `path` with all links followed, so that what is behind them is replaced, and they stay; there need be nothing yet.
    /// - Throws: ``WorkflowError/refused(_:)`` for folders, for what lies in /dev or /proc, on whatever way, and for other
    ///   things than files.
    package static func resolve(_ path: String) throws -> String {
        func refused(_ reason: String) -> WorkflowError { .refused("\(path): cannot be written: \(reason)") }
        var current = path
        for _ in 0...linksMax {
            let parts = current.split(separator: "/")
            guard let name = parts.last, !current.hasSuffix("/"), name != ".", name != ".." else {
                throw refused("it is a directory; name a file in it, new or to be replaced")
            }
            let named = parts.dropLast().joined(separator: "/")
            let folder = (current.hasPrefix("/") ? "/" : "") + (named.isEmpty && !current.hasPrefix("/") ? "." : named)
            guard let real = realpath(folder, nil) else {
                throw refused("the folder \(folder): \(String(cString: strerror(errno)))")
            }
            defer { free(real) }
            let parent = String(cString: real)
            for system in ["/dev", "/proc"] where parent == system || parent.hasPrefix(system + "/") {
                throw refused(
                    "it leads to \(parent)/\(name), and nothing in \(system) is replaced; --out - writes to standard output"
                )
            }
            let place = (parent == "/" ? "" : parent) + "/\(name)"
            var status = stat()
            guard lstat(place, &status) == 0 else {
                guard errno == ENOENT else { throw refused(String(cString: strerror(errno))) }
                return place
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: return place
            case S_IFLNK:
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: place)
                current = link.hasPrefix("/") ? link : "\(parent)/\(link)"
            case S_IFDIR: throw refused("it is a directory; name a file in it, new or to be replaced")
            case S_IFIFO: throw refused("it is no regular file but a FIFO; --out - writes to standard output")
            case S_IFSOCK: throw refused("it is no regular file but a socket; name a file")
            default: throw refused("it is no regular file but a device; name a file, or --out - for standard output")
            }
        }
        throw refused("more than \(linksMax) links lead on from it")
    }
}
