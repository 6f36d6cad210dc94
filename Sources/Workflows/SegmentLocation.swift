import Columnar
import Foundation
package import Segments
import Store

/// Where a store's segments are.
package struct SegmentLocation: Sendable, Hashable {
    /// The directory that was asked for: it is an error where it is not there or of no use.
    package var named: String?
    /// The directory that is taken where none was asked for; `nil` = the folder of the store's cluster, else
    /// `asof-segments` in the working directory.
    package var usual: String?

    package init(named: String? = nil, usual: String? = nil) {
        self.named = named
        self.usual = usual
    }

    /// The directory's path, absolute, or its name in object storage without a slash at its end.
    package func path(_ store: OpenStore) -> String {
        let path = named ?? usual ?? store.segmentsFolder ?? "asof-segments"
        guard ObjectName.isOne(path) else { return URL(fileURLWithPath: path).path }
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The directory, made where there is none.
    package func make(_ store: OpenStore) throws -> SegmentDirectory {
        let path = path(store)
        guard ObjectName.isOne(path) else {
            return try SegmentDirectory.make(path, storeID: try store.session.storeID())
        }
        return try SegmentDirectory.make(path, objects: SegmentStorage(), store.session)
    }

    /// The directory; `nil` where there is none at the usual place, or one that is of no use.
    ///
    /// - Parameter warning: gets why one is of no use.
    /// - Throws: where one was named and is not there, or of no use.
    package func find(_ store: OpenStore, warning: (String) -> Void) throws -> SegmentDirectory? {
        do {
            if let directory = try open(store) { return directory }
        } catch let error as StoreError where named == nil {
            warning("segments are not read: \(error). PostgreSQL is read instead")
            return nil
        }
        try refuseIfNamed(store)
        return nil
    }

    /// The directory, for what is about nothing else.
    /// - Throws: ``WorkflowError/refused(_:)`` where there is none.
    package func require(_ store: OpenStore) throws -> SegmentDirectory {
        if let directory = try open(store) { return directory }
        try refuseIfNamed(store)
        throw WorkflowError.refused("there are no segments in \(path(store)); make them with `asof segments build`")
    }

    private func refuseIfNamed(_ store: OpenStore) throws {
        guard named != nil else { return }
        let path = path(store)
        throw WorkflowError.refused(
            "\(path) is no directory of segments; make one with `asof segments build --segments \(path)`"
        )
    }

    private func open(_ store: OpenStore) throws -> SegmentDirectory? {
        let (path, storeID) = (path(store), try store.session.storeID())
        guard ObjectName.isOne(path) else { return try SegmentDirectory.open(path, storeID: storeID) }
        return try SegmentDirectory.open(path, storeID: storeID, objects: SegmentStorage())
    }
}
