package import Features
package import PointInTime
package import Wire

/// Rows of one view that came as line protocol.
package struct LineViewRows: Sendable {
    /// The view's place among those that ``LineRows`` was given.
    package var view: Int
    /// In the order of the view's keys; of a global view one column of zeros.
    package var keys: [Column]
    package var eventTimes: Column
    /// In the order of the view's features.
    package var features: [Column]
    /// Each row's place among the points, ascending.
    package var offsets: [Int]
}

/// Turns decoded points into rows of the views that they name: measurement = view, tags = entity keys, fields = features.
///
/// A tag also names a feature of type string. An integer becomes a float where that is exact, never the reverse.
/// `bytes`, `timestamp`, `vector` and `list` features are written as strings, as they are in CSV. A feature that a point
/// lacks is an error unless the view allows null. A point that is refused leaves nothing behind.
package struct LineRows {
    /// Never written to after ``init(views:precision:allowsEarly1970:ignoresExtra:absent:)``, so that copies of a store of thousands of views
    /// share them.
    private let templates: [ViewRowsBuilder]
    /// Each view's place in ``templates`` by its name's bytes.
    private let numbers: KeyOrder
    /// Of the points' times, and of integers in `timestamp` features.
    private let times: TimeReading
    /// The views that points have named, and the place of each view's builder here.
    private var builders: [ViewRowsBuilder] = []
    private var places: [Int: Int] = [:]
    /// The builder of the last point.
    private var last = 0
    /// What is said of names that are no view's in force, and not unknown either.
    private let absent: [String: String]
    /// Why nobody may name a view at the moment, by name.
    private let denied: [String: String]
    /// Why points may not name a view, for whoever sent them; `nil` = they may. Asked before anything is said of a view, also
    /// that there is none; `nil` = points may name all views.
    package var refusal: (@Sendable (_ view: [UInt8]) -> String?)?
    private var hints = HintBudget()
    private var scratch: [UInt8] = []
    /// Bytes of the values so far, nulls included and texts not: a point of a few bytes may be a row of 1,600 nulls.
    package private(set) var byteCount = 0

    /// - Parameters:
    ///   - views: of equal names the first counts.
    ///   - precision: the unit of the points' times.
    ///   - allowsEarly1970: as in ``TimeReading``.
    ///   - ignoresExtra: leaves out tags and fields that a point's view does not have.
    ///   - absent: what an error says behind the name of a view that points may name no more: that it is retired, say.
    ///   - denied: of a view that nobody may name at the moment, the whole of what an error says: such points are not wrong.
    package init(
        views: [ViewDefinition],
        precision: TimeUnit,
        allowsEarly1970: Bool = false,
        ignoresExtra: Bool = false,
        absent: [String: String] = [:],
        denied: [String: String] = [:]
    ) {
        self.absent = absent
        self.denied = denied
        templates = views.enumerated().map { ViewRowsBuilder($1, number: $0, ignoresExtra: ignoresExtra) }
        numbers = KeyOrder(keys: templates.map(\.name))
        times = TimeReading(unit: precision, rounding: .up, allowsEarly1970: allowsEarly1970)
    }

    /// Appends a point's row.
    /// - Parameters:
    ///   - bytes: what the point was decoded from.
    ///   - offset: the point's place, for ``LineViewRows/offsets``.
    ///   - now: µs since 1970-01-01 UTC, for a point without a time.
    /// - Throws: ``LineProtocolError`` naming what is known, where something is not.
    package mutating func append(
        _ point: DecodedLine,
        _ bytes: Span<UInt8>,
        offset: Int,
        now: Int64
    ) throws(LineProtocolError) {
        scratch.removeAll(keepingCapacity: true)
        point.measurement.append(from: bytes, to: &scratch)
        // Points of one view mostly follow one another.
        if last >= builders.count || builders[last].name != scratch {
            let number = numbers.number(of: scratch.span)
            let refusal = refusal
            if let refusal, number.flatMap({ places[$0] }) == nil, let reason = refusal(scratch) {
                throw point.error(at: point.measurement.range.lowerBound, reason, .permission, in: bytes)
            }
            guard let number else {
                let name = point.measurement.shown(in: bytes)
                if let reason = denied[name] {
                    throw point.error(at: point.measurement.range.lowerBound, reason, .permission, in: bytes)
                }
                let hint =
                    absent[name]
                    ?? hints.hint(for: name, count: templates.count) {
                        let names = templates.map(\.definition.name)
                        return refusal.map { refusal in names.filter { refusal(Array($0.utf8)) == nil } } ?? names
                    }
                let reason = "there is no view '\(name)'\(hint)"
                throw point.error(at: point.measurement.range.lowerBound, reason, .view, in: bytes)
            }
            last = builder(number)
        }
        var time = RoundedTime(microseconds: now)
        if let given = point.time {
            do throws(ValueTextError) {
                time = try times.time(integer: given)
            } catch {
                let text = "the time \(given)\(times.unit.map { " \($0.rawValue)" } ?? ""): \(error.reason)"
                throw point.error(at: point.range.lowerBound, text, .time, in: bytes)
            }
        }
        try builders[last].append(point, bytes, offset: offset, time: time, &hints)
        byteCount += builders[last].rowBytes
    }

    /// The place of a view's builder, which is made where it is the view's first point.
    private mutating func builder(_ number: Int) -> Int {
        if let place = places[number] { return place }
        builders.append(templates[number])
        places[number] = builders.count - 1
        return builders.count - 1
    }

    /// The rows so far, for each view that has any, in the order of the views; then there are none.
    package mutating func take() -> [LineViewRows] {
        byteCount = 0
        hints = HintBudget()
        var taken: [LineViewRows] = []
        for place in builders.indices where !builders[place].offsets.isEmpty { taken.append(builders[place].take()) }
        return taken.sorted { $0.view < $1.view }
    }
}
