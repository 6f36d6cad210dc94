import Features
package import PointInTime
import Postgres

/// A spine that a SELECT gives: run once, read-only, in the caller's own role and search path.
///
/// What PostgreSQL has and Asof has not comes as its nearest: smallint as int32, numeric as float64, date as timestamp,
/// anything else as its text.
package final class SpineQuery {
    private let session: Session
    package let columns: [ColumnSchema]
    private static let fetchRows = 16_384

    /// Starts the query.
    /// - Throws: the server's error, with its position in `sql`.
    package init(_ sql: String, _ session: Session) throws(StoreError) {
        self.session = session
        var options = Connection.TransactionOptions.read
        options.keepsSearchPath = true
        // One statement only: a trailing semicolon is what psql users type, a second statement is not a query.
        var query = sql[...]
        while let last = query.last, last.isWhitespace || last == ";" { query.removeLast() }
        try session.begin(options)
        do throws(StoreError) {
            let shape = try Self.shape(of: query, session)
            var names: Set<String> = []
            var columns: [ColumnSchema] = []
            var selected: [String] = []
            for index in 0..<shape.columnCount {
                let name = shape.columnName(index)
                guard names.insert(name).inserted else {
                    throw StoreError.request("--spine-sql gives two columns '\(name)'")
                }
                let (type, cast) = Self.type(shape.columnType(index))
                columns.append(ColumnSchema(name: name, type: type))
                selected.append("\(SQLText.identifier(name))::\(cast) AS \(SQLText.identifier(name))")
            }
            guard !columns.isEmpty else { throw StoreError.request("--spine-sql gives no columns") }
            try session.query(
                """
                DECLARE asof_spine NO SCROLL CURSOR FOR SELECT \(selected.joined(separator: ", ")) FROM (\(query)
                ) AS spine
                """
            )
            self.columns = columns
        } catch {
            session.connection.rollBack()
            throw error
        }
    }

    /// The query's columns.
    ///
    /// Errors give the place in the user's text, not in the statement around it.
    private static func shape(of query: Substring, _ session: Session) throws(StoreError) -> Rows {
        guard !query.allSatisfy(\.isWhitespace) else {
            throw .request("--spine-sql is empty; expected one SELECT")
        }
        let head = "SELECT * FROM ("
        do throws(StoreError) {
            return try session.query("\(head)\(query)\n) AS spine LIMIT 0")
        } catch {
            guard case .database(let cause) = error, let sqlState = cause.sqlState, sqlState.hasPrefix("42") else {
                throw error
            }
            var message = "--spine-sql: PostgreSQL: \(cause)"
            if let position = cause.statementPosition {
                let place = position - head.unicodeScalars.count
                if let line = excerpt(query, around: place) { message += line }
            }
            if sqlState == "42601" { message += "\n  expected one SELECT; it runs read-only" }
            throw .request(message)
        }
    }

    /// The line that character `place`, from 1, stands on, with a mark below it.
    private static func excerpt(_ query: Substring, around place: Int) -> String? {
        let scalars = Array(query.unicodeScalars)
        guard place >= 1, place <= scalars.count else { return nil }
        let start = scalars[..<(place - 1)].lastIndex(of: "\n").map { $0 + 1 } ?? 0
        let end = scalars[(place - 1)...].firstIndex(of: "\n") ?? scalars.count
        var line = String.UnicodeScalarView()
        line.append(contentsOf: scalars[start..<end].prefix(160))
        let number = scalars[..<start].count { $0 == "\n" } + 1
        let title = "  line \(number): "
        return "\n\(title)\(String(line))\n" + String(repeating: " ", count: title.count + place - 1 - start) + "^"
    }

    deinit { session.connection.rollBack() }

    /// The next rows; `nil` at the end.
    package func next() throws(StoreError) -> ColumnBatch? {
        let rows = try session.query("FETCH \(Self.fetchRows) FROM asof_spine")
        guard rows.count > 0 else { return nil }
        let reader = ResultColumn(rows: rows, rowOf: (0..<Int32(rows.count)).map(\.self))
        let isNull = [Bool](repeating: false, count: rows.count)
        var read: [Column] = []
        for (index, column) in columns.enumerated() {
            read.append(try reader.read(index, as: column.type, isNull: isNull))
        }
        for (schema, column) in zip(columns, read) where schema.type == .timestamp {
            guard case .int64(let times) = column.values else { continue }
            for row in times.indices where !column.isNull(row) && !Timestamp(microseconds: times[row]).isInRange {
                throw .input(
                    "--spine-sql: column '\(schema.name)' has a time that is infinite or outside the years 1 to 9999"
                )
            }
        }
        return ColumnBatch(names: columns.map(\.name), columns: read, rowCount: rows.count)
    }

    /// Our type for a PostgreSQL type, and what to cast to.
    private static func type(_ id: UInt32) -> (FeatureType, String) {
        switch id {
        case TypeID.bool: (.bool, "boolean")
        case TypeID.int2, TypeID.int4: (.int32, "integer")
        case TypeID.int8: (.int64, "bigint")
        case TypeID.float4: (.float32, "real")
        case TypeID.float8, TypeID.numeric: (.float64, "double precision")
        case TypeID.bytea: (.bytes, "bytea")
        case TypeID.timestamptz, TypeID.timestamp, TypeID.date: (.timestamp, "timestamptz")
        case TypeID.int8Array, TypeID.int4Array: (.listInt64, "bigint[]")
        case TypeID.textArray: (.listString, "text[]")
        default: (.string, "text")
        }
    }
}
