import Columnar
import Expressions
import Features
import PointInTime
import Predictions
import Reading
import Serving
import Wire

/// `KEYS nk name … ROWS nr value …` of a request to a service: names in any order, then for each row a value a name.
///
/// A name is a key of the service or a request field, or both. Where `allowsOverrides` is set, it may also be the full name
/// of a feature's column, `view__feature`: its values take the place of stored ones, and a view all of whose columns are
/// given is not looked up and needs no keys.
struct ServiceArguments {
    let service: ServicePlan
    let rowCount: Int
    /// The first argument behind the values.
    let end: Int
    private let names: Range<Int>
    private let values: Range<Int>
    /// The place in a row of each of the service's keys; `nil` = not given.
    private var keyPlaces: [Int?]
    /// Of each request field.
    private var fieldPlaces: [Int?]
    /// Of what is given instead of lookups, by place among ``ComputedColumns/lookups``.
    private var overridePlaces: [(lookup: Int, type: FeatureType, place: Int)] = []
    /// Roles that are not looked up, since all of their columns are given.
    private var givenRoles: Set<Int> = []

    /// - Parameters:
    ///   - start: the argument KEYS.
    ///   - command: what stands before it, for errors.
    /// - Throws: where a key or a request field is missing, with its name, or a name is unknown or given twice.
    init(
        _ arguments: borrowing Arguments,
        from start: Int,
        of service: ServicePlan,
        command: String,
        allowsOverrides: Bool = false
    ) throws(CommandFault) {
        self.service = service
        let expected = "\(command) KEYS n name … ROWS n value …"
        guard start < arguments.count, arguments.matches(start, "KEYS") else {
            let got = start < arguments.count ? CommandFault.quoted(arguments.text(start)) : "nothing"
            throw CommandFault(.general, "got \(got) for KEYS; expected \(expected)")
        }
        names = try ReplyOptions.counted(arguments, start + 1, "KEYS", expected: expected)
        guard names.upperBound < arguments.count, arguments.matches(names.upperBound, "ROWS") else {
            throw CommandFault(.general, "ROWS does not follow the keys; expected \(expected)")
        }
        keyPlaces = Array(repeating: nil, count: service.keys.count)
        fieldPlaces = Array(repeating: nil, count: service.inputs.fields.count)
        values = try ReplyOptions.counted(
            arguments,
            names.upperBound + 1,
            "ROWS",
            expected: "\(names.count) values a row",
            each: names.count
        )
        end = values.upperBound
        // A service of global views alone has no keys, and as many rows as the request says.
        rowCount =
            names.isEmpty
            ? Int(clamping: DecimalText.integer(arguments[names.upperBound + 1]) ?? 0) : values.count / names.count
        // Rows that need no argument could ask for anything.
        guard rowCount <= WireLimits.argumentsMax else {
            throw CommandFault(.limit, "ROWS announces \(rowCount); \(WireLimits.argumentsMax) rows are allowed")
        }
        for index in names { try take(arguments.text(index), index - names.lowerBound, allowsOverrides) }
        leaveOutGivenRoles()
        try checkComplete()
    }

    private mutating func take(_ name: String, _ place: Int, _ allowsOverrides: Bool) throws(CommandFault) {
        let key = service.keys.firstIndex { $0.name == name }
        let field = service.inputs.fields.firstIndex { $0.name == name }
        let isTwice = key.map { keyPlaces[$0] != nil } ?? field.map { fieldPlaces[$0] != nil } ?? false
        if let key { keyPlaces[key] = place }
        if let field { fieldPlaces[field] = place }
        var isOverride = false
        if key == nil, field == nil, allowsOverrides {
            let features = service.definition.columns.compactMap(\.feature)
            if let lookup = features.firstIndex(where: { $0.outputName == name }) {
                isOverride = true
                guard !overridePlaces.contains(where: { $0.lookup == lookup }) else { throw Self.twice(name) }
                overridePlaces.append((lookup, features[lookup].type, place))
            }
        }
        guard key != nil || field != nil || isOverride else {
            throw CommandFault(
                .entity,
                "service '\(service.name)' has no \(service.inputs.fields.isEmpty ? "key" : "key or request field") "
                    + "\(CommandFault.quoted(name)); \(list)"
            )
        }
        if isTwice { throw Self.twice(name) }
    }

    private static func twice(_ name: String) -> CommandFault {
        CommandFault(.entity, "KEYS names \(CommandFault.quoted(name)) twice")
    }

    /// Roles of which everything that is put out or computed with is given.
    private mutating func leaveOutGivenRoles() {
        guard !overridePlaces.isEmpty else { return }
        let lookups = service.inputs.lookups
        let given = Set(overridePlaces.map(\.lookup))
        for role in service.roles.indices {
            let own = lookups.indices.filter { lookups[$0].role == role }
            if own.allSatisfy(given.contains) { givenRoles.insert(role) }
        }
    }

    private func checkComplete() throws(CommandFault) {
        for (key, place) in keyPlaces.enumerated() where place == nil && isUsed(key) {
            throw CommandFault(
                .entity,
                "KEYS lacks the key '\(service.keys[key].name)' of service '\(service.name)'; \(list)"
            )
        }
        for (field, place) in zip(service.inputs.fields, fieldPlaces) where place == nil {
            throw CommandFault(
                .value,
                "KEYS lacks the request field '\(field.name)' (\(field.type.text)) of service '\(service.name)'; \(list)"
            )
        }
    }

    private func isUsed(_ key: Int) -> Bool {
        service.roles.indices.contains { service.roles[$0].keys.contains(key) && !givenRoles.contains($0) }
            || service.inputs.derived.requestNames.contains(service.keys[key].name)
    }

    private var list: String {
        var names = service.keys.map(\.name)
        for field in service.inputs.fields where !names.contains(field.name) { names.append(field.name) }
        return names.isEmpty ? "it needs none: KEYS 0" : "expected KEYS \(names.count) " + names.joined(separator: " ")
    }

    /// The keys of each role.
    /// - Parameter isTimed: whether the request has an AT.
    /// - Throws: FSENTITY for a value that is none of its key's; FSLIMIT where they take too much.
    func keys(_ arguments: borrowing Arguments, isTimed: Bool) throws(CommandFault) -> [LookupKeys] {
        var keys: [LookupKeys] = []
        var keyBytes = 0
        // Beside windows other views may be read from history, too, at the windows' position.
        let isFetched = isTimed || service.roles.contains { $0.view.windows != nil }
        for (index, role) in service.roles.enumerated() {
            let isLookedUp = !givenRoles.contains(index)
            let asked = role.keys.compactMap { keyPlaces[$0] }
            var found = LookupKeys(role.view, capacity: isLookedUp ? rowCount : 0, isTimed: isFetched)
            for row in 0..<(isLookedUp ? rowCount : 0) {
                try found.append(arguments, from: values.lowerBound + row * names.count, places: asked, row: row) {
                    service.keys[role.keys[$0]].name
                }
            }
            keys.append(found)
            keyBytes += found.byteCount
            // Each role has its own of the keys that it shares with others.
            guard keyBytes <= WireLimits.replyBytesMax else {
                throw CommandFault(
                    .limit,
                    "the keys of all \(service.roles.count) roles have more than \(WireLimits.replyBytesMax >> 20) MiB; "
                        + "ask for fewer rows"
                )
            }
        }
        return keys
    }

    /// What the request gives besides keys; `nil` where the service takes nothing.
    /// - Parameter null: the argument with the text that stands for null; the empty text does in any case, but for strings
    ///   and bytes.
    /// - Throws: FSVALUE for a value that is not of its field's type.
    func computation(_ arguments: borrowing Arguments, null: Int?) throws(CommandFault) -> RowComputation? {
        guard service.computed != nil || !overridePlaces.isEmpty else { return nil }
        let computed = service.inputs
        let null = null.map { arguments.text($0) }
        var fields: [Column] = []
        for (field, place) in zip(computed.fields, fieldPlaces) {
            fields.append(try column("request field '\(field.name)'", field.type, place ?? 0, arguments, null))
        }
        var keys: [String: Column] = [:]
        for name in computed.derived.requestNames where !computed.fields.contains(where: { $0.name == name }) {
            guard let key = service.keys.firstIndex(where: { $0.name == name }), let place = keyPlaces[key] else {
                continue
            }
            keys[name] = try column("key '\(name)'", service.keys[key].type.featureType, place, arguments, nil)
        }
        var overrides: [Int: Column] = [:]
        for given in overridePlaces {
            overrides[given.lookup] = try column(
                "column '\(service.definition.lookups[given.lookup].outputName)'",
                given.type,
                given.place,
                arguments,
                null
            )
        }
        return RowComputation(computed, of: service, fields: fields, keys: keys, overrides: overrides)
    }

    /// What the request gives, each name once, for the log of predictions.
    /// - Parameter computation: what ``computation(_:null:)`` made of the same request.
    func given(
        _ arguments: borrowing Arguments,
        _ computation: RowComputation?
    ) throws(CommandFault) -> [AnsweredRows.Given] {
        var given: [AnsweredRows.Given] = []
        for (key, place) in zip(service.keys, keyPlaces) {
            guard let place else { continue }
            if let known = computation?.keys[key.name] {
                given.append(AnsweredRows.Given(key.name, .key, known))
                continue
            }
            let values = try column("key '\(key.name)'", key.type.featureType, place, arguments, nil)
            given.append(AnsweredRows.Given(key.name, .key, values))
        }
        guard let computation else { return given }
        for (field, values) in zip(service.inputs.fields, computation.fields)
        where !service.keys.contains(where: { $0.name == field.name }) {
            given.append(AnsweredRows.Given(field.name, .field, values))
        }
        for (lookup, values) in computation.overrides.sorted(by: { $0.key < $1.key }) {
            given.append(AnsweredRows.Given(service.definition.lookups[lookup].outputName, .override, values))
        }
        return given
    }

    private func column(
        _ what: String,
        _ type: FeatureType,
        _ place: Int,
        _ arguments: borrowing Arguments,
        _ null: String?
    ) throws(CommandFault) -> Column {
        var rows = TextColumnBuilder(type, times: TimeReading(unit: .us))
        let isEmptyNull = type != .string && type != .bytes
        for row in 0..<rowCount {
            let index = values.lowerBound + row * names.count + place
            let text = arguments[index]
            let isNull = null.map { null in text.withUnsafeBufferPointer { $0.elementsEqual(null.utf8) } } ?? false
            if isNull || (isEmptyNull && text.isEmpty) {
                rows.appendNull()
                continue
            }
            do throws(ValueTextError) {
                if case .vector(let dimensions) = type {
                    try rows.append(text, orFloatsOf: dimensions)
                } else {
                    try rows.append(text)
                }
            } catch {
                throw CommandFault(
                    .value,
                    "row \(row + 1), \(what): expected \(type.text), got "
                        + "\(CommandFault.quoted(arguments.text(index))): \(error.reason)"
                )
            }
        }
        return rows.finish()
    }
}
