package import Drift
package import Models
import Postgres
package import Store

/// Rows of traffic of a version, counted in the bins of its reference over some time.
package struct CountedTraffic: Sendable {
    package var model: String
    package var version: Int
    /// µs; the beginning of its minute.
    package var minute: Int64
    package var rows: Int
    package var counts: [Int]

    package init(model: String, version: Int, minute: Int64, rows: Int, counts: [Int]) {
        self.model = model
        self.version = version
        self.minute = minute
        self.rows = rows
        self.counts = counts
    }
}

/// Sums of traffic by minute: the table `asof.model_counts`.
package struct TrafficCounts {
    let session: Session

    package init(_ session: Session) { self.session = session }

    /// Stores sums, all or none.
    /// - Throws: ``StoreError/uncertainCommit(_:)`` where the COMMIT was not answered.
    package func append(_ sums: [CountedTraffic], server: String) throws(StoreError) {
        try session.transaction(.write, of: "counts of predictions") { () throws(StoreError) in
            for sum in sums {
                try session.query(
                    """
                    INSERT INTO asof.model_counts (model, version, minute, server, rows, counts)
                    VALUES ($1, $2, $3, $4::text::uuid, $5, $6)
                    """,
                    [
                        .text(sum.model), .int32(Int32(sum.version)), .timestamp(microseconds: sum.minute),
                        .text(server), .int64(Int64(sum.rows)), .bytes(CountBytes.encode(sum.counts)),
                    ]
                )
            }
        }
    }

    /// Deletes what is older than ``PredictionLimits/countDays``.
    package func dropOld(now us: Int64) throws(StoreError) {
        let oldest = us - Int64(PredictionLimits.countDays) * 86_400_000_000
        try session.transaction(.write, of: "the removal of old counts") { () throws(StoreError) in
            _ = try session.query("DELETE FROM asof.model_counts WHERE minute < $1", [.timestamp(microseconds: oldest)])
        }
    }

    /// What a version's traffic was like, window by window.
    ///
    /// - Parameters:
    ///   - end: of the last window, µs.
    ///   - count: how many windows.
    /// - Returns: the sums of each window, the last one last; empty where nothing was counted.
    /// - Complexity: O(minutes with traffic × columns).
    package func windows(
        _ version: ModelVersion,
        _ reference: ReferenceHistograms,
        of windowUs: Int64,
        before end: Int64,
        count: Int
    ) throws(StoreError) -> [[Int]] {
        let length = reference.countsLength
        var windows = [[Int]](repeating: [], count: count)
        let start = end - windowUs * Int64(count)
        let rows = try session.query(
            """
            SELECT minute, counts FROM asof.model_counts
            WHERE model = $1 AND version = $2 AND minute >= $3 AND minute < $4
            """,
            [
                .text(version.model), .int32(Int32(version.version)), .timestamp(microseconds: start),
                .timestamp(microseconds: end),
            ]
        )
        for row in 0..<rows.count {
            guard let minute = rows.timestamp(row, 0), let bytes = rows.byteArray(row, 1),
                let counts = CountBytes.decode(bytes, count: length)
            else { continue }
            let window = min(Int((minute - start) / windowUs), count - 1)
            if windows[window].isEmpty { windows[window] = [Int](repeating: 0, count: length) }
            for place in 0..<length { windows[window][place] += counts[place] }
        }
        return windows
    }

    /// Judges a version's traffic of the last window by the windows before.
    /// - Parameter end: of the window, µs.
    package func findings(
        _ version: ModelVersion,
        _ reference: ReferenceHistograms,
        window windowUs: Int64,
        end: Int64,
        rules: DriftRules = DriftRules()
    ) throws(StoreError) -> [DriftRules.Finding] {
        let all = try windows(version, reference, of: windowUs, before: end, count: DriftRules.pastWindows + 1)
        let split = all.map { $0.isEmpty ? [] : reference.split($0) }
        let nothing = [Int](repeating: 0, count: reference.countsLength)
        let current = split.last.flatMap { $0.isEmpty ? nil : $0 } ?? reference.split(nothing)
        let past = split.dropLast().filter { !$0.isEmpty }
        return reference.columns.enumerated().map { index, column in
            rules.judge(column, current[index], past: past.map { $0[index] })
        }
    }

    /// What the sums take: bytes, and the days since the oldest.
    package func size() throws(StoreError) -> (bytes: Int64, days: Double) {
        let rows = try session.query(
            """
            SELECT pg_total_relation_size('asof.model_counts'),
                coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(minute) FROM asof.model_counts)) / 86400, 0)::float8
            """
        )
        return (rows.int64(0, 0) ?? 0, rows.double(0, 1) ?? 0)
    }
}

/// Counts as bytes: 7 bits each, the least first, the highest bit set where more follow. Most counts of a minute are small.
enum CountBytes {
    static func encode(_ counts: [Int]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(counts.count + counts.count / 4)
        for count in counts {
            var rest = UInt64(max(count, 0))
            while rest > 0x7F {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }
        return bytes
    }

    /// - Returns: `nil` where the bytes are not so many counts.
    static func decode(_ bytes: [UInt8], count: Int) -> [Int]? {
        var counts: [Int] = []
        counts.reserveCapacity(count)
        var (value, shift) = (UInt64(0), UInt64(0))
        for byte in bytes {
            guard shift < 63 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 != 0 {
                shift += 7
                continue
            }
            counts.append(Int(value))
            (value, shift) = (0, 0)
        }
        return counts.count == count && shift == 0 ? counts : nil
    }
}
