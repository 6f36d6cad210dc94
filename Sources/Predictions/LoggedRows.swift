import Features
import Models
import PointInTime
import Postgres
import Store

/// Answered rows as the rows of the table `asof.predictions`.
struct LoggedRows {
    private(set) var rowCount = 0
    private var servedAt: [Int64] = []
    private var number: [Int64] = []
    private var model = TextValues()
    private var version: [Int32] = []
    private var publish: [Int32] = []
    private var hasPublish: [Bool] = []
    private var route = TextValues()
    private var position: [Int64] = []
    private var isExact: [Bool] = []
    private var time: [Int64] = []
    private var isTimed: [Bool] = []
    private var keys = TextValues()
    private var request = TextValues()
    private var overrides = TextValues()
    private var isCut: [Bool] = []
    private var status = TextValues()
    private var fallback = OptionalTexts()
    private var scores: [Float] = []
    private var marks = TextValues()
    private var requestID = OptionalTexts()
    /// Scores a row.
    let outputs: Int

    private struct OptionalTexts {
        var texts = TextValues()
        var isKnown: [Bool] = []

        mutating func append(_ text: String?) {
            texts.append((text ?? "").utf8)
            isKnown.append(text != nil)
        }

        var column: Column { Column(type: .string, validity: isKnown, values: .text(texts)) }
    }

    init(outputs: Int) { self.outputs = outputs }

    static let columns = """
        served_at, number, model, version, publish, route, position, is_exact, time, is_timed, keys, request, overrides, is_cut, status, \
        fallback, score, marks, request_id, server
        """

    /// - Returns: rows whose request values were too large.
    mutating func append(_ rows: AnsweredRows, from first: Int64) -> Int {
        var cutCount = 0
        let names = rows.given.map { Array("\(Value.string($0.name).json):".utf8) }
        for row in 0..<rows.rowCount {
            rowCount += 1
            servedAt.append(rows.servedUs)
            number.append(first + Int64(row))
            model.append(rows.version.model.utf8)
            version.append(Int32(rows.version.version))
            publish.append(Int32(rows.publish ?? 0))
            hasPublish.append(rows.publish != nil)
            route.append(rows.route.utf8)
            position.append(rows.position)
            isExact.append(rows.isExact)
            time.append(rows.timeUs)
            isTimed.append(rows.isTimed)
            keys.append(Self.document(rows.given, names, .key, row))
            var (fields, given) = (
                Self.document(rows.given, names, .field, row), Self.document(rows.given, names, .override, row)
            )
            let cuts = fields.count + given.count > PredictionLimits.valueBytesMax
            if cuts {
                cutCount += 1
                (fields, given) = (Self.empty, Self.empty)
            }
            request.append(fields)
            overrides.append(given)
            isCut.append(cuts)
            let status = rows.answers.statuses[row]
            self.status.append(status.rawValue.utf8)
            fallback.append(status == .fallback ? rows.fallback : nil)
            for output in 0..<outputs { scores.append(rows.answers.values[row * outputs + output] ?? .nan) }
            marks.append(InputMarks.marks(rows.answers.matrix, rows.version.signature, row: row))
            requestID.append(rows.requestID)
        }
        return cutCount
    }

    private static let empty: [UInt8] = [1] + Array("{}".utf8)

    /// What PostgreSQL's binary format of jsonb is: a version, and the text.
    private static func document(
        _ given: [AnsweredRows.Given],
        _ names: [[UInt8]],
        _ origin: AnsweredRows.Origin,
        _ row: Int
    ) -> [UInt8] {
        var bytes: [UInt8] = [1, UInt8(ascii: "{")]
        for (index, one) in given.enumerated() where one.origin == origin {
            if bytes.count > 2 { bytes.append(UInt8(ascii: ",")) }
            bytes += names[index]
            let value = one.column.value(row)
            switch value {
            case .null: bytes += "null".utf8
            case .string, .vector, .listInt64, .listString: bytes += Value.string(value.text).json.utf8
            case .bool, .int32, .int64, .float32, .float64, .bytes, .timestamp:
                // Nothing in it is to be escaped.
                bytes.append(UInt8(ascii: "\""))
                bytes += value.text.utf8
                bytes.append(UInt8(ascii: "\""))
            }
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// - Parameter server: a uuid's 16 bytes.
    func copy(_ session: Session, server: [UInt8]) throws(StoreError) {
        func times(_ values: [Int64]) -> CopyRows.Field { .column(Column(type: .timestamp, values: .int64(values))) }
        func numbers(_ values: [Int64]) -> CopyRows.Field { .column(Column(type: .int64, values: .int64(values))) }
        func texts(_ values: TextValues) -> CopyRows.Field { .column(Column(type: .bytes, values: .text(values))) }
        func flags(_ values: [Bool]) -> CopyRows.Field { .column(Column(type: .bool, values: .bool(values))) }
        let rows = CopyRows(fields: [
            times(servedAt), numbers(number), texts(model),
            .column(Column(type: .int32, values: .int32(version))),
            .column(Column(type: .int32, validity: hasPublish, values: .int32(publish))), texts(route),
            numbers(position), flags(isExact),
            times(time), flags(isTimed), texts(keys), texts(request), texts(overrides), flags(isCut), texts(status),
            .column(fallback.column),
            .column(Column(type: .vector(outputs), values: .vector(dimensions: outputs, scores))), texts(marks),
            .column(requestID.column), .constant(server),
        ])
        do {
            try rows.copy(
                rows: Array(0..<Int32(rowCount)),
                into: "COPY asof.predictions (\(Self.columns)) FROM STDIN (FORMAT binary)",
                on: session.connection
            )
        } catch {
            throw .database(error)
        }
    }
}
