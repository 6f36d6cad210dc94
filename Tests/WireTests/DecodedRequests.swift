import Wire

/// What a decoder makes of bytes: the requests, and how it ended.
struct DecodedRequests: Hashable, Sendable, CustomStringConvertible {
    var requests: [[String]] = []
    var fault: RequestFault?
    var isForeign = false
    /// Whether a request had begun and was not complete.
    var isPartial = false

    var description: String {
        "\(requests) fault: \(fault.map { $0.message } ?? "none") foreign: \(isForeign) partial: \(isPartial)"
    }

    /// Decodes bytes that come cut at the places given, as a connection does it.
    static func of(
        _ bytes: [UInt8],
        cuts: [Int] = [],
        limits: RequestLimits = RequestLimits()
    ) -> DecodedRequests {
        var result = DecodedRequests()
        var decoder = RequestDecoder()
        var ranges: [Range<Int>] = []
        var kept: [UInt8] = []
        var from = 0
        for cut in cuts + [bytes.count] {
            kept += bytes[from..<cut]
            from = cut
            var start = 0
            decoding: while true {
                switch decoder.next(kept.span, from: &start, limits: limits, into: &ranges) {
                case .incomplete: break decoding
                case .request:
                    let arguments = decoder.arguments(in: kept.span, ranges.span)
                    var request: [String] = []
                    for index in 0..<arguments.count {
                        arguments[index].withUnsafeBufferPointer { request.append(latin1($0)) }
                    }
                    result.requests.append(request)
                case .fault(let fault):
                    result.fault = fault
                    return result
                case .foreign:
                    result.isForeign = true
                    return result
                }
            }
            kept.removeFirst(start)
        }
        result.isPartial = decoder.isWithinRequest
        return result
    }
}

/// Bytes as a text with a character for each.
func latin1(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

/// The bytes that a text with a character for each stands for.
func bytes(latin1 text: String) -> [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
