import Glibc
import TestSupport

extension RespClient {
    /// What is received until some text ends it, of replies that are too large to be parsed again and again.
    func bytes(upTo text: String) -> [UInt8] {
        var (bytes, room) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 20))
        while !bytes.suffix(text.utf8.count).elementsEqual(text.utf8) {
            let count = recv(descriptor, &room, room.count, 0)
            guard count > 0 else { break }
            bytes += room[..<count]
        }
        return bytes
    }
}
