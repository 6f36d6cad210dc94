import Features
package import PointInTime
import Postgres
package import Store

/// A spine that a SELECT gives: run once, read-only, in the caller's own role and search path.
///
/// What PostgreSQL has and no feature has passes through, see ``SpineColumn``.
package final class SpineQuery {
    private let session: Session
    private var readers: [SpineColumn]
    /// Columns that cannot be left out.
    private let needed: Set<String>
    /// What the query gives. Of numeric without a precision the type is known when all rows were read.
    package var columns: [ColumnSchema] { readers.map(\.schema) }
    private static let fetchRows = 16_384

    /// Starts the query.
    ///
    /// - Parameters:
    ///   - typed: columns whose type is given: keys, label time, positions, request fields.
    ///   - dropped: columns to leave out.
    /// - Throws: the server's error, with its position in `sql`; ``StoreError/request(_:)`` with the cast to write for a
    ///   column that is not of its given type.
    package init(
        _ sql: String,
        _ session: Session,
        typed: [ColumnSchema] = [],
        dropping dropped: Set<String> = []
    ) throws(StoreError) {
        self.session = session
        needed = Set(typed.map(\.name))
        var options = Connection.TransactionOptions.read
        options.keepsSearchPath = true
        // One statement only: a trailing semicolon is what psql users type, a second statement is not a query.
        var query = sql[...]
        while let last = query.last, last.isWhitespace || last == ";" { query.removeLast() }
        try session.begin(options)
        do throws(StoreError) {
            let shape = try Self.shape(of: query, session)
            var names: Set<String> = []
            var readers: [SpineColumn] = []
            let types = try SpineColumn.typeNames(of: shape, session)
            for index in 0..<shape.columnCount {
                let name = shape.columnName(index)
                guard names.insert(name).inserted else {
                    throw StoreError.request("--spine-sql gives two columns '\(name)'")
                }
                guard !dropped.contains(name) else { continue }
                let given = typed.first { $0.name == name }?.type
                readers.append(
                    try SpineColumn(name, shape, index, types, given: given)
                )
            }
            for name in dropped.sorted() where !names.contains(name) {
                throw StoreError.request("--drop \(name): --spine-sql gives no column '\(name)'")
            }
            guard !readers.isEmpty else { throw StoreError.request("--spine-sql gives no columns") }
            let selected = readers.map {
                "\(SQLText.identifier($0.name))::\($0.cast) AS \(SQLText.identifier($0.name))"
            }
            try session.query(
                """
                DECLARE asof_spine NO SCROLL CURSOR FOR SELECT \(selected.joined(separator: ", ")) FROM (\(query)
                ) AS spine
                """
            )
            self.readers = readers
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
        for index in readers.indices {
            do throws(StoreError) {
                read.append(
                    try readers[index].column(try reader.readBytes(index, as: readers[index].wireType, isNull: isNull))
                )
            } catch {
                guard case .input(let reason) = error else { throw error }
                let name = readers[index].name
                guard !needed.contains(name) else { throw .input("--spine-sql: column '\(name)': \(reason)") }
                let cast = reason.contains("::") ? "" : "; cast it to text (\(SQLText.identifier(name))::text)"
                throw .input(
                    "--spine-sql: column '\(name)': \(reason)\(cast), or leave it out with --drop \(name)"
                )
            }
        }
        return ColumnBatch(names: columns.map(\.name), columns: read, rowCount: rows.count)
    }
}
