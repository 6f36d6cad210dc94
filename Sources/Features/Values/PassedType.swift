/// A type that no feature has, but a spine's column may: the column leaves an export as it came.
///
/// Its values are held in a column of its ``carrier``, and only who reads, writes or shows them looks at this type. The
/// text form (`init(text:)`, ``text``) is what manifests and digests of version 2 carry, and what Arrow's types are made
/// of.
package enum PassedType: Hashable, Sendable {
    /// 8 or 16 bits, or unsigned; of 64 bits unsigned the carrier has the bit pattern.
    case integer(bits: Int, isSigned: Bool)
    case float16
    /// The carrier has each number's shortest plain text, see ``ExactNumber``.
    case decimal(bits: Int, precision: Int, scale: Int)
    /// Exact numbers of any length, NaN and infinities, as PostgreSQL's numeric has them; texts as of decimals.
    case numeric
    /// Days since 1970-01-01.
    case date32
    /// ms since 1970-01-01.
    case date64
    /// Time of day.
    case time(TimeUnit)
    /// Since 1970-01-01, UTC where there is a zone, else of whatever clock.
    case timestamp(TimeUnit, zone: String?)
    /// A moment as it is spelled, of a column that has times finer than ns, or times of ns beyond the years that int64 holds in ns.
    case momentText
    case duration(TimeUnit)
    case interval(IntervalFields)
    /// 16 bytes.
    case uuid
    /// JSON, as text.
    case json
    /// Bytes of one length.
    case fixedBytes(Int)
    /// Nothing but nulls.
    case null
    /// Integers of another width than 64 bits, or lists of one length, `count`.
    case list(bits: Int, isSigned: Bool, count: Int?)
    /// A type of PostgreSQL's that only has a text here.
    case sqlText(String)

    package enum IntervalFields: String, Hashable, Sendable {
        case month
        case dayTime = "day_time"
        case monthDayNano = "month_day_nano"
    }

    /// - Returns: `nil` where `text` is no ``text``.
    package init?(text: String) {
        let parts = text.split(separator: "(", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            switch text {
            case "float16": self = .float16
            case "numeric": self = .numeric
            case "date32": self = .date32
            case "date64": self = .date64
            case "uuid": self = .uuid
            case "json": self = .json
            case "null": self = .null
            default:
                guard let integer = Self.integer(text), integer.bits < 32 || !integer.isSigned else { return nil }
                self = .integer(bits: integer.bits, isSigned: integer.isSigned)
            }
            return
        }
        guard parts[1].hasSuffix(")") else { return nil }
        let inside = String(parts[1].dropLast())
        let words = inside.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch parts[0] {
        case "decimal32", "decimal64", "decimal128", "decimal256":
            guard words.count == 2, let bits = Int(parts[0].dropFirst(7)), let precision = Int(words[0]),
                let scale = Int(words[1]), precision > 0, precision <= Self.decimalDigitsMax, abs(scale) <= 1_000
            else { return nil }
            self = .decimal(bits: bits, precision: precision, scale: scale)
        case "time":
            guard let unit = TimeUnit(rawValue: inside) else { return nil }
            self = .time(unit)
        case "timestamp" where inside == "text": self = .momentText
        case "timestamp":
            guard let unit = TimeUnit(rawValue: words[0]) else { return nil }
            let zone = words.count > 1 ? words[1] : nil
            // Manifests, digests and messages have it in one line.
            guard zone?.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) != true else {
                return nil
            }
            self = .timestamp(unit, zone: zone)
        case "duration":
            guard let unit = TimeUnit(rawValue: inside) else { return nil }
            self = .duration(unit)
        case "interval":
            guard let fields = IntervalFields(rawValue: inside) else { return nil }
            self = .interval(fields)
        case "bytes":
            guard let count = Int(inside), count >= 0 else { return nil }
            self = .fixedBytes(count)
        case "list":
            guard let element = Self.integer(words[0]) else { return nil }
            let count = words.count > 1 ? Int(words[1]) : nil
            guard words.count == 1 || (count ?? -1) >= 0 else { return nil }
            self = .list(bits: element.bits, isSigned: element.isSigned, count: count)
        case "sql": self = .sqlText(inside)
        default: return nil
        }
    }

    private static func integer(_ text: String) -> (bits: Int, isSigned: Bool)? {
        let isSigned = text.hasPrefix("int")
        guard isSigned || text.hasPrefix("uint"), let bits = Int(text.dropFirst(isSigned ? 3 : 4)),
            [8, 16, 32, 64].contains(bits)
        else { return nil }
        return (bits, isSigned)
    }

    package var text: String {
        switch self {
        case .integer(let bits, let isSigned): Self.text(bits, isSigned)
        case .float16: "float16"
        case .decimal(let bits, let precision, let scale): "decimal\(bits)(\(precision),\(scale))"
        case .numeric: "numeric"
        case .date32: "date32"
        case .date64: "date64"
        case .time(let unit): "time(\(unit.rawValue))"
        case .timestamp(let unit, let zone): "timestamp(\(unit.rawValue)\(zone.map { ",\($0)" } ?? ""))"
        case .momentText: "timestamp(text)"
        case .duration(let unit): "duration(\(unit.rawValue))"
        case .interval(let fields): "interval(\(fields.rawValue))"
        case .uuid: "uuid"
        case .json: "json"
        case .fixedBytes(let count): "bytes(\(count))"
        case .null: "null"
        case .list(let bits, let isSigned, let count):
            "list(\(Self.text(bits, isSigned))\(count.map { ",\($0)" } ?? ""))"
        case .sqlText(let name): "sql(\(name))"
        }
    }

    private static func text(_ bits: Int, _ isSigned: Bool) -> String { "\(isSigned ? "" : "u")int\(bits)" }

    /// What the values are held as.
    package var carrier: FeatureType {
        switch self {
        case .integer(let bits, _): bits < 32 ? .int32 : .int64
        case .float16: .float32
        case .decimal, .numeric, .json, .null, .sqlText, .momentText: .string
        case .date32, .interval(.month): .int32
        case .date64, .time, .timestamp, .duration: .int64
        case .interval, .uuid, .fixedBytes: .bytes
        case .list: .listInt64
        }
    }

    /// Whether the values are moments, which a label time may be.
    package var isMoment: Bool {
        switch self {
        case .date32, .date64, .timestamp, .momentText: true
        default: false
        }
    }

    /// The most digits of Arrow's decimals.
    package static let decimalDigitsMax = 76

    /// The smallest decimal for so many digits before and behind the point; ``numeric`` where there is none.
    package static func decimal(integerDigits: Int, fractionDigits: Int) -> PassedType {
        let precision = max(integerDigits + fractionDigits, 1)
        guard precision <= decimalDigitsMax else { return .numeric }
        return .decimal(bits: precision > 38 ? 256 : 128, precision: precision, scale: fractionDigits)
    }
}

extension TimeUnit {
    /// How many make a second.
    package var perSecond: Int64 {
        switch self {
        case .s: 1
        case .ms: 1_000
        case .us: 1_000_000
        case .ns: 1_000_000_000
        }
    }

    /// Digits behind the point of a second.
    package var fractionDigits: Int {
        switch self {
        case .s: 0
        case .ms: 3
        case .us: 6
        case .ns: 9
        }
    }
}
