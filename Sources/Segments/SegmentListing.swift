import Features
package import PointInTime
package import Store

/// A listed file, and whether a scan would read it, as far as its footer and the ledger tell.
package struct SegmentListing: Sendable {
    package let segment: Segment
    /// Why it would not be read; `nil` where it would.
    package let fault: String?

    /// - Complexity: opens each file; reads no rows.
    package static func read(
        _ view: StoredView,
        in directory: SegmentDirectory,
        format: any SegmentFormat,
        _ session: Session
    ) throws(StoreError) -> [SegmentListing] {
        let known = Set(try ViewSegments.partitions(of: view, session).map(\.number))
        let features = try Segment.features(of: view, session).features
        let (segments, validity) = try SegmentValidity.listed(view, directory, session)
        return segments.map { segment in
            if !known.contains(segment.partition) {
                return SegmentListing(segment: segment, fault: "its partition was dropped")
            }
            if let fault = validity.fault(segment) { return SegmentListing(segment: segment, fault: fault) }
            do throws(StoreError) {
                let columns = try segment.columns(of: features)
                do throws(HistoryRunError) {
                    _ = try format.open(
                        path: directory.path(segment),
                        written: segment.written,
                        keys: view.storageKeys,
                        event: view.eventKey,
                        features: columns
                    )
                } catch {
                    return SegmentListing(segment: segment, fault: error.reason)
                }
            } catch {
                return SegmentListing(segment: segment, fault: "\(error)")
            }
            return SegmentListing(segment: segment, fault: nil)
        }
    }
}
