import Features
import PointInTime
import Store
import Windows

/// Events of some keys, key by key, of each in the order of time and id.
struct EventRows {
    /// For each key the place of its first row, and after the last one the number of rows.
    var starts: [Int]
    var times: Column
    /// What windows use: features and keys of the events.
    private var columns: [String: Column]
    /// Of versions, what tells them apart; else nothing.
    private var versions: Versions?

    struct Versions {
        /// What is the same in all versions of an event beside its time: the id, and keys that the windows do not group by.
        var identity: [Column]
        var positions: [Int64]
        var knownAt: [Int64]
        var isDeleted: [Bool]
    }

    init(starts: [Int], times: Column, columns: [String: Column], versions: Versions?) {
        self.starts = starts
        self.times = times
        self.columns = columns
        self.versions = versions
    }

    /// No events.
    init(_ role: WindowRole) {
        var columns: [String: Column] = [:]
        for name in Set(role.windows.flatMap(\.names)) {
            columns[name] = Column(emptyOf: role.events.type(ofEventColumn: name))
        }
        self.init(starts: [0], times: Column(emptyOf: .timestamp), columns: columns, versions: nil)
    }

    var count: Int { times.rowCount }

    func column(_ name: String) -> Column {
        guard name != FeatureColumn.eventTimeName else { return times }
        guard let column = columns[name] else { preconditionFailure("'\(name)' was not read") }
        return column
    }

    func gather(_ rows: [Int32]) -> EventRows {
        EventRows(
            starts: [0, rows.count],
            times: times.gather(rows),
            columns: columns.mapValues { $0.gather(rows) },
            versions: nil
        )
    }

    /// Of each event among some rows the last version that is known, unless it is a tombstone.
    func addVersions(_ range: Range<Int>, position: Int64, knownBy: Int64, to picked: inout [Int32]) {
        guard let versions else { preconditionFailure("versions were not read") }
        let comparator = KeyComparator(keys: versions.identity)
        let times = times.int64Values
        var row = range.lowerBound
        while row < range.upperBound {
            var last: Int?
            var end = row
            while end < range.upperBound, times[end] == times[row], comparator.compare(end, row) == 0 {
                // Versions stand in the order of their positions.
                if versions.positions[end] <= position, versions.knownAt[end] <= knownBy { last = end }
                end += 1
            }
            if let last, !versions.isDeleted[last] { picked.append(Int32(last)) }
            row = end
        }
    }
}

extension StoredView {
    /// - Parameter name: of a feature, a key, or ``FeatureColumn/eventTimeName``.
    func type(ofEventColumn name: String) -> FeatureType {
        definition.feature(named: name)?.type ?? definition.keys.first { $0.name == name }?.type.featureType
            ?? .timestamp
    }
}
