package import Features

/// One window: an aggregate over the events of a key in a span of time that ends at the time asked for.
///
/// Its text is `AGGREGATE[(COLUMN[, NUMBER|FRACTION])] over LENGTH [offset LENGTH] [where CONDITION]`; `lifetime` is a length, too:
/// `avg(delay) over 3h where delay > 0`. The condition is everything behind `where`, and is not looked at here.
package struct WindowDefinition: Sendable {
    package var aggregate: WindowAggregate
    /// The feature of the event that is aggregated; `nil` for `count` of events.
    package var column: String?
    /// How many values; `nil` = one, which is no list.
    package var number: Int?
    /// Of a quantile, in millionths.
    package var fraction: Int?
    /// `nil`: all the time before.
    package var length: Interval?
    /// How much earlier than the time asked for the span ends.
    package var offset: Interval
    package var filter: Filter?

    /// A condition on events, as text.
    package struct Filter: Sendable {
        package var text: String
        /// Where it starts in the window's text, in UTF-8 from 0, so that faults in it can be placed.
        package var start: Int
    }

    package init(
        _ aggregate: WindowAggregate,
        of column: String? = nil,
        number: Int? = nil,
        fraction: Int? = nil,
        over length: Interval?,
        offset: Interval = .zero,
        filter: Filter? = nil
    ) {
        self.aggregate = aggregate
        self.column = column
        self.number = number
        self.fraction = fraction
        self.length = length
        self.offset = offset
        self.filter = filter
    }

    /// The normalized text: single spaces, lengths in their largest unit (weeks as days), no offset of zero. Windows of
    /// equal texts are the same; the condition is as it was written.
    package var text: String {
        var text = aggregate.rawValue
        if let column {
            let behind = number.map { ", \($0)" } ?? fraction.map { ", " + Self.decimal($0) }
            text += "(\(column)\(behind ?? ""))"
        }
        text += " over " + (length?.text ?? "lifetime")
        if offset != .zero { text += " offset " + offset.text }
        if let filter { text += " where " + filter.text }
        return text
    }

    /// Of millionths, as short as it can be.
    private static func decimal(_ fraction: Int) -> String {
        let (whole, rest) = fraction.quotientAndRemainder(dividingBy: WindowLimits.fractionOfOne)
        var digits = String(WindowLimits.fractionOfOne + rest).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return digits.isEmpty ? "\(whole)" : "\(whole).\(digits)"
    }

    /// How far back events may be in it: its offset and length; `nil` = as far as there are any.
    package var reach: Interval? {
        length.map { Interval(microseconds: $0.microseconds.addingReportingOverflow(offset.microseconds).partialValue) }
    }

    /// The type of the window's values.
    /// - Parameter types: what the events have; asked for ``column``, `nil` where there is none.
    /// - Throws: ``WindowError/type(message:)`` for a column that is not there or that the aggregate does not take.
    package func resultType(_ types: (String) -> FeatureType?) throws(WindowError) -> FeatureType {
        var columnType: FeatureType?
        if let column {
            columnType = types(column)
            if columnType == nil { throw .type(message: "the events have no feature '\(column)'") }
        }
        let isList = number != nil
        guard let type = aggregate.resultType(of: columnType, isList: isList) else {
            guard let column, let columnType else {
                throw .type(message: "\(aggregate.rawValue) needs a feature: write \(aggregate.rawValue)(FEATURE)")
            }
            throw .type(
                message: "\(aggregate.rawValue)(\(column)): '\(column)' is \(columnType.text); "
                    + "\(aggregate.rawValue) takes \(aggregate.accepted(isList: isList))"
            )
        }
        return type
    }
}

extension WindowDefinition: Equatable {
    package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}
