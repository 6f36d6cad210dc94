import Columnar
import Features
import PointInTime
import Store

/// Segments as Parquet files: the module of file formats behind the store's interface.
struct ParquetSegments: SegmentFormat {
    func create(
        path: String,
        keys: [KeyColumn],
        features: [FeatureDefinition]
    ) throws(StoreError) -> any SegmentOutput {
        do throws(ColumnarError) {
            return Output(try SegmentWriter(path: path, columns: SegmentColumns(keys: keys, features: features)))
        } catch {
            throw .file("\(error)")
        }
    }

    func open(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        features: [String?]
    ) throws(HistoryRunError) -> any HistoryRun {
        let checks = SegmentChecks(bytes: written.bytes, tailBytes: written.tailBytes, tailCRC: written.tailCRC)
        return try SegmentFile(path: path, checks: checks, keys: keys, features: features)
    }

    private final class Output: SegmentOutput, @unchecked Sendable {
        // Sendable: used by one thread at a time, as the protocol says.
        private let writer: SegmentWriter

        init(_ writer: SegmentWriter) { self.writer = writer }

        func write(_ group: [Column], rowCount: Int) throws(StoreError) {
            do throws(ColumnarError) { try writer.write(group, rowCount: rowCount) } catch { throw .file("\(error)") }
        }

        func finish() throws(StoreError) -> SegmentFacts {
            do throws(ColumnarError) {
                let checks = try writer.finish()
                return SegmentFacts(bytes: checks.bytes, tailBytes: checks.tailBytes, tailCRC: checks.tailCRC)
            } catch {
                throw .file("\(error)")
            }
        }
    }
}
