package import Features
package import PointInTime
package import Store

/// Marks the rows of an entity in files of segments as removed, so that a forget leaves the files of use.
///
/// The rows are found before the forget takes its locks: files do not change. The marks are set in its transaction, and name rows,
/// not the key. A file that cannot be read, or has the rows in too many places, gets none and is not read until a build wrote it
/// anew; neither are files of other directories.
package struct ForgottenRows {
    private let manifest: SegmentManifest
    private var found: [(file: String, rows: [Range<Int>])] = []

    /// Files whose rows are marked then.
    package var fileCount: Int { found.count }

    /// Finds the rows.
    ///
    /// - Parameters:
    ///   - views: those that have the entity.
    ///   - column: the name of its key.
    /// - Complexity: of views whose first key it is, reads the keys of a row group or two of each file; of others all keys.
    package init(
        of views: [StoredView],
        column: String,
        key: Value,
        in directory: SegmentDirectory,
        format: any SegmentFormat,
        _ session: Session
    ) throws(StoreError) {
        manifest = SegmentManifest(session, directory: directory.id)
        for view in views {
            guard let place = view.storageKeys.firstIndex(where: { $0.name == column }) else { continue }
            for segment in try manifest.list(view: view.id) {
                do throws(HistoryRunError) {
                    let run = try format.open(
                        path: directory.path(segment),
                        written: segment.written,
                        keys: view.storageKeys,
                        event: view.eventKey,
                        features: []
                    )
                    found.append((segment.file, try run.rows(whoseKey: place, is: key)))
                } catch {
                    // Nobody reads what cannot be read.
                    continue
                }
            }
        }
    }

    /// Sets the marks, in the transaction of the forget whose batch is given.
    package func mark(_ batch: Int64) throws(StoreError) {
        for (file, rows) in found { try manifest.remove(rows, of: file, forgottenBy: batch) }
    }
}
