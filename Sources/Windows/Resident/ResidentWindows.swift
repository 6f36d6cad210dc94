package import Features
package import PointInTime

/// Windows of one view over events in memory, ready to be computed at a time.
///
/// Counts, sums, means and extremes of numbers are put together of totals; the newest and oldest values are looked up; what is
/// left passes the window's events by a ``WindowScan``, as for exports. Each value is decided by the code that decides it there.
package struct ResidentWindows: Sendable {
    private enum Way: Sendable {
        case count, sum, mean, least, greatest, seconds
        /// So many of the oldest or the newest values; `nil` = one, which is no list.
        case oldest(Int?)
        case newest(Int?)
        case scan
    }

    private struct Window: Sendable {
        let window: EventWindow
        let way: Way
        /// In ``bounds``.
        let bounds: Int
        let measure: EventLayout.Measure
        /// In ``EventLayout/measures``; `nil` where all events count.
        let total: Int?
        /// The same of the events that meet its condition, whatever their values are.
        let events: Int?
    }

    private let layout: EventLayout
    private let windows: [Window]
    /// Each once.
    private let bounds: [WindowBounds]
    /// For each of ``bounds`` the measures whose totals are used.
    private let totals: [[Int]]

    /// - Parameter layout: that covers the windows.
    package init(_ windows: [EventWindow], delay: Interval, isStrict: Bool, layout: EventLayout) {
        precondition(layout.covers(windows))
        self.layout = layout
        var bounds: [WindowBounds] = []
        var totals: [Set<Int>] = []
        self.windows = windows.map { window in
            let own = window.bounds(delay: delay, isStrict: isStrict)
            let place = bounds.firstIndex(of: own) ?? bounds.count
            if place == bounds.count {
                bounds.append(own)
                totals.append([])
            }
            let measure = layout.measureOf(window)
            let way = Self.way(of: window, measure.column.map { layout.columns[$0].type })
            let events = layout.measures.firstIndex(of: EventLayout.Measure(column: nil, condition: measure.condition))
            let total = layout.measures.firstIndex(of: measure)
            switch way {
            case .count, .sum, .mean, .least, .greatest: if let total { totals[place].insert(total) }
            case .seconds, .oldest, .newest, .scan: break
            }
            if let events { totals[place].insert(events) }
            return Window(window: window, way: way, bounds: place, measure: measure, total: total, events: events)
        }
        self.bounds = bounds
        self.totals = totals.map { $0.sorted() }
    }

    private static func way(of window: EventWindow, _ type: FeatureType?) -> Way {
        let isNumber =
            switch type {
            case .int32, .int64, .float32, .float64, .timestamp: true
            default: false
            }
        switch window.definition.aggregate {
        case .count: return .count
        case .secondsSinceLast: return .seconds
        case .sum: return .sum
        case .avg: return .mean
        case .min: return isNumber ? .least : .scan
        case .max: return isNumber ? .greatest : .scan
        case .first: return .oldest(window.definition.number)
        case .last: return .newest(window.definition.number)
        case .variance, .stddev, .variancePopulation, .stddevPopulation, .distinct, .approxDistinct, .approxQuantile,
            .top,
            .histogram:
            return .scan
        }
    }

    /// Events up to this time are in no window of a request at a time; `nil` where windows go back as far as there are any.
    package func earliest(at time: Int64) -> Int64? {
        var earliest = Int64.max
        for bound in bounds {
            guard let after = bound.limits(at: time).after else { return nil }
            earliest = min(earliest, after)
        }
        return earliest
    }

    /// Of each window.
    var boundsOfAll: [WindowBounds] { windows.map { bounds[$0.bounds] } }

    /// How many windows pass all their events by at each request.
    package var scannedCount: Int { windows.count { if case .scan = $0.way { true } else { false } } }

    // MARK: Values

    package struct Result: Sendable {
        /// One column a window, with a value a key.
        package var values: [Column]
        /// µs, of the newest event in any window; `Int64.min` where none is.
        package var eventTimes: [Int64]
    }

    /// - Parameters:
    ///   - keys: their places among `events`, -1 of a key without events.
    ///   - time: µs.
    ///   - budget: what it may cost; what it does is taken from it.
    /// - Returns: `nil` where the budget is not enough.
    /// - Complexity: of a key O(log events) for each of its windows' bounds, and what ``KeyEvents/add`` takes; O(events in the window)
    ///   for each of ``scannedCount``, and what `first` and `last` look at until they have what they want.
    package func values(_ keys: [Int], in events: [KeyEvents], at time: Int64, budget: inout WindowBudget) -> Result? {
        var made = windows.map { MadeValues($0.window.type) }
        var newest = [Int64](repeating: .min, count: keys.count)
        let start = EventSpot(0, 0, 0)
        var spans = [Range<EventSpot>](repeating: start..<start, count: bounds.count)
        var sums = [[MeasureTotals]](repeating: [], count: bounds.count)
        let none = [MeasureTotals](repeating: MeasureTotals(), count: layout.measures.count)
        let empty = KeyEvents()
        for (place, key) in keys.enumerated() {
            let events = key < 0 ? empty : events[key]
            for bound in bounds.indices {
                spans[bound] = span(bounds[bound], events, at: time)
                guard !totals[bound].isEmpty else { continue }
                sums[bound] = none
                let cost = events.add(spans[bound], totals[bound], layout, to: &sums[bound])
                guard budget.spend(cost) else { return nil }
            }
            for (number, window) in windows.enumerated() {
                let span = spans[window.bounds]
                let last: Int64
                if let events = window.events {
                    last = sums[window.bounds][events].newest
                } else {
                    last = span.isEmpty ? .min : events.time(before: span.upperBound, layout) ?? .min
                }
                newest[place] = max(newest[place], last)
                switch window.way {
                case .seconds:
                    made[number].append(
                        double: last == .min ? nil : Double(time.subtractingSaturating(last)) / 1_000_000
                    )
                case .scan, .oldest, .newest:
                    guard pick(window, span, events, Int32(key), &budget, &made[number]) else { return nil }
                case .count, .sum, .mean, .least, .greatest:
                    if let total = window.total {
                        append(window, sums[window.bounds][total], &made[number])
                    } else {
                        made[number].append(integer: Int64(events.count(span)))
                    }
                }
            }
        }
        let values = windows.indices.map { number in
            switch windows[number].way {
            case .scan: scan(windows[number], made[number], events, at: time)
            case .oldest(let count), .newest(let count):
                picked(windows[number], made[number], events, isList: count != nil)
            case .count, .sum, .mean, .least, .greatest, .seconds: made[number].column
            }
        }
        return Result(values: values, eventTimes: newest)
    }

    private func span(_ bounds: WindowBounds, _ events: KeyEvents, at time: Int64) -> Range<EventSpot> {
        let (after, until) = bounds.limits(at: time)
        let start = EventSpot(0, 0, 0)
        let first = after.map { events.spot(after: $0, layout) } ?? start
        let end = until.map { events.spot(after: $0, layout) } ?? start
        return first..<max(first, end)
    }

    private func append(_ window: Window, _ total: MeasureTotals, _ made: inout MadeValues) {
        let isFloat = window.measure.column.map { layout.columns[$0].type.isFloatingPoint } ?? false
        switch window.way {
        case .sum where isFloat: made.append(double: total.floats.sum(of: total.count))
        case .sum: made.append(integer: total.integers.sum(of: total.count))
        case .mean where isFloat: made.append(double: total.floats.mean(of: total.count))
        case .mean: made.append(double: total.integers.mean(of: total.count))
        case .least, .greatest:
            guard total.count > 0 else { return made.append(key: nil) }
            if case .least = window.way { made.append(key: total.least) } else { made.append(key: total.greatest) }
        case .count, .seconds, .oldest, .newest, .scan: made.append(integer: Int64(total.count))
        }
    }

    // MARK: Single events

    /// Picks the events that a window needs one by one.
    /// - Returns: whether the budget was enough.
    private func pick(
        _ window: Window,
        _ span: Range<EventSpot>,
        _ events: KeyEvents,
        _ key: Int32,
        _ budget: inout WindowBudget,
        _ made: inout MadeValues
    ) -> Bool {
        var left = Int.max
        var isNewestFirst = false
        switch window.way {
        case .oldest(let count): left = count ?? 1
        case .newest(let count): (left, isNewestFirst) = (count ?? 1, true)
        case .scan, .count, .sum, .mean, .least, .greatest, .seconds: break
        }
        defer { made.endPicks() }
        guard left > 0 else { return true }
        return events.each(
            span,
            window.measure,
            window.total,
            layout,
            isNewestFirst: isNewestFirst,
            budget: &budget
        ) { spot, time in
            made.pick(key, spot, time)
            left -= 1
            return left > 0
        }
    }

    private func picked(_ window: Window, _ made: MadeValues, _ events: [KeyEvents], isList: Bool) -> Column {
        guard let place = window.measure.column else { preconditionFailure("\(window.window.text) has no column") }
        let offsets = made.offsets
        let isFound = (0..<offsets.count - 1).map { offsets[$0] < offsets[$0 + 1] }
        let found = events.column(layout.columns[place], made.picks, layout)
        if isList {
            return found.lists(
                of: (0..<Int32(made.picks.count)).map(\.self),
                offsets: offsets,
                validity: isFound.contains(false) ? isFound : nil
            )
        }
        return found.gatherOrNull(isFound.indices.map { isFound[$0] ? Int32(offsets[$0]) : -1 })
    }

    // MARK: Whole windows

    private func scan(_ window: Window, _ made: MadeValues, _ events: [KeyEvents], at time: Int64) -> Column {
        let (picks, times, offsets) = (made.picks, made.times, made.offsets)
        let groups = (0..<offsets.count - 1).map { place in
            WindowGroup(events: offsets[place]..<offsets[place + 1], requests: place..<place + 1)
        }
        let scan = WindowScan(times: times, requests: Array(repeating: time, count: groups.count), groups: groups)
        return scan.column(
            window.window.definition.aggregate,
            scan.spans(bounds[window.bounds]),
            number: window.window.definition.number,
            fraction: window.window.definition.fraction,
            values: window.measure.column.map { events.column(layout.columns[$0], picks, layout) },
            filter: nil
        ).column
    }
}

/// What a window gave at each request, before it is a column.
private struct MadeValues {
    private let type: FeatureType
    private var integers = OptionalResults<Int64>()
    private var doubles = OptionalResults<Double>()
    private(set) var picks: [EventPlace] = []
    /// Of ``picks``.
    private(set) var times: [Int64] = []
    private(set) var offsets = [0]

    init(_ type: FeatureType) { self.type = type }

    mutating func append(integer: Int64?) { integers.append(integer) }
    mutating func append(double: Double?) { doubles.append(double) }

    /// - Parameter key: as ``OrderKeys`` has it.
    mutating func append(key: Int64?) {
        if type.isFloatingPoint { doubles.append(key.map(OrderKeys.value)) } else { integers.append(key) }
    }

    mutating func pick(_ key: Int32, _ spot: EventSpot, _ time: Int64) {
        picks.append(EventPlace(key: key, spot: spot))
        times.append(time)
    }

    mutating func endPicks() { offsets.append(picks.count) }

    var column: Column {
        switch type {
        case .int64, .timestamp: column(.int64(integers.values), integers.validity)
        case .int32: column(.int32(integers.values.map { Int32(truncatingIfNeeded: $0) }), integers.validity)
        case .float64: column(.float64(doubles.values), doubles.validity)
        case .float32: column(.float32(doubles.values.map { Float($0) }), doubles.validity)
        default: preconditionFailure("no total is a \(type.text)")
        }
    }

    private func column(_ values: Column.Values, _ validity: [Bool]) -> Column {
        Column(type: type, validity: validity.contains(false) ? validity : nil, values: values)
    }
}

extension FeatureType {
    fileprivate var isFloatingPoint: Bool { self == .float32 || self == .float64 }
}
