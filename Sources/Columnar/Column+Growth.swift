import PointInTime

extension Column {
    /// Grows a column of fixed width by `count` rows, which `fill` writes in place.
    ///
    /// - Parameter fill: gets the new rows' values and flags, one byte a flag, 1 = has a value; returns whether any row is
    ///   null, or `nil` where it failed, after which the column has the rows that it had.
    /// - Returns: false where `fill` failed.
    mutating func appendFixed(
        count: Int,
        _ fill: (UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?) -> Bool?
    ) -> Bool {
        let before = rowCount
        precondition(movedNs == nil, "segments' times are of whole µs")
        var flags = [Bool](repeating: true, count: count)
        let old = values
        // One owner, so that the array grows in place.
        values = .bool([])
        let hasNulls = flags.withUnsafeMutableBytes { flags in
            // Safe: a Bool is a byte, 0 or 1, and `fill` writes no other.
            let flags = flags.bindMemory(to: UInt8.self).baseAddress
            return Self.grow(old, count, &values) { fill($0, flags) }
        }
        guard let hasNulls else { return false }
        guard hasNulls || validity != nil else { return true }
        var all = validity ?? [Bool](repeating: true, count: before)
        validity = nil
        all += flags
        validity = all
        return true
    }

    private static func grow(
        _ old: consuming Values,
        _ count: Int,
        _ values: inout Values,
        _ fill: (UnsafeMutableRawPointer?) -> Bool?
    ) -> Bool? {
        switch consume old {
        case .bool(var array):
            defer { values = .bool(array) }
            return grow(&array, false, count, fill)
        case .int32(var array):
            defer { values = .int32(array) }
            return grow(&array, 0, count, fill)
        case .int64(var array):
            defer { values = .int64(array) }
            return grow(&array, 0, count, fill)
        case .float32(var array):
            defer { values = .float32(array) }
            return grow(&array, 0, count, fill)
        case .float64(var array):
            defer { values = .float64(array) }
            return grow(&array, 0, count, fill)
        case .text, .vector, .listInt64, .listString: preconditionFailure("not a column of fixed width")
        }
    }

    private static func grow<Element: BitwiseCopyable>(
        _ array: inout [Element],
        _ zero: Element,
        _ count: Int,
        _ fill: (UnsafeMutableRawPointer?) -> Bool?
    ) -> Bool? {
        let before = array.count
        array.append(contentsOf: repeatElement(zero, count: count))
        let hasNulls = array.withUnsafeMutableBufferPointer { buffer in
            fill(UnsafeMutableRawPointer(UnsafeMutableBufferPointer(rebasing: buffer[before...]).baseAddress))
        }
        if hasNulls == nil { array.removeLast(count) }
        return hasNulls
    }
}
