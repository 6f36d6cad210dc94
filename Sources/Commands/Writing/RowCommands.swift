import Columnar
import Features
import Metrics
import PointInTime
import Reading
import Serving
import Store
import Wire

/// FS.SET and FS.DEL: one row of one view.
enum RowCommands {
    static let set = Command(
        "fs.set",
        arity: -6,
        summary: "Stores one row of a view: the values of an entity from an event time on.",
        group: .features,
        complexity: "O(features) and a commit in PostgreSQL that concurrent writes share",
        flags: [.write],
        arguments: [
            ArgumentSpec("view"), ArgumentSpec("entity", .key), ArgumentSpec("time"),
            ArgumentSpec(
                "values",
                .block,
                isMultiple: true,
                parts: [ArgumentSpec("feature"), ArgumentSpec("value")]
            ),
            ArgumentSpec(
                "nulls",
                .block,
                token: "NULLS",
                isOptional: true,
                parts: [ArgumentSpec("count", .integer), ArgumentSpec("feature", isMultiple: true)]
            ),
        ] + RowOptions.specs,
        requestBytesMax: WireLimits.requestBytesMax,
        loggedMax: 4,
        prepare: { context, arguments in prepared(&context, arguments, hasValues: true, setItem) },
        unread: { arguments in PreparedWrite(unread: number(arguments)) },
        run: { context, arguments in run(&context, arguments, hasValues: true, setItem) }
    )

    static let delete = Command(
        "fs.del",
        arity: -4,
        summary:
            "Stores a tombstone: from an event time on the entity has no values in a view; of events the one is gone.",
        group: .features,
        complexity: "O(features) and a commit in PostgreSQL that concurrent writes share",
        flags: [.write],
        arguments: [ArgumentSpec("view"), ArgumentSpec("entity", .key), ArgumentSpec("time"), RowOptions.eventSpec]
            + RowOptions.specs,
        prepare: { context, arguments in prepared(&context, arguments, hasValues: false, deleteItem) },
        unread: { arguments in PreparedWrite(unread: number(arguments)) },
        run: { context, arguments in run(&context, arguments, hasValues: false, deleteItem) }
    )

    private typealias MakePart = (
        borrowing Arguments, ServedView, _ options: RowOptions, _ now: Int64
    ) throws(CommandFault) -> RowWrite.Part

    private static func prepared(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments,
        hasValues: Bool,
        _ make: MakePart
    ) -> PreparedWrite? {
        var given: SourceSequence?
        do throws(CommandFault) {
            let source = try FeatureWrites.of(context).source
            let options = try RowOptions(arguments, hasValues: hasValues)
            given = options.source
            try context.writeAllowance?.check()
            let view = try source.catalog().served(arguments[1])
            let now = source.now()
            var part = try make(arguments, view, options, now)
            part.tally = try check(part, now, view.counters)
            let item = RowWrite.Item(parts: [part], source: given)
            let decoded = PreparedWrite.Decoded(item: item) { $1.integer($0.position) }
            context.writeAllowance?.take(decoded)
            return PreparedWrite(decoded)
        } catch {
            if let source = given ?? number(arguments) {
                return PreparedWrite(refused: context.engine.hooks.told(error), source: source)
            }
            context.fail(error)
            return nil
        }
    }

    /// The number of a write that is refused before its options were understood.
    private static func number(_ arguments: borrowing Arguments) -> SourceSequence? {
        SourceOption.number(in: arguments, from: 1, areCapitals: true)
    }

    private static func run(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments,
        hasValues: Bool,
        _ make: MakePart
    ) -> CommandOutcome {
        guard let write = prepared(&context, arguments, hasValues: hasValues, make) else { return .replied }
        return .deferred(write.deferred(context))
    }

    private static func check(
        _ part: RowWrite.Part,
        _ now: Int64,
        _ counters: ReadCounters
    ) throws(CommandFault) -> ExpectationTally {
        let checks = RowChecks(view: part.view, now: now, futureAdvice: "check its unit and zone")
        let checked = CheckedRows(part.rows, checks)
        guard let fault = checked.faults.first else { return checked.tally }
        if fault.feature != nil { counters.addRefused(1) }
        throw CommandFault(CommandFault.Code(fault.kind), fault.reason)
    }

    // MARK: FS.DEL

    private static func deleteItem(
        _ arguments: borrowing Arguments,
        _ view: ServedView,
        _ options: RowOptions,
        _ now: Int64
    ) throws(CommandFault) -> RowWrite.Part {
        let stored = view.stored
        let keys = stored.keyColumns(try stored.entity(arguments[2]))
        let time = try TimeWord.event(arguments[3], now: now, allowsEarly1970: options.allowsEarly1970)
        let rows = ViewRows(
            keys: keys,
            eventTimes: Column(time: time),
            isDeleted: Column(type: .bool, values: .bool([true])),
            features: try tombstone(arguments, stored, options)
        )
        return RowWrite.Part(view: stored, rows: rows)
    }

    /// The features of a tombstone: null but for the id of the event that it deletes.
    private static func tombstone(
        _ arguments: borrowing Arguments,
        _ view: StoredView,
        _ options: RowOptions
    ) throws(CommandFault) -> [Column] {
        let definition = view.definition
        var features = definition.features.map { Column(nullsOf: $0.type, rowCount: 1) }
        guard let place = definition.eventPlace else {
            guard options.event == nil else {
                throw CommandFault(
                    .general,
                    "view '\(view.name)' holds no events, so that ID names nothing: FS.DEL \(view.name) entity time"
                )
            }
            return features
        }
        let feature = definition.features[place]
        guard let event = options.event else {
            throw CommandFault(
                .general,
                "view '\(view.name)' holds events: name the one to delete by its \(feature.name), as in "
                    + "FS.DEL \(view.name) entity time ID id"
            )
        }
        var values = RowValues(definition)
        try values.set(place, arguments[event], allowsEarly1970: options.allowsEarly1970)
        if let id = values.column(place) { features[place] = id }
        return features
    }

    // MARK: FS.SET

    private static func setItem(
        _ arguments: borrowing Arguments,
        _ view: ServedView,
        _ options: RowOptions,
        _ now: Int64
    ) throws(CommandFault) -> RowWrite.Part {
        let stored = view.stored
        let keys = stored.keyColumns(try stored.entity(arguments[2]))
        let time = try TimeWord.event(arguments[3], now: now, allowsEarly1970: options.allowsEarly1970)
        var values = RowValues(stored.definition)
        var index = 4
        while index < options.valuesEnd {
            guard let feature = values.find(arguments[index]) else {
                throw .unknownFeature(arguments.text(index), of: stored)
            }
            guard index + 1 < options.valuesEnd else {
                let name = stored.definition.features[feature].name
                throw CommandFault(.general, "the feature '\(name)' has no value; features and values come in pairs")
            }
            try values.set(feature, arguments[index + 1], allowsEarly1970: options.allowsEarly1970)
            index += 2
        }
        for index in options.nulls ?? 0..<0 { try values.setNull(arguments, index) }
        let rows = ViewRows(
            keys: keys,
            eventTimes: Column(time: time),
            features: try values.finish()
        )
        return RowWrite.Part(view: stored, rows: rows)
    }
}

/// The values of one row while a command's arguments are read.
private struct RowValues {
    private let definition: ViewDefinition
    private var columns: [Column?]
    private var isNull: [Bool]
    /// Features mostly come in the view's order.
    private var next = 0

    init(_ definition: ViewDefinition) {
        self.definition = definition
        columns = Array(repeating: nil, count: definition.features.count)
        isNull = Array(repeating: false, count: definition.features.count)
    }

    mutating func find(_ name: Span<UInt8>) -> Int? {
        for offset in 0..<definition.features.count {
            let index = (next + offset) % definition.features.count
            if isEqual(definition.features[index].name, name) {
                next = index + 1
                return index
            }
        }
        return nil
    }

    private func isEqual(_ name: String, _ bytes: Span<UInt8>) -> Bool {
        let utf8 = name.utf8
        guard utf8.count == bytes.count else { return false }
        var index = 0
        for byte in utf8 {
            if bytes[index] != byte { return false }
            index += 1
        }
        return true
    }

    private func refuseTwice(_ feature: Int) throws(CommandFault) {
        guard columns[feature] == nil, !isNull[feature] else {
            throw CommandFault(.general, "the feature '\(definition.features[feature].name)' is given twice")
        }
    }

    mutating func set(
        _ feature: Int,
        _ text: Span<UInt8>,
        allowsEarly1970: Bool
    ) throws(CommandFault) {
        try refuseTwice(feature)
        let type = definition.features[feature].type
        do throws(ValueTextError) {
            columns[feature] = try TextColumn.column(
                text,
                as: type,
                times: TimeReading(unit: .us, allowsEarly1970: allowsEarly1970)
            )
        } catch {
            let shown = text.withUnsafeBufferPointer { String(decoding: $0.prefix(200), as: UTF8.self) }
            let got =
                definition.features[feature].isPII ? Expectations.hiddenValue : CommandFault.quoted(shown)
            throw CommandFault(
                .value,
                "feature '\(definition.features[feature].name)': expected \(type.text), got \(got): \(error.reason)"
            )
        }
    }

    mutating func setNull(_ arguments: borrowing Arguments, _ index: Int) throws(CommandFault) {
        guard let feature = find(arguments[index]) else {
            throw .unknownFeature(
                arguments.text(index),
                view: definition.name,
                known: definition.features.map(\.name)
            )
        }
        try refuseTwice(feature)
        isNull[feature] = true
    }

    /// What was set for a feature.
    func column(_ feature: Int) -> Column? { columns[feature] }

    func finish() throws(CommandFault) -> [Column] {
        var finished: [Column] = []
        for (index, feature) in definition.features.enumerated() {
            if let column = columns[index] {
                finished.append(column)
                continue
            }
            guard isNull[index] || definition.missing == .null else {
                throw CommandFault(
                    .value,
                    "the feature '\(feature.name)' is missing; view '\(definition.name)' does not allow null for it unless "
                        + "it is named: NULLS 1 \(feature.name)"
                )
            }
            finished.append(Column(nullsOf: feature.type, rowCount: 1))
        }
        return finished
    }
}

extension PreparedWrite {
    /// The command's reply, once it is committed.
    func deferred(_ context: borrowing CommandContext) -> DeferredReply {
        let writes = context.engine.writes
        let client = context.client.id
        return DeferredReply(isWrite: true) { finish in
            guard let writes else {
                return finish { $0.fault(CommandFault(.unavailable, "this server has no store")) }
            }
            submit(to: writes.writer, client: client, finish)
        }
    }
}
