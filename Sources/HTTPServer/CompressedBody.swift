import Columnar
import NIOCore
import NIOHTTP1

/// A request's body that came as gzip. It is decompressed beside the event loops: a small one may be a large one then.
enum CompressedBody {
    /// Reserves twice what it gives: once as it came, once as arguments.
    /// - Throws: where it is no gzip, or larger than a body may be, or than what is left for all clients; nothing is reserved then.
    static func decompressed(
        _ body: ByteBuffer,
        _ state: HTTPState,
        _ limits: HTTPLimits
    ) throws(HTTPFault) -> ByteBuffer {
        var out = ByteBuffer()
        do {
            let decompressor = try Decompressor(.gzip, name: "the body")
            decompressor.feed(Array(body.readableBytesView))
            while true {
                let bytes = try decompressor.read(limits.decompressedBytes)
                if bytes.isEmpty, !decompressor.needsInput { return out }
                if bytes.isEmpty { decompressor.feed([]) }
                if out.readableBytes + bytes.count > limits.bodyBytesMax { throw RequestCheck.tooLong(limits) }
                guard state.reserve(2 * bytes.count) else { throw RequestCheck.full }
                out.writeBytes(bytes)
            }
        } catch {
            state.release(2 * out.readableBytes)
            throw error as? HTTPFault ?? HTTPFault(.badRequest, "\(error)")
        }
    }
}
