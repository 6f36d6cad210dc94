/// Cuts what a client sends into requests: RESP arrays of bulk strings, and inline lines.
///
/// Pure and resumable. The caller keeps the bytes from the start of the first request that is not complete, appends what
/// arrives, and calls again; the decoder goes on where it stopped, so that the work is O(bytes) however they are cut.
/// Nothing is allocated from a declared length: a range is kept for each argument that has arrived.
///
/// ```swift
/// var decoder = RequestDecoder()
/// var (start, ranges) = (0, [Range<Int>]())
/// while case .request = decoder.next(bytes, from: &start, limits: limits, into: &ranges) {
///     run(decoder.arguments(in: bytes, ranges.span))
/// }
/// // bytes[start...] are the beginning of the next request.
/// ```
package struct RequestDecoder: Sendable {
    package enum Event: Hashable, Sendable {
        /// More bytes are needed; what was skipped is behind `start`.
        case incomplete
        /// A request is complete, with at least one argument.
        case request
        /// No request; nothing behind it can be decoded.
        case fault(RequestFault)
        /// HTTP or a TLS hello: no client of ours.
        case foreign
    }

    private enum State {
        /// At the first byte of a request.
        case start
        case line
        case count
        case header
        case bulk
        /// Complete, but given back.
        case held
    }

    private var state = State.start
    /// Everything below is an offset from the request's first byte. Up to here nothing needs to be looked at again.
    private var scanned = 0
    /// Where the line that tells a length starts.
    private var headerStart = 0
    private var argumentsLeft = 0
    private var bulkCount = 0
    /// Where the last request lies in the bytes it was decoded from.
    package private(set) var frame = 0..<0
    /// The arguments of an inline line, decoded.
    private var inlineBytes: [UInt8] = []
    private var isInline = false

    package init() {}

    /// Whether a request has begun and is not complete.
    package var isWithinRequest: Bool { state != .start && state != .held }

    /// Decodes the next request.
    /// - Parameters:
    ///   - bytes: from `start` on: the first request that is not complete yet, as at the call before, and what came since.
    ///   - start: moves behind what is decoded or skipped.
    ///   - ranges: the caller keeps it unchanged between calls; after `.request`, for ``arguments(in:_:)``.
    package mutating func next(
        _ bytes: Span<UInt8>,
        from start: inout Int,
        limits: borrowing RequestLimits,
        into ranges: inout [Range<Int>]
    ) -> Event {
        while true {
            switch state {
            case .start:
                guard start < bytes.count else { return .incomplete }
                ranges.removeAll(keepingCapacity: true)
                headerStart = 0
                if bytes[start] == UInt8(ascii: "*") {
                    scanned = 1
                    state = .count
                } else {
                    scanned = 0
                    state = .line
                }
            case .held:
                finish(&start)
                return .request
            case .line:
                if let event = line(bytes, &start, limits, &ranges) { return event }
            case .count:
                switch header(bytes, start, limits) {
                case .incomplete: return .incomplete
                case .tooLong: return .fault(.bigCount)
                case .invalid: return .fault(.count)
                case .value(let count):
                    if count <= 0 {
                        start += scanned
                        state = .start
                        continue
                    }
                    if count > limits.argumentsMax {
                        return .fault(limits.isAuthenticated || count > Int32.max ? .count : .unauthenticatedCount)
                    }
                    argumentsLeft = count
                    headerStart = scanned
                    state = .header
                }
            case .header, .bulk:
                if let event = argument(bytes, start, limits, &ranges) { return event }
                guard argumentsLeft == 0 else { continue }
                isInline = false
                finish(&start)
                return .request
            }
        }
    }

    /// The arguments of the request that ``next(_:from:limits:into:)`` has just decoded from the same bytes.
    @_lifetime(copy bytes, copy ranges, borrow self)
    package func arguments(in bytes: Span<UInt8>, _ ranges: Span<Range<Int>>) -> Arguments {
        isInline
            ? Arguments(bytes: inlineBytes.span, ranges: ranges)
            : Arguments(bytes: bytes.extracting(frame), ranges: ranges)
    }

    /// Gives the request back that was decoded last, so that the next call returns it again.
    /// - Parameter start: moves back to the request.
    package mutating func hold(_ start: inout Int) {
        start = frame.lowerBound
        scanned = frame.count
        state = .held
    }

    private mutating func finish(_ start: inout Int) {
        frame = start..<start + scanned
        start += scanned
        state = .start
    }

    /// One argument, or `nil` with it in `ranges`.
    private mutating func argument(
        _ bytes: Span<UInt8>,
        _ start: Int,
        _ limits: borrowing RequestLimits,
        _ ranges: inout [Range<Int>]
    ) -> Event? {
        if state == .header {
            guard start + headerStart < bytes.count else { return .incomplete }
            let marker = bytes[start + headerStart]
            if marker != UInt8(ascii: "$") { return .fault(.expectedBulk(got: marker)) }
            if scanned == headerStart { scanned += 1 }
            switch header(bytes, start, limits) {
            case .incomplete: return .incomplete
            case .tooLong: return .fault(.bigBulkHeader)
            case .invalid: return .fault(.bulk)
            case .value(let count):
                if count < 0 { return .fault(.bulk) }
                if count > limits.bulkBytesMax {
                    return .fault(limits.isAuthenticated ? .bulk : .unauthenticatedBulk)
                }
                if count > limits.requestBytesMax - scanned { return .fault(.bulk) }
                bulkCount = count
                state = .bulk
            }
        }
        let end = start + scanned + bulkCount
        guard end + 2 <= bytes.count else { return .incomplete }
        guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else { return .fault(.bulk) }
        ranges.append(scanned..<scanned + bulkCount)
        scanned += bulkCount + 2
        headerStart = scanned
        argumentsLeft -= 1
        state = .header
        return nil
    }

    private enum Header {
        case incomplete
        case tooLong
        case invalid
        case value(Int)
    }

    /// A length behind its marker, up to its CRLF; ``scanned`` moves behind it.
    private mutating func header(_ bytes: Span<UInt8>, _ start: Int, _ limits: borrowing RequestLimits) -> Header {
        let first = start + headerStart + 1
        let bound = min(bytes.count, first + limits.lineBytesMax)
        var at = start + scanned
        while at < bound, bytes[at] != UInt8(ascii: "\r") { at += 1 }
        if at == bound {
            scanned = at - start
            return at == first + limits.lineBytesMax ? .tooLong : .incomplete
        }
        guard at + 1 < bytes.count else {
            scanned = at - start
            return .incomplete
        }
        guard bytes[at + 1] == UInt8(ascii: "\n"), let value = Self.integer(bytes, first..<at) else { return .invalid }
        scanned = at + 2 - start
        return .value(value)
    }

    /// Strict decimal: an optional minus, then digits without leading zeros.
    private static func integer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var at = range.lowerBound
        guard !range.isEmpty, range.count <= 20 else { return nil }
        let isNegative = bytes[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        guard at < range.upperBound else { return nil }
        if bytes[at] == UInt8(ascii: "0") { return range.count == 1 ? 0 : nil }
        var value = 0
        while at < range.upperBound {
            let digit = bytes[at] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            // Downwards, since the least integer has no positive twin.
            let (scaled, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, isTooSmall) = scaled.subtractingReportingOverflow(Int(digit))
            if isTooLarge || isTooSmall { return nil }
            value = next
            at += 1
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    /// An inline line, or `nil` where there was nothing on it.
    private mutating func line(
        _ bytes: Span<UInt8>,
        _ start: inout Int,
        _ limits: borrowing RequestLimits,
        _ ranges: inout [Range<Int>]
    ) -> Event? {
        // A TLS record of a handshake starts so.
        if bytes[start] == 0x16 {
            guard start + 1 < bytes.count else { return .incomplete }
            if bytes[start + 1] == 0x03 { return .foreign }
        }
        let bound = min(bytes.count, start + limits.lineBytesMax + 1)
        var at = start + scanned
        while at < bound, bytes[at] != UInt8(ascii: "\n"), bytes[at] != 0 { at += 1 }
        scanned = at - start
        if at == bound { return scanned > limits.lineBytesMax ? .fault(.bigInline) : .incomplete }
        if bytes[at] == 0 { return .fault(.bigInline) }
        var end = at
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        let text = bytes.extracting(start..<end)
        if InlineLine.isHTTP(text) { return .foreign }
        guard InlineLine.split(text, into: &inlineBytes, &ranges) else { return .fault(.unbalancedQuotes) }
        scanned += 1
        guard !ranges.isEmpty else {
            start += scanned
            state = .start
            return nil
        }
        if ranges.count > limits.argumentsMax { return .fault(limits.isAuthenticated ? .count : .unauthenticatedCount) }
        isInline = true
        finish(&start)
        return .request
    }
}
