import Features
import Foundation

/// Files of definitions as the file system has them. Links are followed; only regular files are read.
struct DefinitionFilesOnDisk: DefinitionFiles {
    func kind(of path: String) -> DefinitionFileKind {
        var status = stat()
        guard stat(path, &status) == 0 else { return .absent }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(identity: "\(status.st_dev):\(status.st_ino)")
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    func names(in folder: String) throws(DefinitionFileFault) -> [String] {
        guard let stream = opendir(folder) else { throw Self.fault(errno) }
        defer { closedir(stream) }
        var names: [String] = []
        // One more than allowed tells that there are too many.
        while names.count <= DefinitionLimits.includeNamesMax, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    func contents(of path: String, bytesMax: Int) throws(DefinitionFileFault) -> [UInt8] {
        // Not to hang on a pipe that took the file's place.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.fault(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.fault(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw DefinitionFileFault(reason: "is no regular file") }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &block, block.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Self.fault(errno) }
            if count == 0 { return bytes }
            bytes += block[..<count]
            guard bytes.count <= bytesMax else {
                throw DefinitionFileFault(reason: "has more than \(bytesMax) bytes, which is what one file may have")
            }
        }
    }

    private static func fault(_ code: Int32) -> DefinitionFileFault {
        DefinitionFileFault(reason: "cannot be read: \(String(cString: strerror(code)))")
    }
}
