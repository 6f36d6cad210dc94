package import Features
package import Metrics
package import Online
import PointInTime
package import Store

/// A view as a server serves it, at one version of the definitions.
package final class ServedView: Sendable {
    package let stored: StoredView
    package let layout: RowLayout
    /// The latest rows; `nil` where they are read from PostgreSQL each time, or the view is not online.
    package let memory: ViewMemory?
    /// Whether the view is hidden now, and here for older versions of services only.
    package let isRetired: Bool
    /// Whether the server's role in PostgreSQL may not read its tables: then nothing of it is answered, and all else is.
    let isDenied: Bool
    /// The places of the view's features in ``RowLayout/columns``, retired ones included, by name.
    package let columns: NameTable<Int>
    /// The TTL that the view has now, µs; `nil` = values never expire. Versions of services have their own.
    package let ttlUs: Int64?
    /// Reads counted; the same object as long as the view is served.
    package let counters: ReadCounters
    package let freshness: ViewFreshness
    /// Of a window view, which has no rows anywhere: what its features are computed of.
    package let windows: WindowRole?
    /// Of a view of events, those of them that windows need; none where they are read from PostgreSQL each time.
    package let events: [EventMemory]
    /// Of a window view, what computes it in memory.
    package let resident: ResidentRole?

    package init(
        _ stored: StoredView,
        layout: RowLayout,
        memory: ViewMemory?,
        isRetired: Bool = false,
        isDenied: Bool = false,
        counters: ReadCounters = ReadCounters(),
        freshness: ViewFreshness = ViewFreshness(),
        windows: WindowRole? = nil,
        events: [EventMemory] = [],
        resident: ResidentRole? = nil
    ) {
        self.windows = windows
        self.events = events
        self.resident = resident
        self.stored = stored
        self.layout = layout
        self.memory = memory
        self.isRetired = isRetired
        self.isDenied = isDenied
        self.counters = counters
        self.freshness = freshness
        columns = NameTable(layout.columns.enumerated().map { ($1.feature, $0) })
        ttlUs = stored.definition.ttl?.microseconds
    }

    /// Windows over the events of a view.
    ///
    /// - Parameter columns: of one role, one for each feature wanted.
    convenience init(windowsOf events: ServedView, _ columns: [FeatureColumn], _ rules: ViewRules) throws(StoreError) {
        var role = try ViewRole(windowsOf: events.storedWithRetired, columns[0], rules)
        for column in columns where column.window?.text.isEmpty == false {
            guard let window = column.window, !role.features.contains(where: { $0.name == column.feature }) else {
                continue
            }
            try role.windows?.add(window.text, as: column)
            let type = role.windows?.lastType ?? column.type
            role.features.append(FeatureDefinition(name: column.feature, type: type))
        }
        var definition = role.view.definition
        definition.features = role.features
        definition.windows?.texts = Dictionary(
            columns.map { ($0.feature, $0.window?.text ?? "") },
            uniquingKeysWith: { first, _ in first }
        )
        let stored = StoredView(id: events.stored.id, shape: events.stored.shape, definition: definition)
        let layout = RowLayout(keys: stored.storageKeys, features: role.features)
        self.init(
            stored,
            layout: layout,
            memory: nil,
            counters: events.counters,
            freshness: events.freshness,
            windows: role.windows,
            resident: role.windows.flatMap { ResidentRole($0, of: events, layout: layout) }
        )
    }

    /// With other memories.
    func with(memory: ViewMemory?, events: [EventMemory]) -> ServedView {
        ServedView(
            stored,
            layout: layout,
            memory: memory,
            isRetired: isRetired,
            isDenied: isDenied,
            counters: counters,
            freshness: freshness,
            events: events
        )
    }

    /// Whether memories of events take what is committed.
    var wantsEvents: Bool { events.contains(where: \.wantsRows) }

    /// What ``events`` take.
    package var eventBytes: Int { events.reduce(0) { $0 + $1.figures.bytes } }

    /// Where rows are found, or computed, without asking PostgreSQL.
    package var residentRows: ViewMemory? { memory ?? resident?.placeholder }

    /// With the retired features that old versions of services ask for.
    private var storedWithRetired: StoredView { stored.with(retiredOf: layout) }

    package var name: String { stored.name }
    package var definition: ViewDefinition { stored.definition }

    /// The place of a feature by the name that it has, or had; retired ones included.
    package func place(called name: String) -> Int? {
        columns[name] ?? stored.former.current(name).flatMap { columns[$0] }
    }

    /// The place of one of the view's own features; retired ones are not found.
    package func column(named name: Span<UInt8>) -> Int? {
        guard let column = columns[name], !layout.columns[column].isRetired else { return nil }
        return column
    }

    /// Whether the view has latest values at all: `online: false` keeps history only.
    package var isOnline: Bool { stored.definition.isOnline }

    /// How a row stands at a moment.
    /// - Parameter now: µs, see ``Serving/now()``.
    package func status(of row: PackedRow?, now: Int64) -> ValueStatus {
        guard let row, !row.isDeleted else { return .missing }
        if let ttlUs, row.eventTime < now.subtractingSaturating(ttlUs) { return .expired }
        return .present
    }
}

extension StoredView {
    /// With the retired features of a layout.
    func with(retiredOf layout: RowLayout) -> StoredView {
        var definition = definition
        for column in layout.columns where column.isRetired {
            definition.features.append(FeatureDefinition(name: column.feature, type: column.type, isPII: true))
        }
        return StoredView(id: id, shape: shape, definition: definition, former: former)
    }
}
