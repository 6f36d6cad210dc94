package import Features

/// A moment that is no label time.
package struct MomentError: Error, Equatable {
    /// From 0.
    package var row: Int
    package var text: String
}

extension Column {
    /// Moments of a type that passes through as timestamps in µs, rounded down, as label times are.
    ///
    /// - Parameter type: a moment, whose carrier this column is.
    /// - Throws: the first one outside the years 1 to 9999.
    package func microseconds(of type: PassedType) throws(MomentError) -> Column {
        if case .text(let texts) = values { return try microseconds(ofTexts: texts) }
        let perSecond: Int64
        let moments: [Int64]
        switch (type, values) {
        case (.date32, .int32(let days)):
            // Days as seconds: no int32 of them is too many.
            moments = days.map { Int64($0) * 86_400 }
            perSecond = 1
        case (.date64, .int64(let values)): (moments, perSecond) = (values, 1_000)
        case (.timestamp(let unit, _), .int64(let values)): (moments, perSecond) = (values, unit.perSecond)
        default: preconditionFailure("no moments: \(type.text)")
        }
        var times = [Int64](repeating: 0, count: moments.count)
        var moved: [UInt16]?
        for row in moments.indices where !isNull(row) {
            let moment = moments[row]
            if perSecond > 1_000_000 {
                times[row] = moment.flooredQuotient(1_000)
                let above = UInt16(moment &- times[row] &* 1_000)
                if above > 0 {
                    if moved == nil { moved = [UInt16](repeating: 0, count: moments.count) }
                    moved?[row] = above
                }
            } else {
                let scaled = moment.multipliedReportingOverflow(by: 1_000_000 / perSecond)
                guard !scaled.overflow else { throw error(row, moment, type) }
                times[row] = scaled.partialValue
            }
            guard Timestamp(microseconds: times[row]).isInRange else { throw error(row, moment, type) }
        }
        return Column(type: .timestamp, validity: validity, values: .int64(times), movedNs: moved)
    }

    private func microseconds(ofTexts texts: TextValues) throws(MomentError) -> Column {
        var times = [Int64](repeating: 0, count: rowCount)
        var moved = [UInt16](repeating: 0, count: rowCount)
        for row in 0..<rowCount where !isNull(row) {
            let text = Array(texts[row])
            do throws(TimestampTextError) {
                let time = try RoundedTime(text: text.span, .down)
                (times[row], moved[row]) = (time.microseconds, time.movedNs)
            } catch {
                throw MomentError(row: row, text: String(decoding: text, as: UTF8.self))
            }
        }
        return Column(type: .timestamp, validity: validity, values: .int64(times), movedNs: moved)
    }

    private func error(_ row: Int, _ moment: Int64, _ type: PassedType) -> MomentError {
        var text: [UInt8] = []
        PassedText.append(type == .date32 ? moment / 86_400 : moment, type, to: &text)
        return MomentError(row: row, text: String(decoding: text, as: UTF8.self))
    }
}
