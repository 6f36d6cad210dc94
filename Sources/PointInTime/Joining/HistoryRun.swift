package import Features

/// A piece of one view's history in the order of (keys, event time, position), cut into row groups.
///
/// A segment file is one, and so are sorted rows in memory. Keys are compared as everywhere: integers by value, strings
/// bytewise, the first key first. Rows with equal keys and event time lie in the order of their positions, so the last
/// of them is the newest. Of a view of events the id of the event stands between event time and position, in the order
/// of keys.
///
/// Threads read a run side by side, also the same group. What a call gives was checked: a page of a file is verified
/// against its checksum before anything of it is used, at most once a process.
package protocol HistoryRun: AnyObject, Sendable {
    /// How messages call it: a file's path, `the rows past the segments`.
    var name: String { get }
    /// In order. No group is empty.
    var groups: [HistoryGroup] { get }

    /// Keys and times of a group, without touching any feature. Cheap where a file is mapped: nothing is decoded that
    /// lies in memory as it is wanted.
    /// - Parameter parts: what else is wanted; the rest may be absent.
    func order(ofGroup group: Int, with parts: GroupParts) throws(HistoryRunError) -> GroupOrder

    /// Appends a column's values in some of a group's rows.
    ///
    /// - Parameters:
    ///   - field: which column.
    ///   - rows: numbers within the group, ascending, the same one perhaps several times. Cost is about the number of
    ///     rows for fixed widths; texts and lists may walk over the pages that hold them.
    ///   - column: of the field's type; grows by `rows.count` rows. A feature that is younger than the run is null.
    func append(
        _ field: HistoryField,
        ofGroup group: Int,
        rows: UnsafeBufferPointer<Int32>,
        to column: inout Column
    ) throws(HistoryRunError)

    /// About how many bytes a column's values take in memory, of all rows; `nil` where nothing tells.
    func valueBytes(of field: HistoryField) -> Int?

    /// How many bytes of a file were read so far, each time counted; 0 where there is none.
    var bytesRead: Int { get }

    /// The group's order columns are not needed any more for now: a mapped file may give their memory back.
    func releaseOrder(ofGroup group: Int)
}

extension HistoryRun {
    package func releaseOrder(ofGroup group: Int) {}
    package var bytesRead: Int { 0 }
    package func valueBytes(of field: HistoryField) -> Int? { nil }
}

/// What is known of a row group without reading it.
package struct HistoryGroup: Sendable {
    package var rowCount: Int
    /// The keys of the group's first and last row, exactly: one value a key column, `.int64` or `.string`.
    package var firstKeys: [Value]
    package var lastKeys: [Value]
    /// Event times, µs: the smallest and greatest of the group's rows.
    package var times: ClosedRange<Int64>

    package init(rowCount: Int, firstKeys: [Value], lastKeys: [Value], times: ClosedRange<Int64>) {
        self.rowCount = rowCount
        self.firstKeys = firstKeys
        self.lastKeys = lastKeys
        self.times = times
    }
}

/// Parts of a group's order beyond keys and event times.
package struct GroupParts: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let positions = GroupParts(rawValue: 1)
    package static let knownAt = GroupParts(rawValue: 2)
    package static let events = GroupParts(rawValue: 4)
}

/// A group's order columns, one value a row. The buffers are valid as long as `owner` lives.
package struct GroupOrder: @unchecked Sendable {
    // Sendable: nobody writes to the buffers while this value exists.
    package enum Keys {
        case int64(UnsafeBufferPointer<Int64>)
        /// Text *i* is `bytes[offsets[i]..<offsets[i + 1]]`.
        case string(offsets: UnsafeBufferPointer<Int>, bytes: UnsafeBufferPointer<UInt8>)
    }

    /// One a key column; of a global view one, always 0.
    package var keys: [Keys]
    /// µs.
    package var times: UnsafeBufferPointer<Int64>
    /// Ledger positions; where asked for.
    package var positions: UnsafeBufferPointer<Int64>?
    /// µs: when each row was known, its commit time where it was not said; where asked for.
    package var knownAt: UnsafeBufferPointer<Int64>?
    /// The ids of a view of events; where asked for.
    package var events: Keys?
    package var owner: AnyObject

    package init(
        keys: [Keys],
        times: UnsafeBufferPointer<Int64>,
        positions: UnsafeBufferPointer<Int64>? = nil,
        knownAt: UnsafeBufferPointer<Int64>? = nil,
        events: Keys? = nil,
        owner: AnyObject
    ) {
        self.keys = keys
        self.times = times
        self.positions = positions
        self.knownAt = knownAt
        self.events = events
        self.owner = owner
    }

    package var rowCount: Int { times.count }
}

/// A column of a run.
package enum HistoryField: Sendable, Hashable {
    /// The feature's place in the list that the run was opened with.
    case feature(Int)
    /// bool: tombstones are true.
    case deleted
    /// int64.
    case position
    /// A key column's place.
    case key(Int)
    /// The id of an event, of the type that such keys have.
    case event
}

/// Why a run cannot be read. The rows must then come from elsewhere; nothing that the run gave before is wrong.
package struct HistoryRunError: Error, Sendable, CustomStringConvertible {
    /// ``HistoryRun/name``.
    package var run: String
    package var reason: String

    package init(run: String, reason: String) {
        self.run = run
        self.reason = reason
    }

    package var description: String { "\(run): \(reason)" }
}
