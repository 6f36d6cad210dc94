import Columnar
package import Features
package import Kafka
package import PointInTime
package import Store

/// Records of a stream as rows of its views: what the definition maps, not yet what a view's checks say.
package struct StreamDecoder {
    /// Where the columns of a view lie among those that were asked for.
    private struct Layout {
        var keys: [Int] = []
        var features: [Int] = []
    }

    /// A record that gives no row.
    package struct Fault: Sendable, Hashable {
        /// Its place among the records, from 0.
        package var record: Int
        package var code: RejectedRecord.Code
        package var reason: String
    }

    package struct Decoded {
        /// Of each view, in the stream's order; all have the same rows.
        package var rows: [ViewRows]
        /// Which record each row is of, ascending.
        package var records: [Int]
        /// Ascending, one a record.
        package var faults: [Fault]
    }

    private let definition: StreamDefinition
    private let views: [StoredView]
    private var columns: DocumentColumns
    private var layouts: [Layout] = []
    /// `nil` = the records' own times.
    private var eventTime: Int?

    package init(_ definition: StreamDefinition, _ views: [StoredView]) {
        self.definition = definition
        self.views = views
        var requests: [DocumentRequest] = []
        if case .path(let path, let unit) = definition.eventTime {
            eventTime = 0
            requests.append(
                DocumentRequest(path: path, type: .timestamp, times: TimeReading(unit: unit, rounding: .up))
            )
        }
        for view in views {
            var layout = Layout()
            for key in view.definition.keys {
                layout.keys.append(requests.count)
                requests.append(DocumentRequest(path: definition.path(of: key.name), type: key.type.featureType))
            }
            for feature in view.definition.features {
                layout.features.append(requests.count)
                requests.append(
                    DocumentRequest(
                        path: definition.path(of: feature.name),
                        type: feature.type,
                        absentIsNull: view.definition.missing == .null,
                        isPII: feature.isPII
                    )
                )
            }
            layouts.append(layout)
        }
        columns = DocumentColumns(requests)
    }

    package mutating func decode(_ records: [KafkaRecord]) -> Decoded {
        var faults: [Int: Fault] = [:]
        var taken: [Int] = []
        var (times, isTombstone): ([Int64], [Bool]) = ([], [])
        taken.reserveCapacity(records.count)
        for (index, record) in records.enumerated() {
            let needsTime = eventTime == nil || record.value == nil
            let refusal: String?
            if record.value == nil, !definition.deletesTombstones {
                refusal =
                    "the record has no value (a tombstone); deleted: tombstone makes such records delete their key"
            } else if needsTime, record.timeUs == nil {
                refusal = "the record has no timestamp; name the path of its event time in event_time"
            } else {
                // Safe: the chunk that the record is from is kept by the caller.
                refusal = columns.append(value: record.value?.span, key: record.key?.span)
            }
            guard refusal == nil else {
                faults[index] = Fault(record: index, code: .format, reason: refusal ?? "")
                continue
            }
            taken.append(index)
            times.append(record.timeUs ?? 0)
            isTombstone.append(record.value == nil)
        }
        let (found, bad) = columns.finish()
        for fault in bad {
            let index = taken[fault.row]
            if faults[index] == nil { faults[index] = Fault(record: index, code: .value, reason: fault.reason) }
        }
        let eventTimes = eventTimes(found, times, isTombstone)
        let deleted = isTombstone.contains(true) ? Column(type: .bool, values: .bool(isTombstone)) : nil
        let badRows = taken.indices.filter { faults[taken[$0]] != nil }
        let rows = zip(views, layouts).map { view, layout in
            let keys = layout.keys.map { found[$0] }
            return ViewRows(
                keys: view.definition.keys.isEmpty
                    ? [Column(type: .int64, values: .int64(Array(repeating: 0, count: taken.count)))] : keys,
                eventTimes: eventTimes,
                isDeleted: deleted,
                features: layout.features.map { found[$0] }
            ).removing(badRows)
        }
        return Decoded(
            rows: rows,
            records: badRows.isEmpty ? taken : taken.filter { faults[$0] == nil },
            faults: faults.values.sorted { $0.record < $1.record }
        )
    }

    /// The times of the definition; a tombstone has no value, so that its own counts.
    private func eventTimes(_ found: [Column], _ times: [Int64], _ isTombstone: [Bool]) -> Column {
        guard let eventTime else { return Column(type: .timestamp, values: .int64(times)) }
        let column = found[eventTime]
        guard isTombstone.contains(true) else { return column }
        var values = column.int64Values
        var validity = column.validity
        for row in isTombstone.indices where isTombstone[row] {
            values[row] = times[row]
            validity?[row] = true
        }
        return Column(type: .timestamp, validity: validity, values: .int64(values), movedNs: column.movedNs)
    }
}
