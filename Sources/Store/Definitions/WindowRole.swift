package import Features
package import Windows

/// Windows over the events of one view.
package struct WindowRole: Sendable {
    /// Of the window view, whatever the events' view is called.
    package let name: String
    package let events: StoredView
    /// The window view's keys: the leading ones of the events.
    package let keys: [KeyColumn]
    /// One a feature, in the order of the role's features.
    package private(set) var windows: [EventWindow] = []
    package let rules: ViewRules

    package init(name: String, events: StoredView, keyCount: Int, rules: ViewRules) {
        self.name = name
        self.events = events
        keys = Array(events.definition.keys.prefix(keyCount))
        self.rules = rules
    }

    /// - Throws: ``StoreError/request(_:)`` where what the window is of is gone; ``StoreError/newerDefinitions(_:)`` where this
    ///   binary knows it otherwise.
    package mutating func add(_ text: String, as column: FeatureColumn) throws(StoreError) {
        let window: EventWindow
        do throws(ExpressionFault) {
            window = try EventWindow(text, of: events.definition) { events.former.resolved($0) }
        } catch {
            throw .request(
                "the window '\(column.outputName)', \(text) of \(events.name), cannot be computed: \(error.message)"
            )
        }
        guard column.type.isShown(of: window.type) else {
            throw .newerDefinitions(
                "the window '\(column.outputName)' was \(column.type.text) when it was applied, and is \(window.type.text) here"
            )
        }
        windows.append(window)
    }

    /// Whether expressions say which events count.
    package var hasConditions: Bool { windows.contains { $0.definition.filter != nil } }

    /// What the window added last gives, which may be wider than the column that asked for it.
    package var lastType: FeatureType? { windows.last?.type }

    /// Whether the window added last shows values that are kept out of pages, logs and reports.
    var isLastPII: Bool {
        windows.last?.definition.column.flatMap { events.definition.feature(named: $0) }?.isPII ?? false
    }
}

extension ViewRole {
    /// A window view in one of its roles, without features yet.
    package init(windowsOf events: StoredView, _ column: FeatureColumn, _ rules: ViewRules) throws(StoreError) {
        guard events.definition.events != nil, column.keys.count <= events.definition.keys.count else {
            throw .newerDefinitions("'\(events.name)' is no view of events with the keys of '\(column.view)'")
        }
        let windows = WindowRole(name: column.view, events: events, keyCount: column.keys.count, rules: rules)
        // A view of that name has no rows: id and shape are those of its events, whose commits move it.
        var definition = ViewDefinition(
            name: column.view,
            entities: Array(events.definition.entities.prefix(column.keys.count)),
            keys: windows.keys,
            features: [],
            delay: rules.delay,
            isStrict: rules.isStrict
        )
        definition.windows = WindowTexts(of: events.name, texts: [:])
        self.init(
            view: StoredView(id: events.id, shape: events.shape, definition: definition),
            prefix: column.prefix,
            keyColumns: column.keys.map(\.from),
            features: [],
            windows: windows
        )
    }
}
