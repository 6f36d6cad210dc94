import Features
import PointInTime
import Store
import Windows

/// Events of some keys, key by key, of each in the order of time and id.
struct KeyedEvents {
    /// For each key the place of its first row, and after the last one the number of rows.
    var starts: [Int]
    var times: Column
    /// What windows use: features and keys of the events.
    private var columns: [String: Column]
    /// Of versions, what tells them apart; else nothing.
    private var versions: Versions?

    struct Versions {
        /// Whether a row is a version of the same event as the row before it; those of one event stand in the order of their
        /// positions.
        var isLater: [Bool]
        /// `nil` where nobody asks for them.
        var positions: [Int64]?
        var knownAt: [Int64]?
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

    func gather(_ rows: [Int32]) -> KeyedEvents {
        KeyedEvents(
            starts: [0, rows.count],
            times: times.gather(rows),
            columns: columns.mapValues { $0.gather(rows) },
            versions: nil
        )
    }

    /// Of each event among some rows the last version that is known, unless it is a tombstone.
    ///
    /// - Parameter span: events after its first time, up to its last, are wanted.
    func addVersions(
        _ range: Range<Int>,
        in span: (after: Int64, until: Int64),
        position: Int64,
        knownBy: Int64,
        to picked: inout [Int32]
    ) {
        guard let versions else { preconditionFailure("versions were not read") }
        var row = first(in: range, after: span.after)
        let upper = first(in: range, after: span.until)
        while row < upper {
            var last: Int?
            var end = row
            repeat {
                if versions.positions.map({ $0[end] <= position }) ?? true,
                    versions.knownAt.map({ $0[end] <= knownBy }) ?? true
                {
                    last = end
                }
                end += 1
            } while end < upper && versions.isLater[end]
            if let last, !versions.isDeleted[last] { picked.append(Int32(last)) }
            row = end
        }
    }

    /// The first of some ascending rows that is later than a time.
    private func first(in range: Range<Int>, after time: Int64) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = low + (high - low) / 2
            if times.int64Values[middle] > time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension StoredView {
    /// - Parameter name: of a feature, a key, or ``FeatureColumn/eventTimeName``.
    func type(ofEventColumn name: String) -> FeatureType {
        definition.feature(named: name)?.type ?? definition.keys.first { $0.name == name }?.type.featureType
            ?? .timestamp
    }
}
