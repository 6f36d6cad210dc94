import Features

/// The types that every value of a text column seen so far could have; `string` is always one more of them.
struct TypeCandidates {
    private var types: Types?
    /// Whether the column's values are to be times: then dates are, too, at their midnight.
    private let isTime: Bool
    /// The one length of all arrays, for ``Types/vector``.
    private var dimensions = 0
    private var hasNumber = false
    /// Whether a time was finer than µs.
    private var hasFinerTime = false
    /// Of numbers in JSON: the most digits before and behind the point.
    private var integerDigits = 0
    private var fractionDigits = 0

    init(isTime: Bool = false) { self.isTime = isTime }

    private struct Types: OptionSet {
        let rawValue: UInt16
        static let bool = Types(rawValue: 1)
        static let int64 = Types(rawValue: 2)
        static let float64 = Types(rawValue: 4)
        static let timestamp = Types(rawValue: 8)
        static let listInt64 = Types(rawValue: 16)
        static let listString = Types(rawValue: 32)
        static let vector = Types(rawValue: 64)
        /// An exact number of JSON's, in case that neither integers nor floats hold all of them.
        static let decimal = Types(rawValue: 128)
        /// A time of at most ns that int64 holds in ns.
        static let nanoseconds = Types(rawValue: 256)
    }

    /// Whether only `string` is left, so that further values tell nothing.
    var isDecided: Bool { types == Types() }

    /// The type with which a column of these values passes through, where no feature's is that.
    var passed: PassedType? {
        guard let types, types.isDisjoint(with: [.bool, .int64]), !(types.contains(.float64) && hasNumber) else {
            return nil
        }
        if types.contains(.timestamp), hasFinerTime, types.contains(.nanoseconds) {
            return .timestamp(.ns, zone: "UTC")
        }
        if isTime, types.contains(.timestamp), hasFinerTime { return .momentText }
        return types.contains(.decimal)
            ? .decimal(integerDigits: integerDigits, fractionDigits: fractionDigits) : nil
    }

    /// The narrowest type; `string` where there was no value at all.
    var narrowest: FeatureType {
        guard let types else { return .string }
        if types.contains(.bool) { return .bool }
        if types.contains(.int64) { return .int64 }
        // JSON strings "NaN" alone are texts; among numbers they are numbers.
        if types.contains(.float64), hasNumber { return .float64 }
        // A time that ns do not hold stays the text it is.
        if types.contains(.timestamp), !hasFinerTime { return .timestamp }
        if types.contains(.listInt64) { return .listInt64 }
        if types.contains(.listString) { return .listString }
        if types.contains(.vector) { return .vector(dimensions) }
        return .string
    }

    /// A request for the column as what its values are.
    func request(_ name: String) -> ColumnRequest {
        let passed = passed
        return ColumnRequest(sourceName: name, type: passed?.carrier ?? narrowest, passed: passed)
    }

    private mutating func meet(_ others: Types) { types = types.map { $0.intersection(others) } ?? others }

    /// Takes the text of a CSV field that is not null.
    mutating func addText(_ text: Span<UInt8>) {
        guard text.count > 0 else { return meet([]) }
        switch text[0] {
        case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"):
            meet(text.count > 1 && (try? ValueText.bool(text)) != nil ? .bool : [])
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "n"),
            UInt8(ascii: "N"), UInt8(ascii: "i"), UInt8(ascii: "I"):
            let types = Self.numberTypes(text)
            hasNumber = hasNumber || !types.isEmpty
            meet(types.isEmpty ? timeTypes(text) : types)
        default: meet([])
        }
    }

    /// Takes a JSON value.
    /// - Returns: whether a column can have it at all; objects and arrays of mixed values are refused.
    mutating func addJSON(_ field: Field, in bytes: Span<UInt8>) -> Bool {
        let text = bytes.extracting(field.range)
        switch field.kind {
        case .null, .absent: return true
        case .true, .false: meet(.bool)
        case .number:
            hasNumber = true
            var types = Self.numberTypes(text)
            // Zero with a sign is a float's.
            if types != .float64 || (try? ValueText.float64(text)) != 0, let number = ExactNumber(text) {
                types.insert(.decimal)
                integerDigits = max(integerDigits, number.integerDigits)
                fractionDigits = max(fractionDigits, number.fractionDigits)
            }
            meet(types)
        case .string, .stringEscaped:
            if let value = try? ValueText.float64(text), !value.isFinite {
                meet(.float64)
            } else {
                meet(timeTypes(text))
            }
        case .array: return addArray(text)
        case .object, .bare, .quoted, .quotedEscaped: return false
        }
        return true
    }

    private mutating func addArray(_ text: Span<UInt8>) -> Bool {
        var elements: Types = [.listInt64, .listString, .vector]
        var count = 0
        do throws(ValueTextError) {
            var list = try ListScanner(text)
            while let element = try list.next() {
                count += 1
                let value = text.extracting(element.range)
                switch element.kind {
                case .number:
                    let isInteger = (try? ValueText.int64(value)) != nil
                    elements.formIntersection(isInteger ? [.listInt64, .vector] : .vector)
                case .string, .stringEscaped:
                    let isSpecial = (try? ValueText.float64(value)).map { !$0.isFinite } ?? false
                    elements.formIntersection(isSpecial ? [.listString, .vector] : .listString)
                default: return false
                }
            }
        } catch {
            return false
        }
        guard !elements.isEmpty else { return false }
        let isFirst = types == nil
        if isFirst { dimensions = count }
        if count == 0 || count != dimensions || count > DefinitionLimits.vectorDimensionsMax {
            elements.remove(.vector)
        }
        meet(elements)
        return !isDecided
    }

    /// What a number's text may be without losing anything of it: `00123`, `+1`, integers beyond 64 bits and fractions of
    /// more digits than a float has are none of them.
    private static func numberTypes(_ text: Span<UInt8>) -> Types {
        let first = text[0] == UInt8(ascii: "-") ? 1 : 0
        let startsWithZero = text.count > first + 1 && text[first] == UInt8(ascii: "0")
        if startsWithZero, text[first + 1] >= UInt8(ascii: "0"), text[first + 1] <= UInt8(ascii: "9") { return [] }
        do throws(ValueTextError) {
            let integer = try ValueText.int64(text)
            // As integers -0 and 0 are one value.
            if integer == 0, first == 1 { return .float64 }
            return Int64(exactly: Double(integer)) == integer ? [.int64, .float64] : .int64
        } catch {
            guard error == .malformed, let value = try? ValueText.float64(text) else { return [] }
            return !value.isFinite || ValueText.isHeld(text, by: value) ? .float64 : []
        }
    }

    /// A date with a time of day; a date alone stays a text, unless times are expected.
    private mutating func timeTypes(_ text: Span<UInt8>) -> Types {
        guard text.count > 10 || isTime, let time = try? RoundedTime(text: text, .down) else { return [] }
        switch text.count > 10 ? text[10] : UInt8(ascii: "T") {
        case UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " "):
            guard time.movedNs > 0 else {
                let fits = abs(time.microseconds) <= Int64.max / 1_000
                return fits ? [.timestamp, .nanoseconds] : .timestamp
            }
            hasFinerTime = true
            let fits = (try? PassedText.value(text, .timestamp(.ns, zone: "UTC"))) != nil
            return fits ? [.timestamp, .nanoseconds] : .timestamp
        default: return []
        }
    }
}
