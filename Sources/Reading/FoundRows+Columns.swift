import Features
package import Online
package import PointInTime

/// Found rows as columns: for what is computed of them.
extension FoundRows {
    /// One value a row; null where no row is shown.
    /// - Parameter place: in ``RowLayout/columns`` of the role's view.
    /// - Complexity: O(rows + bytes).
    package func column(role: Int, _ layout: RowLayout, _ place: Int) -> Column {
        let column = layout.columns[place]
        var validity: [Bool]? = nil
        let values = values(role, column, place, &validity)
        return Column(type: column.type, validity: validity, values: values)
    }

    /// The event time of each shown row; null where none is.
    package func eventTimes(role: Int) -> Column {
        var validity: [Bool]? = nil
        var times: [Int64] = []
        times.reserveCapacity(rowCount)
        each(role, nil, &validity) { times.append($0?.eventTime ?? 0) }
        // Windows without events have values and no event time.
        if times.contains(PackedRow.noEventTime) {
            let shown = validity ?? Array(repeating: true, count: times.count)
            validity = zip(shown, times).map { $0 && $1 != PackedRow.noEventTime }
        }
        return Column(type: .timestamp, validity: validity, values: .int64(times))
    }

    private func values(
        _ role: Int,
        _ column: RowLayout.Column,
        _ place: Int,
        _ validity: inout [Bool]?
    ) -> Column.Values {
        let offset = column.offset
        switch column.type {
        case .bool: return .bool(values(role, false, place, &validity) { $0.bool(offset) })
        case .int32: return .int32(values(role, 0, place, &validity) { $0.load(offset, as: Int32.self) })
        case .int64, .timestamp: return .int64(values(role, 0, place, &validity) { $0.load(offset, as: Int64.self) })
        case .float32: return .float32(values(role, 0, place, &validity) { $0.load(offset, as: Float.self) })
        case .float64: return .float64(values(role, 0, place, &validity) { $0.load(offset, as: Double.self) })
        case .string, .bytes:
            var texts = TextValues()
            each(role, place, &validity) { row in
                if let row { texts.append(row.bytes(offset)) } else { texts.append([]) }
            }
            return .text(texts)
        case .vector(let dimensions):
            var floats: [Float] = []
            floats.reserveCapacity(rowCount * dimensions)
            each(role, place, &validity) { row in
                guard let row else { return floats.append(contentsOf: repeatElement(0, count: dimensions)) }
                floats.append(contentsOf: row.vector(offset, dimensions: dimensions).bindMemory(to: Float.self))
            }
            return .vector(dimensions: dimensions, floats)
        case .listInt64:
            var (offsets, integers) = ([0], [Int64]())
            each(role, place, &validity) { row in
                if let bytes = row?.integers(offset) {
                    for index in 0..<bytes.count / 8 {
                        integers.append(bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
                    }
                }
                offsets.append(integers.count)
            }
            return .listInt64(offsets: offsets, values: integers)
        case .listString:
            var (offsets, texts) = ([0], TextValues())
            each(role, place, &validity) { row in
                if var elements = row?.texts(offset) { while let text = elements.next() { texts.append(text) } }
                offsets.append(texts.count)
            }
            return .listString(offsets: offsets, values: texts)
        }
    }

    private func values<Element: BitwiseCopyable>(
        _ role: Int,
        _ zero: Element,
        _ place: Int,
        _ validity: inout [Bool]?,
        _ value: (PackedRow) -> Element
    ) -> [Element] {
        var values: [Element] = []
        values.reserveCapacity(rowCount)
        each(role, place, &validity) { values.append($0.map(value) ?? zero) }
        return values
    }

    /// Calls `body` for each row with the view's row that has a value, and notes where there is none.
    /// - Parameter place: `nil` = a row that is shown has one.
    private func each(_ role: Int, _ place: Int?, _ validity: inout [Bool]?, _ body: (PackedRow?) -> Void) {
        for row in 0..<rowCount {
            let found = shown(row, role: role)
            let isValid = found.map { found in place.map { !found.isNull($0) } ?? true } ?? false
            if !isValid, validity == nil { validity = [Bool](repeating: true, count: rowCount) }
            if !isValid { validity?[row] = false }
            body(isValid ? found : nil)
        }
    }
}
