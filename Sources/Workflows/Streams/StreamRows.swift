import Features
import Kafka
import PointInTime
import Store

/// Records after all their checks: rows that may be stored, and what is wrong with the others.
struct StreamRows {
    struct Fault {
        /// Its place among ``StreamRows/records``.
        var record: Int
        var code: RejectedRecord.Code
        var reason: String
        /// Whether nothing may be stored with it, also where bad records are set aside.
        var isStop = false
    }

    let records: [KafkaRecord]
    /// Of each view.
    let rows: [(view: StoredView, rows: CheckedRows)]
    /// Ascending, one a record.
    let faults: [Fault]

    init(_ records: [KafkaRecord], _ decoder: inout StreamDecoder, _ ingestion: StreamIngestion) throws {
        self.records = records
        let decoded = decoder.decode(records)
        var faults: [Int: Fault] = [:]
        for fault in decoded.faults {
            faults[fault.record] = Fault(record: fault.record, code: fault.code, reason: fault.reason)
        }
        var rows = zip(ingestion.views, decoded.rows).map { ($0, ingestion.check($1, of: $0)) }
        let bad = rows.map { Set($0.1.faults.map(\.row)) }
        for (view, checked) in rows {
            for fault in checked.faults {
                let record = decoded.records[fault.row]
                guard faults[record] == nil || fault.isStop else { continue }
                let reason = ingestion.views.count > 1 ? "view '\(view.name)': \(fault.reason)" : fault.reason
                faults[record] = Fault(record: record, code: .row, reason: reason, isStop: fault.isStop)
            }
        }
        // A record is a row of all views, or of none.
        let all = bad.reduce(into: Set<Int>()) { $0.formUnion($1) }
        for index in rows.indices {
            let others = all.subtracting(bad[index]).sorted()
            guard !others.isEmpty else { continue }
            rows[index].1 = ingestion.check(decoded.rows[index].removing(others), of: rows[index].0)
        }
        self.rows = rows.map { (view: $0.0, rows: $0.1) }
        self.faults = faults.values.sorted { $0.record < $1.record }
    }

    /// The records that end the stream.
    func stops(_ action: StreamDefinition.ErrorAction) -> [Fault] {
        action == .stop ? faults : faults.filter(\.isStop)
    }

    var rejects: [RejectedRecord] {
        faults.map { fault in
            let record = records[fault.record]
            return RejectedRecord(
                partition: record.partition,
                offset: record.offset,
                timeUs: record.timeUs,
                code: fault.code,
                reason: fault.reason,
                key: record.key.map { Array($0) },
                value: record.value.map { Array($0) }
            )
        }
    }
}
