import Features
import Models
import PointInTime
import Reading
package import Serving
import Store
package import Wire

/// What commands name; where there is none of the name, a fault has the names that there are, for whoever may know them.
extension Catalog {
    /// The view that a command names.
    func served(_ name: Span<UInt8>) throws(CommandFault) -> ServedView {
        if let view = view(named: name) { return view }
        let text = name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        if let view = denied[text] { throw CommandFault(.deniedView(view)) }
        if let absence = registry.absence(ofView: text) {
            throw CommandFault(.noView, "no view \(CommandFault.quoted(text))\(CommandFault.oneLine(absence))")
        }
        throw .unknownView(text, known: views.map(\.name))
    }

    /// The same of a view that is only read, which may be one of windows.
    package func readable(_ name: Span<UInt8>) throws(CommandFault) -> ServedView {
        if let view = readableView(named: name) { return view }
        return try served(name)
    }

    /// The version of a service that a command names.
    package func plan(_ name: Span<UInt8>) throws(CommandFault) -> ServicePlan {
        do throws(StoreError) { return try service(named: name) } catch {
            guard case .unknownService(let text, "") = error else { throw CommandFault(error) }
            throw .unknownService(text, known: registry.definitions.services.map(\.name))
        }
    }

    /// What answers for a model as a command names it.
    package func model(
        _ name: String
    ) throws(CommandFault) -> (entry: ModelShelf.Entry, model: ServedModel, route: String) {
        do throws(ModelsError) { return try models.resolve(name) } catch {
            guard case .noModel(let model, _) = error else { throw CommandFault(error) }
            throw .unknownModel(model, known: Array(models.entries.keys))
        }
    }
}

extension StoredView {
    /// The key values of an entity as a command spells it.
    func entity(_ text: Span<UInt8>) throws(CommandFault) -> [Value] {
        let keys = definition.keys
        if keys.count == 1, keys[0].type == .int64, let value = try? ValueText.int64(text) { return [.int64(value)] }
        do throws(ValueTextError) {
            try ValueText.checkString(text)
        } catch {
            throw CommandFault(.entity, "view '\(name)': the entity is none: \(error.reason)")
        }
        do throws(EntityTextError) {
            return try EntityText.parse(
                text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) },
                keys: keys
            )
        } catch {
            throw .entity(error.description, view: name)
        }
    }

    /// One entity's keys as columns of one row, as ``ViewRows`` has them.
    func keyColumns(_ values: [Value]) -> [Column] {
        if definition.isGlobal { return [Column(type: .int64, values: .int64([0]))] }
        return zip(definition.keys, values).map { key, value in
            switch value {
            case .int64(let value): Column(type: key.type.featureType, values: .int64([value]))
            case .string(let value): Column(type: key.type.featureType, values: .text(TextValues([value])))
            default: preconditionFailure("an entity's keys are int64 or string")
            }
        }
    }
}

/// A time as a command spells it: `*`, RFC 3339, or an integer in µs.
enum TimeWord {
    /// When a fact became true: a time finer than µs is rounded up.
    static func event(_ text: Span<UInt8>, now: Int64, allowsEarly1970: Bool) throws(CommandFault) -> RoundedTime {
        try parse(text, now, TimeReading(unit: .us, rounding: .up, allowsEarly1970: allowsEarly1970))
    }

    /// Which time is asked for, µs since 1970-01-01 UTC: a finer time is rounded down.
    static func request(_ text: Span<UInt8>, now: Int64, allowsEarly1970: Bool) throws(CommandFault) -> Int64 {
        try parse(text, now, TimeReading(unit: .us, allowsEarly1970: allowsEarly1970)).microseconds
    }

    /// Whether a word ALLOW1970, in any case, stands among the options from `start` on.
    static func allowsEarly1970(_ arguments: borrowing Arguments, from start: Int) -> Bool {
        for index in min(start, arguments.count)..<arguments.count where arguments.matches(index, "ALLOW1970") {
            return true
        }
        return false
    }

    private static func parse(
        _ text: Span<UInt8>,
        _ now: Int64,
        _ reading: TimeReading
    ) throws(CommandFault) -> RoundedTime {
        if text.count == 1, text[0] == UInt8(ascii: "*") { return RoundedTime(microseconds: now) }
        do throws(ValueTextError) {
            return try reading.time(text)
        } catch {
            let shown = text.withUnsafeBufferPointer { String(decoding: $0.prefix(200), as: UTF8.self) }
            throw CommandFault(
                .time,
                "expected a time in µs, as RFC 3339, or *, got \(CommandFault.quoted(shown)): \(error.reason)"
            )
        }
    }
}
