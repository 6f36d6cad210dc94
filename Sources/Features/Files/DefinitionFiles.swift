/// Where included files come from: this module does no I/O.
package protocol DefinitionFiles {
    /// What stands at a path, links followed.
    func kind(of path: String) -> DefinitionFileKind

    /// The names in a folder, in any order; `.` and `..` are none.
    func names(in folder: String) throws(DefinitionFileFault) -> [String]

    /// - Parameter bytesMax: a larger file is a fault.
    func contents(of path: String, bytesMax: Int) throws(DefinitionFileFault) -> [UInt8]
}

package enum DefinitionFileKind: Hashable, Sendable {
    /// A regular file; two paths of one identity are the same file.
    case file(identity: String)
    case folder
    /// A device, a pipe, a socket.
    case other
    /// Nothing, or a link to nothing.
    case absent
}

/// Why a file or folder cannot be read, as the end of a sentence that starts with it: `cannot be read: …`.
package struct DefinitionFileFault: Error {
    package let reason: String

    package init(reason: String) { self.reason = reason }
}

/// No files beside the one that is given as text.
struct NoDefinitionFiles: DefinitionFiles {
    func kind(of path: String) -> DefinitionFileKind { .absent }

    func names(in folder: String) throws(DefinitionFileFault) -> [String] { [] }

    func contents(of path: String, bytesMax: Int) throws(DefinitionFileFault) -> [UInt8] {
        throw DefinitionFileFault(reason: "cannot be read here")
    }
}
