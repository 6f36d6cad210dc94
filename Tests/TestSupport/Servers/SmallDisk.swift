import Foundation

/// A disk in memory that is soon full. Needs the right to mount, which root in a container may lack.
package final class SmallDisk {
    package static let notice: String = "no disk can be mounted here; that needs root, and a container that may mount"

    /// Tried, not guessed.
    package static let canBeMounted: Bool = {
        guard let scratch = try? Scratch(), let disk = try? SmallDisk(at: scratch.path + "/disk", size: "16k") else {
            return false
        }
        _ = disk
        return true
    }()

    private let path: String

    /// Makes the folder and mounts the disk there.
    ///
    /// - Parameter size: as `mount` has it, such as `600k`.
    package init(at path: String, size: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try Self.run(["/bin/mount", "-t", "tmpfs", "-o", "size=\(size)", "none", path])
        self.path = path
    }

    package func grow(to size: String) throws { try Self.run(["/bin/mount", "-o", "remount,size=\(size)", path]) }

    deinit { try? Self.run(["/bin/umount", path]) }

    private struct Refused: Error {
        let command: [String]
        let status: Int32
    }

    private static func run(_ command: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Refused(command: command, status: process.terminationStatus)
        }
    }
}
