package import Models
package import PointInTime
import Training

/// What a request for predictions was answered, for the log.
package struct AnsweredRows: Sendable {
    package enum Origin: Sendable {
        case key, field, override
    }

    /// What the request gave under one name, a value a row.
    package struct Given: Sendable {
        package let name: String
        package let origin: Origin
        package let column: Column

        package init(_ name: String, _ origin: Origin, _ column: Column) {
            self.name = name
            self.origin = origin
            self.column = column
        }
    }

    package let version: ModelVersion
    /// Of a version that learns, whose weights answered; `nil` = its file's.
    package let publish: Int?
    /// The alias that was asked, or `pinned`.
    package let route: String
    package let given: [Given]
    package let requestID: String?
    /// When, µs, by PostgreSQL's clock.
    package var servedUs: Int64
    package var position: Int64
    /// Whether what was read is exactly what the position has.
    package var isExact: Bool
    /// As of which values and ages are, µs.
    package var timeUs: Int64
    /// Whether the request said so.
    package var isTimed: Bool
    package var answers: Answers
    /// How a row of ``Answers/Status/fallback`` was answered, as definitions spell it.
    package var fallback: String
    package var rowCount: Int

    package init(
        version: ModelVersion,
        publish: Int?,
        route: String,
        given: [Given],
        requestID: String?,
        servedUs: Int64,
        position: Int64,
        isExact: Bool,
        timeUs: Int64,
        isTimed: Bool,
        answers: Answers,
        fallback: String,
        rowCount: Int
    ) {
        self.version = version
        self.publish = publish
        self.route = route
        self.given = given
        self.requestID = requestID
        self.servedUs = servedUs
        self.position = position
        self.isExact = isExact
        self.timeUs = timeUs
        self.isTimed = isTimed
        self.answers = answers
        self.fallback = fallback
        self.rowCount = rowCount
    }

    /// About what it takes in memory while it waits.
    package var byteCount: Int {
        given.reduce(400) { $0 + $1.column.byteCount + 100 } + answers.matrix.values.count * 4 + rowCount * 64
    }
}
