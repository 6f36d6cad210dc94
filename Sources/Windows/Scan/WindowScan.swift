import Features
package import PointInTime

/// The events of one key and the times at which windows over them are asked for.
package struct WindowGroup: Sendable {
    /// Rows of the scan's events.
    package var events: Range<Int>
    /// Places in the scan's requests.
    package var requests: Range<Int>

    package init(events: Range<Int>, requests: Range<Int>) {
        self.events = events
        self.requests = requests
    }
}

/// What a window gave.
package struct WindowResult: Sendable {
    /// One row a request.
    package var column: Column
    /// How many sums of integers are null because they are beyond int64.
    package var overflows: Int
}

/// Windows over sorted events at sorted times, in one pass a key.
///
/// Rows enter a window at its end and leave it at its start; what it has of them is exact, so that values depend on which
/// rows are in, and on nothing else.
package struct WindowScan: Sendable {
    private let times: [Int64]
    private let requests: [Int64]
    private let groups: [WindowGroup]

    /// - Parameters:
    ///   - times: of events, µs since 1970-01-01 UTC. Those of a group ascend, and of equal times the greater id is the
    ///     later row.
    ///   - requests: times in the same unit; those of a group ascend.
    ///   - groups: in their order; together they have each request once.
    package init(times: [Int64], requests: [Int64], groups: [WindowGroup]) {
        precondition(times.count <= WindowLimits.scanEventsMax, "more events than a scan takes")
        var next = 0
        for group in groups {
            precondition(group.requests.lowerBound == next, "a request without a group, or in two")
            next = group.requests.upperBound
            precondition(Self.ascend(times, group.events), "events of a key do not ascend by time")
            precondition(Self.ascend(requests, group.requests), "requests of a key do not ascend by time")
        }
        precondition(next == requests.count, "a request without a group")
        self.times = times
        self.requests = requests
        self.groups = groups
    }

    private static func ascend(_ times: [Int64], _ range: Range<Int>) -> Bool {
        for place in range.dropFirst() where times[place - 1] > times[place] { return false }
        return true
    }

    /// The rows that windows with these bounds have; the same for all aggregates.
    package func spans(_ bounds: WindowBounds) -> WindowSpans {
        WindowSpans(bounds, times: times, requests: requests, groups: groups)
    }

    /// The values of one window, a row a request.
    ///
    /// - Parameters:
    ///   - number: how many values, where the aggregate gives lists of them.
    ///   - fraction: of a quantile, in millionths.
    ///   - values: the events' values of ``WindowDefinition/column``, of a type that the aggregate takes; `nil` where it
    ///     names none.
    ///   - filter: whether an event meets the window's condition; `nil` where there is none.
    /// - Returns: rows of ``WindowAggregate/resultType(of:isList:)``. A window without values gives 0 for `count`, `distinct` and `approx_distinct`,
    ///   null for the others.
    /// - Complexity: O(events that are in some window + requests) for each key, however wide the window; `min`, `max` and
    ///   `distinct` of texts sort these first.
    package func column(
        _ aggregate: WindowAggregate,
        _ spans: WindowSpans,
        number: Int? = nil,
        fraction: Int? = nil,
        values: Column?,
        filter: [Bool]?
    ) -> WindowResult {
        precondition(values.map { $0.rowCount == times.count } ?? true, "values of other events")
        precondition(filter.map { $0.count == times.count } ?? true, "a condition on other events")
        guard let type = aggregate.resultType(of: values?.type, isList: number != nil) else {
            preconditionFailure("\(aggregate.rawValue) of \(values?.type.text ?? "no column")")
        }
        var counted = filter
        if let validity = values?.validity {
            counted = counted.map { zip($0, validity).map { $0 && $1 } } ?? validity
        }
        var overflows = 0
        func column(_ values: Column.Values, _ validity: [Bool]? = nil) -> Column {
            Column(type: type, validity: validity?.contains(false) == true ? validity : nil, values: values)
        }
        let result: Column
        switch (aggregate, values) {
        case (.secondsSinceLast, _):
            let newest = newest(spans, counted)
            let seconds = zip(newest, requests).map { row, request in
                row < 0 ? 0 : Double(request.subtractingSaturating(times[Int(row)])) / 1_000_000
            }
            result = column(.float64(seconds), newest.map { $0 >= 0 })
        case (.first, let values?) where number != nil, (.last, let values?) where number != nil:
            let isNewestFirst = aggregate == .last
            let rows = run(RowListAccumulator(number: number ?? 1, isNewestFirst: isNewestFirst), spans, counted)
            result = values.lists(of: rows.results, offsets: rows.offsets, validity: Self.validity(rows.offsets))
        case (.top, let values?), (.histogram, let values?):
            let limit = aggregate == .top ? number : nil
            let found = run(FrequencyAccumulator(OrderKeys.of(values), number: limit), spans, counted)
            result = values.lists(
                of: found.results,
                offsets: found.offsets,
                validity: Self.validity(found.offsets),
                suffix: aggregate == .top ? nil : { "=\(found.resultCounts[$0])" }
            )
        case (.count, _), (_, nil):
            result = column(.int64(count(spans, counted)))
        case (.sum, let values?):
            if let integers = Self.integers(values) {
                let sums = run(IntegerSumAccumulator(integers), spans, counted)
                overflows = sums.overflows
                result = column(.int64(sums.results.values), sums.results.validity)
            } else {
                let sums = run(FloatSumAccumulator(Self.floats(values), isMean: false), spans, counted).results
                result = column(.float64(sums.values), sums.validity)
            }
        case (.avg, let values?):
            let means =
                if let integers = Self.integers(values) {
                    run(IntegerMeanAccumulator(integers), spans, counted).results
                } else {
                    run(FloatSumAccumulator(Self.floats(values), isMean: true), spans, counted).results
                }
            result = column(.float64(means.values), means.validity)
        case (.variance, let values?): result = moments(values, spans, counted)
        case (.stddev, let values?): result = moments(values, spans, counted, isRoot: true)
        case (.variancePopulation, let values?): result = moments(values, spans, counted, isSample: false)
        case (.stddevPopulation, let values?):
            result = moments(values, spans, counted, isSample: false, isRoot: true)
        case (.min, let values?):
            let rows = run(LeastAccumulator(OrderKeys.of(values)), spans, counted).results
            result = OrderKeys.canonical(values).gatherOrNull(rows)
        case (.max, let values?):
            let rows = run(LeastAccumulator(OrderKeys.of(values).map { ~$0 }), spans, counted).results
            result = OrderKeys.canonical(values).gatherOrNull(rows)
        case (.first, let values?):
            let rows = run(LeastAccumulator(times.indices.map { Int64($0) }), spans, counted).results
            result = values.gatherOrNull(rows)
        case (.last, let values?):
            let rows = newest(spans, counted)
            result = values.gatherOrNull(rows)
        case (.approxDistinct, let values?):
            result = column(.int64(run(SketchedDistinctAccumulator(values), spans, counted).results))
        case (.approxQuantile, let values?):
            let floats = Self.integers(values)?.map(Double.init) ?? Self.floats(values)
            let found = run(QuantileAccumulator(floats, fraction: fraction ?? 0), spans, counted).results
            result = column(.float64(found.values), found.validity)
        case (.distinct, let values?):
            let (codes, count) = OrderKeys.codes(OrderKeys.of(values))
            result = column(.int64(run(DistinctAccumulator(codes, count: count), spans, counted).results))
        }
        return WindowResult(column: result, overflows: overflows)
    }

    /// Of lists that end where the next begins: an empty one is null, as of an empty window.
    private static func validity(_ offsets: [Int]) -> [Bool]? {
        let validity = (0..<offsets.count - 1).map { offsets[$0] < offsets[$0 + 1] }
        return validity.contains(false) ? validity : nil
    }

    private static func integers(_ column: Column) -> [Int64]? {
        switch column.values {
        case .int32(let values): values.map(Int64.init)
        case .int64(let values): values
        default: nil
        }
    }

    private static func floats(_ column: Column) -> [Double] {
        switch column.values {
        case .float32(let values): values.map(Double.init)
        case .float64(let values): values
        default: preconditionFailure("\(column.type.text) is no float")
        }
    }

    private func moments(
        _ values: Column,
        _ spans: WindowSpans,
        _ counted: [Bool]?,
        isSample: Bool = true,
        isRoot: Bool = false
    ) -> Column {
        let integers = Self.integers(values)
        let empty = MomentsAccumulator(
            floats: integers == nil ? Self.floats(values) : [],
            integers: integers,
            isSample: isSample,
            isRoot: isRoot
        )
        let results = run(empty, spans, counted).results
        return Column(
            type: .float64,
            validity: results.validity.contains(false) ? results.validity : nil,
            values: .float64(results.values)
        )
    }

    /// How many rows windows have.
    private func count(_ spans: WindowSpans, _ counted: [Bool]?) -> [Int64] {
        if counted != nil { return run(CountAccumulator(), spans, counted).results }
        return requests.indices.map { Int64(spans.end[$0] - spans.first[$0]) }
    }

    /// The newest row of each window; -1 where it has none.
    private func newest(_ spans: WindowSpans, _ counted: [Bool]?) -> [Int32] {
        if counted != nil { return run(NewestAccumulator(), spans, counted).results }
        return requests.indices.map { spans.end[$0] > spans.first[$0] ? spans.end[$0] - 1 : -1 }
    }

    /// Moves a window over each key's events, from request to request.
    func run<Accumulator: WindowAccumulator>(
        _ empty: Accumulator,
        _ spans: WindowSpans,
        _ counted: [Bool]?
    ) -> Accumulator {
        var accumulator = empty
        for group in groups {
            // Rows from `first` up to `end` are in.
            var (first, end) = (group.events.lowerBound, group.events.lowerBound)
            for request in group.requests {
                let (nextFirst, nextEnd) = (Int(spans.first[request]), Int(spans.end[request]))
                if nextFirst >= end {
                    accumulator.removeAll(first..<end, counted)
                    end = nextFirst
                } else {
                    for row in first..<nextFirst where counted?[row] ?? true { accumulator.remove(row) }
                }
                for row in end..<nextEnd where counted?[row] ?? true { accumulator.add(row) }
                (first, end) = (nextFirst, nextEnd)
                accumulator.take()
            }
            accumulator.removeAll(first..<end, counted)
        }
        return accumulator
    }
}
