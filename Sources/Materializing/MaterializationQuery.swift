import Features
import Postgres
import Store

/// A batch view's SQL, checked against the view's columns.
///
/// It runs in PostgreSQL under the caller's own role and search path, in a read-only (sub)transaction, with its window
/// bound. What it gives lands in a temporary table; everything that is ours is another statement with our search path.
struct MaterializationQuery {
    let view: StoredView
    let statement: WindowedStatement
    /// The result's column for each storage key; `nil` for a global view's constant.
    private let keyColumns: [String?]
    let eventTimeColumn: String
    /// The result's column for each feature; `nil` where the view takes an absent feature for null.
    private let featureColumns: [String?]

    /// The temporary table of a chunk's rows: keys, `_event_time`, features; gone at the transaction's end.
    ///
    /// Its rows lie in the order of history's index, keys and falling event times: sorts of them find nothing to do.
    var stage: String { "pg_temp.\"\(stageName)\"" }
    private var stageName: String { "_materialize_\(view.id)" }

    /// Reads names and types of the result's columns, without running the query.
    ///
    /// - Throws: ``StoreError/request(_:)`` for a view without SQL, SQL that PostgreSQL refuses, and columns that do not
    ///   fit the view.
    init(_ view: StoredView, _ session: Session) throws(StoreError) {
        guard let source = view.definition.source else {
            throw .request("view '\(view.name)' has no source.sql; only batch views are materialized")
        }
        let statement = WindowedStatement(source.sql)
        guard statement.absentParameters.isEmpty else {
            throw .request(
                "the sql of view '\(view.name)' does not mention \(statement.absentParameters.joined(separator: " and "))"
            )
        }
        self.view = view
        self.statement = statement
        let columns = try Self.columns(view, statement, session)
        eventTimeColumn = try Self.eventTime(columns, view)
        let layout = try Self.layout(columns, view, eventTimeColumn)
        keyColumns = layout.keys
        featureColumns = layout.features
    }

    // MARK: Columns

    private struct ColumnType {
        var name: String
        var type: UInt32
        /// As PostgreSQL writes it.
        var typeName: String
    }

    private static func columns(
        _ view: StoredView,
        _ statement: WindowedStatement,
        _ session: Session
    ) throws(StoreError) -> [ColumnType] {
        var options = Connection.TransactionOptions.read
        options.keepsSearchPath = true
        let prefix = "SELECT * FROM (\n"
        let sql = "\(prefix)\(statement.text(from: "$1", to: "$2"))\n) AS q LIMIT 0"
        let epoch = Parameter.timestamp(microseconds: 0)
        return try session.transaction(options) { () throws(StoreError) in
            let shape: Rows
            do throws(StoreError) {
                shape = try session.query(sql, [epoch, epoch])
            } catch {
                throw located(error, view, statement, prefixLength: prefix.unicodeScalars.count, "")
            }
            var columns: [ColumnType] = []
            for index in 0..<shape.columnCount {
                let type = shape.columnType(index)
                let name = try session.query(
                    "SELECT pg_catalog.format_type($1::bigint::pg_catalog.oid, NULL)",
                    [.int64(Int64(type))]
                )
                columns.append(ColumnType(name: shape.columnName(index), type: type, typeName: name.text(0, 0) ?? ""))
            }
            return columns
        }
    }

    private static func eventTime(_ columns: [ColumnType], _ view: StoredView) throws(StoreError) -> String {
        let targets = view.definition.keys.map(\.name) + view.definition.features.map(\.name)
        let free = columns.filter { !targets.contains($0.name) }
        let named = free.first { $0.name == Name.eventTimeColumn } ?? free.first { $0.name == "_event_time" }
        let times = free.filter { FeatureType.timestamp.accepts($0.type) }
        guard let column = named ?? (times.count == 1 ? times[0] : nil) else {
            throw .request(
                times.isEmpty
                    ? targets.contains(Name.eventTimeColumn)
                        ? "the sql of view '\(view.name)' gives no event time: event_time is a key or feature of the view; call "
                            + "the column of event times _event_time"
                        : "the sql of view '\(view.name)' gives no event time: a column event_time of type timestamptz"
                    : "the sql of view '\(view.name)' gives several times (\(times.map(\.name).joined(separator: ", "))); "
                        + "call the event time event_time"
            )
        }
        guard FeatureType.timestamp.accepts(column.type) else {
            throw mismatch(column, "the event time", .timestamp, view)
        }
        return column.name
    }

    private static func layout(
        _ columns: [ColumnType],
        _ view: StoredView,
        _ eventTime: String
    ) throws(StoreError) -> (keys: [String?], features: [String?]) {
        let definition = view.definition
        let targets =
            definition.keys.map { (name: $0.name, type: $0.type.featureType) }
            + definition.features.map { (name: $0.name, type: $0.type) }
        var seen: Set<String> = []
        for column in columns {
            guard seen.insert(column.name).inserted else {
                throw .request("the sql of view '\(view.name)' gives two columns '\(column.name)'")
            }
            if column.name == eventTime { continue }
            guard let target = targets.first(where: { $0.name == column.name }) else {
                let absent = targets.map(\.name).filter { name in !columns.contains { $0.name == name } }
                throw .request(
                    "the sql of view '\(view.name)' gives a column '\(column.name)', which is no key and no feature of it"
                        + Name.hint(for: column.name, among: absent)
                )
            }
            guard target.type.accepts(column.type) else {
                let isKey = definition.keys.contains { $0.name == target.name }
                throw mismatch(column, "the \(isKey ? "key" : "feature") '\(target.name)'", target.type, view)
            }
        }
        let absentKeys = definition.keys.map(\.name).filter { !seen.contains($0) }
        guard absentKeys.isEmpty else {
            throw .request("the sql of view '\(view.name)' gives no column for the key '\(absentKeys[0])'")
        }
        let absent = definition.features.map(\.name).filter { !seen.contains($0) }
        guard absent.isEmpty || definition.missing == .null else {
            throw .request(
                "the sql of view '\(view.name)' gives no column for "
                    + absent.map { "'\($0)'" }.joined(separator: ", ")
                    + "; add it, or let the view take absent features for null with missing: null"
            )
        }
        return (
            view.storageKeys.map { definition.keys.isEmpty ? nil : $0.name },
            definition.features.map { seen.contains($0.name) ? $0.name : nil }
        )
    }

    private static func mismatch(
        _ column: ColumnType,
        _ target: String,
        _ type: FeatureType,
        _ view: StoredView
    ) -> StoreError {
        .request(
            "the sql of view '\(view.name)': column '\(column.name)' is \(column.typeName), \(target) is \(type.text); "
                + "write \(SQLText.identifier(column.name))::\(type.castName) if that is meant"
        )
    }

    // MARK: Running it

    /// Runs the query for a window into a new temporary table, read-only. To be called in a read-write transaction.
    ///
    /// PostgreSQL itself keeps it read-only: in a subtransaction that is set so, only temporary tables can be written,
    /// and nothing that runs inside can undo the setting.
    func fillStage(_ window: Range<Timestamp>, _ session: Session) throws(StoreError) {
        let columns = (keys + ["_event_time"] + view.definition.features.map { SQLText.identifier($0.name) })
        let types =
            view.storageKeys.map(\.type.featureType.sqlType) + [FeatureType.timestamp.sqlType]
            + view.definition.features.map(\.type.sqlType)
        let definitions = zip(columns, types).map { "\($0) \($1)" }.joined(separator: ", ")
        try session.execute(
            """
            CREATE TEMPORARY TABLE "\(stageName)" (\(definitions)) ON COMMIT DROP;
            SAVEPOINT asof_sql; SET LOCAL transaction_read_only = on; SET LOCAL search_path TO DEFAULT
            """
        )
        let prefix = "INSERT INTO \(stage) (\(columns.joined(separator: ", "))) SELECT \(selected) FROM (\n"
        let text = statement.text(from: "$1", to: "$2")
        // By place in the select list: sorted by their types' own order, which no search path changes.
        let order = (keys.indices.map { "\($0 + 1)" } + ["\(keys.count + 1) DESC"]).joined(separator: ", ")
        do throws(StoreError) {
            try session.query("\(prefix)\(text)\n) AS q ORDER BY \(order)", Self.parameters(window))
        } catch {
            throw located(error, prefixLength: prefix.unicodeScalars.count, window)
        }
        try session.execute("RELEASE SAVEPOINT asof_sql; SET LOCAL search_path = pg_catalog, pg_temp")
    }

    private var keys: [String] { view.storageKeys.map { SQLText.identifier($0.name) } }

    private var selected: String {
        let keys = zip(keyColumns, view.storageKeys).map { column, key in
            guard let column else { return "0" }
            return "q.\(SQLText.identifier(column))" + (key.type == .string ? " COLLATE pg_catalog.\"C\"" : "")
        }
        let features = featureColumns.map { $0.map { "q.\(SQLText.identifier($0))" } ?? "NULL" }
        return (keys + ["q.\(SQLText.identifier(eventTimeColumn))"] + features).joined(separator: ", ")
    }

    static func parameters(_ window: Range<Timestamp>) -> [Parameter] {
        [
            .timestamp(microseconds: window.lowerBound.microseconds),
            .timestamp(microseconds: window.upperBound.microseconds),
        ]
    }

    /// Rows, and the smallest and greatest event time, that the query gives for a window; in a transaction of its own.
    func count(
        _ window: Range<Timestamp>,
        _ session: Session
    ) throws(StoreError) -> (rows: Int, earliest: Timestamp?) {
        var options = Connection.TransactionOptions.read
        options.keepsSearchPath = true
        options.statementTimeoutMs = Limits.batchQueryTimeoutMs
        let time = "q.\(SQLText.identifier(eventTimeColumn))"
        let prefix = "SELECT pg_catalog.count(*), pg_catalog.min(\(time)::pg_catalog.timestamptz) FROM (\n"
        let text = statement.text(from: "$1", to: "$2")
        return try session.transaction(options) { () throws(StoreError) in
            do throws(StoreError) {
                let rows = try session.query("\(prefix)\(text)\n) AS q", Self.parameters(window))
                return (Int(rows.int64(0, 0) ?? 0), rows.timestamp(0, 1).map { Timestamp(microseconds: $0) })
            } catch {
                throw located(error, prefixLength: prefix.unicodeScalars.count, window)
            }
        }
    }

    // MARK: Errors

    private func located(_ error: StoreError, prefixLength: Int, _ window: Range<Timestamp>) -> StoreError {
        Self.located(error, view, statement, prefixLength: prefixLength, ", chunk \(window.text)")
    }

    /// An error of the view's SQL with the view, the chunk and its place in the SQL; errors that a retry or a new
    /// connection may mend stay what they are.
    private static func located(
        _ error: StoreError,
        _ view: StoredView,
        _ statement: WindowedStatement,
        prefixLength: Int,
        _ chunk: String
    ) -> StoreError {
        guard case .database(let cause) = error, cause.sqlState != nil, !cause.isRetryable else { return error }
        var text = "the sql of view '\(view.name)'\(chunk): PostgreSQL: \(cause.message)"
        if let position = cause.statementPosition,
            let place = statement.place(of: position - prefixLength, from: "$1", to: "$2")
        {
            text += "\n  line \(place.line), column \(place.column): \(place.text)"
        }
        if let detail = cause.detail { text += "\n  detail: \(detail)" }
        if let hint = cause.hint { text += "\n  hint: \(hint)" }
        return .request(text)
    }
}

extension Range<Timestamp> {
    package var text: String { "\(lowerBound.text) to \(upperBound.text)" }
}

extension FeatureType {
    /// Whether a result column of a PostgreSQL type becomes this type without any value changing.
    func accepts(_ type: UInt32) -> Bool {
        switch self {
        case .bool: type == TypeID.bool
        case .int32: [TypeID.int4, TypeID.int2].contains(type)
        case .int64: [TypeID.int8, TypeID.int4, TypeID.int2].contains(type)
        case .float32: [TypeID.float4, TypeID.int2].contains(type)
        case .float64: [TypeID.float8, TypeID.float4, TypeID.int4, TypeID.int2].contains(type)
        case .string: [TypeID.text, TypeID.varchar].contains(type)
        case .bytes: type == TypeID.bytea
        // A time without a zone is UTC, to which the transaction's time zone is set; a date is its midnight.
        case .timestamp: [TypeID.timestamptz, TypeID.timestamp, TypeID.date].contains(type)
        case .vector: type == TypeID.float4Array
        case .listInt64: [TypeID.int8Array, TypeID.int4Array].contains(type)
        case .listString: [TypeID.textArray, TypeID.varcharArray].contains(type)
        }
    }

    /// The type to cast to, as a user writes it.
    var castName: String {
        switch self {
        case .timestamp: "timestamptz"
        case .string: "text"
        case .listString: "text[]"
        default: sqlType
        }
    }
}
