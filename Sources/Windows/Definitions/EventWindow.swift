import Expressions
package import Features
package import PointInTime

/// A window over the events of one view, ready to be computed.
package struct EventWindow: Sendable {
    package let definition: WindowDefinition
    package let type: FeatureType
    /// Normalized: equal for windows that are the same.
    package let text: String
    private let filter: Expression?
    /// What ``filter`` uses, by its inputs' places in its scope.
    private let filterNames: [String]

    /// - Parameters:
    ///   - events: the event view; its keys and features, and `_event_time`, may stand in the condition.
    ///   - resolved: the name that a feature has now which had another when the window was made.
    /// - Throws: ``ExpressionFault`` with its place in the text.
    package init(
        _ text: String,
        of events: ViewDefinition,
        resolved: (String) -> String = { $0 }
    ) throws(ExpressionFault) {
        var definition: WindowDefinition
        do throws(WindowError) {
            definition = try WindowDefinition(text: text)
            type = try definition.resultType { events.feature(named: resolved($0))?.type }
        } catch {
            switch error {
            case .text(let column, let message):
                let offset = String(String.UnicodeScalarView(text.unicodeScalars.prefix(column - 1))).utf8.count
                throw ExpressionFault(offset: offset, message: message)
            case .type(let message): throw ExpressionFault(offset: 0, message: message)
            }
        }
        var filter: Expression?
        let names = events.keys.map(\.name) + events.features.map(\.name) + [FeatureColumn.eventTimeName]
        let types = events.keys.map(\.type.featureType) + events.features.map(\.type) + [.timestamp]
        // Names that features had stand beside those that they have.
        var entries = zip(names, types).map { ExpressionScope.Entry(name: $0, type: $1) }
        var filterNames = names
        if let condition = definition.filter {
            for word in Features.WindowColumn.words(of: condition.text).sorted() where resolved(word) != word {
                guard let feature = events.feature(named: resolved(word)) else { continue }
                entries.append(ExpressionScope.Entry(name: word, type: feature.type))
                filterNames.append(feature.name)
            }
        }
        self.filterNames = filterNames
        if let condition = definition.filter {
            let scope = ExpressionScope(entries)
            do throws(ExpressionError) {
                filter = try Expression(condition.text, scope: scope)
            } catch {
                throw ExpressionFault(offset: condition.start + error.offset, message: error.message)
            }
            if let type = filter?.type, type != .bool {
                throw ExpressionFault(
                    offset: condition.start,
                    message: "the condition is \(type.text); expected bool, as in where delay > 0"
                )
            }
            definition.filter?.text = filter?.normalized ?? condition.text
        }
        self.filter = filter
        self.text = definition.text
        definition.column = definition.column.map(resolved)
        self.definition = definition
    }

    /// The features and keys of the events that the window uses, and maybe `_event_time`.
    package var names: [String] {
        let used = filter?.inputs.map { filterNames[$0] } ?? []
        return (definition.column.map { [$0] } ?? []) + used
    }

    /// What a window gave at each request.
    package struct Result: Sendable {
        package var values: Column
        /// The time of the newest event in it; null where none is.
        package var eventTimes: Column
        /// Sums of integers that are null because they are beyond int64.
        package var overflows: Int
    }

    /// - Parameters:
    ///   - spans: of the window's bounds.
    ///   - eventTimes: of the scan's events.
    ///   - column: the events' values of one of ``names``.
    /// - Complexity: as ``WindowScan/column(_:_:number:values:filter:)``, and the condition once an event.
    package func run(
        _ scan: WindowScan,
        _ spans: WindowSpans,
        eventTimes: Column,
        column: (String) -> Column
    ) -> Result {
        let counted = counted(rowCount: eventTimes.rowCount, column: column)
        let values = scan.column(
            definition.aggregate,
            spans,
            number: definition.number,
            fraction: definition.fraction,
            values: definition.column.map(column),
            filter: counted
        )
        let newest = scan.column(.last, spans, values: eventTimes, filter: counted)
        return Result(values: values.column, eventTimes: newest.column, overflows: values.overflows)
    }

    /// Whether each of some events meets the condition; `nil` where there is none.
    func counted(rowCount: Int, column: (String) -> Column) -> [Bool]? {
        guard let filter else { return nil }
        let condition = filter.evaluate({ column(filterNames[$0]) }, rowCount: rowCount).column
        guard case .bool(let values) = condition.values else { preconditionFailure("a condition is bool") }
        return values.indices.map { values[$0] && !condition.isNull($0) }
    }

    package func bounds(delay: Interval, isStrict: Bool) -> WindowBounds {
        WindowBounds(definition, delay: delay, isStrict: isStrict)
    }
}
