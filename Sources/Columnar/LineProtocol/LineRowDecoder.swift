package import Wire

/// Turns bytes of line protocol into rows of views, point by point: decodes a point and appends its row.
package struct LineRowDecoder {
    /// What the bytes have next.
    package enum Found {
        case row
        /// A point that is no row of any view, and why.
        case fault(LineProtocolError)
        /// No further complete point.
        case end
    }

    private var decoder = LineProtocolDecoder()
    private var rows: LineRows
    /// The point found last, good or not: its line and its range of the bytes.
    package private(set) var point = DecodedLine()

    /// - Parameter rows: builders without rows.
    package init(_ rows: LineRows) { self.rows = rows }

    /// The number of the line at the position, from 1.
    package var line: Int { decoder.line }
    /// As ``LineProtocolDecoder/scannedBytes``.
    package var scannedBytes: Int { decoder.scannedBytes }
    /// As ``LineRows/byteCount``.
    package var byteCount: Int { rows.byteCount }

    /// Takes the next point.
    /// - Parameters:
    ///   - position: as in ``LineProtocolDecoder``, also `isEnd`; behind a point that is a fault.
    ///   - offset: the point's place, for ``LineViewRows/offsets``.
    ///   - now: µs since 1970-01-01 UTC, for a point without a time.
    package mutating func next(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        isEnd: Bool,
        offset: Int,
        now: Int64
    ) -> Found {
        do throws(LineProtocolError) {
            guard try decoder.next(bytes, from: &position, isEnd: isEnd, into: &point) else { return .end }
            try rows.append(point, bytes, offset: offset, now: now)
            return .row
        } catch {
            return .fault(error)
        }
    }

    /// As ``LineRows/take()``.
    package mutating func take() -> [LineViewRows] { rows.take() }
}
