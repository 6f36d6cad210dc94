import Features
import Wire

/// A point with its values in texts that are equal exactly where values are.
struct Spelled: Equatable {
    var measurement: String
    var tags: [String]
    var fields: [String]
    var time: Int64?

    init(measurement: String, tags: [String], fields: [String], time: Int64?) {
        self.measurement = measurement
        self.tags = tags
        self.fields = fields
        self.time = time
    }

    init(_ point: DecodedLine, _ bytes: Span<UInt8>) {
        measurement = point.measurement.text(in: bytes)
        tags = []
        for (key, value) in point.tags { tags.append("\(key.text(in: bytes)) \(value.text(in: bytes))") }
        fields = []
        for field in point.fields {
            let name = field.key.text(in: bytes)
            switch field.value {
            case .float(let value): fields.append("\(name) float \(value.bitPattern)")
            case .int(let value): fields.append("\(name) int \(value)")
            case .unsigned(let value): fields.append("\(name) uint \(value)")
            case .bool(let value): fields.append("\(name) bool \(value)")
            case .string(let part): fields.append("\(name) string \(part.text(in: bytes))")
            }
        }
        time = point.time
    }

    static func points(_ bytes: [UInt8]) throws(LineProtocolError) -> [Spelled] {
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var position = 0
        var points: [Spelled] = []
        while try decoder.next(bytes.span, from: &position, isEnd: true, into: &point) {
            points.append(Spelled(point, bytes.span))
        }
        return points
    }

    /// What comes out of bytes that arrive in chunks: points with their lines, and the errors among them.
    static func outcome(_ bytes: [UInt8], chunk: Int) -> [String] {
        var decoder = LineProtocolDecoder()
        var point = DecodedLine()
        var buffer: [UInt8] = []
        var read = 0
        var outcome: [String] = []
        while true {
            var position = 0
            while true {
                do throws(LineProtocolError) {
                    let isEnd = read == bytes.count
                    guard try decoder.next(buffer.span, from: &position, isEnd: isEnd, into: &point) else { break }
                    outcome.append("\(point.line): \(Spelled(point, buffer.span))")
                } catch {
                    outcome.append("\(error.line):\(error.column) \(error.reason)")
                }
            }
            buffer.removeFirst(position)
            if read == bytes.count { return outcome + ["\(buffer.count) left, line \(decoder.line)"] }
            let next = min(read + chunk, bytes.count)
            buffer += bytes[read..<next]
            read = next
        }
    }
}
