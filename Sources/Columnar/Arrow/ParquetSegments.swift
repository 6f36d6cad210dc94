package import Features
package import PointInTime

/// Segments as Parquet files.
package struct ParquetSegments: SegmentFormat {
    package init() {}

    package func create(
        path: String,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [FeatureDefinition],
        featureIDs: [Int32]
    ) throws(HistoryRunError) -> any SegmentOutput {
        do throws(ColumnarError) {
            let columns = SegmentColumns(keys: keys, event: event, features: features, featureIDs: featureIDs)
            return Output(try SegmentWriter(path: path, columns: columns), path)
        } catch {
            throw HistoryRunError(run: path, reason: error.reason)
        }
    }

    package func open(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        event: KeyColumn?,
        features: [String?]
    ) throws(HistoryRunError) -> any HistoryRun {
        try SegmentFile(path: path, written: written, keys: keys, event: event, features: features)
    }

    private final class Output: SegmentOutput, @unchecked Sendable {
        // Sendable: used by one thread at a time, as the protocol says.
        private let writer: SegmentWriter
        private let path: String

        init(_ writer: SegmentWriter, _ path: String) {
            self.writer = writer
            self.path = path
        }

        func write(_ group: [Column], rowCount: Int) throws(HistoryRunError) {
            do throws(ColumnarError) {
                try writer.write(group, rowCount: rowCount)
            } catch {
                throw HistoryRunError(run: path, reason: error.reason)
            }
        }

        func finish() throws(HistoryRunError) -> SegmentFacts {
            do throws(ColumnarError) { return try writer.finish() } catch {
                throw HistoryRunError(run: path, reason: error.reason)
            }
        }
    }
}

extension ColumnarError {
    /// What is wrong, without the file's name.
    var reason: String {
        switch self {
        case .cannotRead(_, let reason): "cannot be read: \(reason)"
        case .cannotWrite(_, let reason): "cannot be written: \(reason)"
        case .permissionDenied: "permission denied"
        case .badObjectName(_, let reason), .storage(_, let reason): reason
        default: description
        }
    }
}
