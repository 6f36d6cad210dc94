import Features
import PointInTime
import Postgres
import Store

/// A column of a spine's query: how it is asked for, and what it leaves the export as.
///
/// Texts of every kind (varchar, char(n), name, citext, xml, enums) are strings. smallint, numeric, date, time, timestamp
/// without time zone, interval, uuid, json and arrays of integers pass through with their own type, any other type with its
/// text, which text formats have.
struct SpineColumn {
    let name: String
    /// The type that the column is cast to in the query.
    private(set) var cast: String
    /// As what the cast's binary form is read.
    private(set) var wireType: FeatureType
    private var kind: Kind
    /// Of numeric without a precision: what its numbers need.
    private var digits = Digits()

    private enum Kind {
        case feature
        case passed(PassedType)
        case naiveTimestamp
        case date
        case interval
        case anyNumeric
    }

    private struct Digits {
        var integer = 0
        var fraction = 0
        /// NaN or an infinity.
        var hasSpecial = false
    }

    /// What the catalog says of types that are not known by number.
    struct TypeName {
        var text: String
        var isText: Bool
    }

    /// - Parameter given: the type that the column must have, if it is a key, a label time, a position or a request field. A moment
    ///   of another type than timestamp leaves as it came.
    /// - Throws: ``StoreError/request(_:)`` with the cast to write.
    init(
        _ name: String,
        _ shape: Rows,
        _ index: Int,
        _ types: [UInt32: TypeName],
        given: FeatureType?
    ) throws(StoreError) {
        self.name = name
        let id = shape.columnType(index)
        let isText = Self.textTypes.contains(id) || types[id]?.isText == true
        (wireType, cast, kind) = Self.plan(id, shape.columnModifier(index), isText, types[id]?.text ?? "")
        guard let given else { return }
        let isRight =
            switch (given, kind) {
            case (.int64, .feature): wireType == .int32 || wireType == .int64
            case (.int64, .passed(.integer)): true
            case (.string, .feature): wireType == .string
            case (.string, .passed(.uuid)), (.string, .passed(.json)), (.string, .passed(.sqlText)): true
            case (.timestamp, .feature): wireType == .timestamp
            case (.timestamp, .naiveTimestamp), (.timestamp, .date): true
            case (.int32, .passed(.integer)): wireType == .int32
            case (.vector, _): id == TypeID.float4Array
            case (let given, .feature): wireType == given
            default: false
            }
        guard isRight else {
            let wanted =
                switch given {
                case .string: "text"
                case .timestamp: "timestamptz"
                case .listString: "text[]"
                default: given.sqlType
                }
            let typeName = types[id]?.text ?? ""
            throw .request(
                "--spine-sql: column '\(name)' is \(typeName); here it must be \(given.text): write "
                    + "\(SQLText.identifier(name))::\(wanted) AS \(SQLText.identifier(name))"
            )
        }
        // A key that is compared as text is a text.
        if given == .string { (wireType, cast, kind) = (.string, "text", .feature) }
        if case .vector = given { (wireType, cast, kind) = (given, given.sqlType, .feature) }
    }

    private static let textTypes: Set<UInt32> = [
        TypeID.text, TypeID.varchar, TypeID.bpchar, TypeID.name, TypeID.char, TypeID.unknown, TypeID.xml,
    ]

    private static func plan(
        _ id: UInt32,
        _ modifier: Int32,
        _ isText: Bool,
        _ typeName: String
    ) -> (FeatureType, String, Kind) {
        if isText { return (.string, "text", .feature) }
        switch id {
        case TypeID.bool: return (.bool, "boolean", .feature)
        case TypeID.int2: return (.int32, "integer", .passed(.integer(bits: 16, isSigned: true)))
        case TypeID.int4: return (.int32, "integer", .feature)
        case TypeID.int8: return (.int64, "bigint", .feature)
        case TypeID.float4: return (.float32, "real", .feature)
        case TypeID.float8: return (.float64, "double precision", .feature)
        case TypeID.bytea: return (.bytes, "bytea", .feature)
        case TypeID.timestamptz: return (.timestamp, "timestamptz", .feature)
        case TypeID.timestamp: return (.timestamp, "timestamp", .naiveTimestamp)
        case TypeID.date: return (.int32, "date", .date)
        case TypeID.time: return (.int64, "time", .passed(.time(.us)))
        case TypeID.interval: return (.bytes, "interval", .interval)
        case TypeID.uuid: return (.bytes, "uuid", .passed(.uuid))
        case TypeID.json, TypeID.jsonb: return (.string, "text", .passed(.json))
        case TypeID.numeric: return (.string, "text", numeric(modifier))
        case TypeID.int8Array: return (.listInt64, "bigint[]", .feature)
        case TypeID.int4Array: return (.listInt64, "bigint[]", .passed(.list(bits: 32, isSigned: true, count: nil)))
        case TypeID.int2Array: return (.listInt64, "bigint[]", .passed(.list(bits: 16, isSigned: true, count: nil)))
        case TypeID.textArray, TypeID.varcharArray: return (.listString, "text[]", .feature)
        default: return (.string, "text", .passed(.sqlText(typeName)))
        }
    }

    /// numeric(p,s) as the decimal that it is; what has NaN all the same is told when it comes.
    private static func numeric(_ modifier: Int32) -> Kind {
        guard modifier >= 4 else { return .anyNumeric }
        let precision = Int((modifier - 4) >> 16) & 0xFFFF
        // 11 bits, signed since PostgreSQL 15.
        let scale = ((Int(modifier) - 4) & 0x7FF ^ 1_024) - 1_024
        guard precision <= PassedType.decimalDigitsMax, abs(scale) <= PassedType.decimalDigitsMax else {
            return .anyNumeric
        }
        return .passed(.decimal(bits: precision > 38 ? 256 : 128, precision: precision, scale: scale))
    }

    var schema: ColumnSchema {
        let passed: PassedType? =
            switch kind {
            case .feature: nil
            case .passed(.decimal) where digits.hasSpecial: .numeric
            case .passed(let type): type
            case .naiveTimestamp: .timestamp(.us, zone: nil)
            case .date: .date32
            case .interval: .interval(.monthDayNano)
            case .anyNumeric:
                digits.hasSpecial
                    ? .numeric : .decimal(integerDigits: digits.integer, fractionDigits: digits.fraction)
            }
        return ColumnSchema(name: name, type: passed?.carrier ?? wireType, passed: passed)
    }

    /// The column as batches hold it, of what the query gave.
    /// - Throws: ``StoreError/input(_:)`` without the column's name.
    mutating func column(_ read: Column) throws(StoreError) -> Column {
        switch kind {
        case .feature:
            if wireType == .timestamp { try Self.checkTimes(read) }
            return read
        case .naiveTimestamp:
            try Self.checkTimes(read)
            return Column(type: .int64, validity: read.validity, values: read.values)
        case .date: return try Self.dates(read)
        case .interval: return try Self.intervals(read)
        case .passed(.time):
            for (row, time) in read.int64Values.enumerated() where time >= 86_400_000_000 && !read.isNull(row) {
                throw .input("it has 24:00:00, which other programs have no time for; cast it to text (::text)")
            }
            return read
        case .passed(.decimal), .anyNumeric: return try numbers(read)
        case .passed: return read
        }
    }

    private static func checkTimes(_ column: Column) throws(StoreError) {
        for (row, time) in column.int64Values.enumerated()
        where !column.isNull(row) && !Timestamp(microseconds: time).isInRange {
            throw .input("it has a time that is infinite or outside the years 1 to 9999")
        }
    }

    private static func dates(_ column: Column) throws(StoreError) -> Column {
        guard case .int32(var days) = column.values else { return column }
        let epochDays = Int32(PostgresEpoch.microseconds / 86_400_000_000)
        for row in days.indices where !column.isNull(row) {
            guard days[row] != .max, days[row] != .min else { throw .input("it has an infinite date") }
            days[row] += epochDays
        }
        return Column(type: .int32, validity: column.validity, values: .int32(days))
    }

    /// PostgreSQL's µs, days and months as Arrow's months, days and ns.
    private static func intervals(_ column: Column) throws(StoreError) -> Column {
        guard case .text(let texts) = column.values else { return column }
        var intervals = TextValues()
        for row in 0..<texts.count {
            let bytes = Array(texts[row])
            guard bytes.count == 16 else {
                intervals.append([])
                continue
            }
            func integer<Wire: FixedWidthInteger>(_ places: Range<Int>, _ type: Wire.Type) -> Wire {
                bytes[places].reduce(into: 0) { $0 = $0 << 8 | Wire(truncatingIfNeeded: $1) }
            }
            let (ns, overflow) = integer(0..<8, Int64.self).multipliedReportingOverflow(by: 1_000)
            guard !overflow else { throw .input("it has an interval whose time is infinite or beyond 292 years") }
            var interval: [UInt8] = []
            for part in [integer(12..<16, Int32.self), integer(8..<12, Int32.self)] {
                withUnsafeBytes(of: part.littleEndian) { interval.append(contentsOf: $0) }
            }
            withUnsafeBytes(of: ns.littleEndian) { interval.append(contentsOf: $0) }
            intervals.append(interval)
        }
        return Column(type: .bytes, validity: column.validity, values: .text(intervals))
    }

    private mutating func numbers(_ column: Column) throws(StoreError) -> Column {
        guard case .text(let texts) = column.values else { return column }
        var numbers = TextValues()
        for row in 0..<texts.count {
            guard !column.isNull(row) else {
                numbers.append([])
                continue
            }
            let text = Array(texts[row])
            if let number = ExactNumber(text.span) {
                digits.integer = max(digits.integer, number.integerDigits)
                digits.fraction = max(digits.fraction, number.writtenFractionDigits)
                numbers.append(number.text)
            } else {
                digits.hasSpecial = true
                numbers.append(
                    (text.first == UInt8(ascii: "N") ? "NaN" : text.first == UInt8(ascii: "-") ? "-inf" : "inf").utf8
                )
            }
        }
        return Column(type: .string, validity: column.validity, values: .text(numbers))
    }

    /// The names of the types of a query's columns, and whether their values are texts.
    static func typeNames(of shape: Rows, _ session: Session) throws(StoreError) -> [UInt32: TypeName] {
        let ids = Set((0..<shape.columnCount).map { shape.columnType($0) }).sorted()
        guard !ids.isEmpty else { return [:] }
        let list = ids.map(String.init).joined(separator: ", ")
        let rows = try session.query(
            """
            SELECT oid::bigint, pg_catalog.format_type(oid, NULL), typtype = 'e' OR typcategory = 'S'
            FROM pg_catalog.pg_type WHERE oid IN (\(list))
            """
        )
        var names: [UInt32: TypeName] = [:]
        for row in 0..<rows.count {
            names[UInt32(truncatingIfNeeded: rows.int64(row, 0) ?? 0)] = TypeName(
                text: rows.text(row, 1) ?? "",
                isText: rows.bool(row, 2) ?? false
            )
        }
        return names
    }
}
