import Dispatch
import Features
import NIOCore
import PointInTime
import Synchronization
import TestSupport
import Wire

@testable import Commands
@testable import Online
@testable import Reading
@testable import Serving
@testable import Store

/// A store that is served without PostgreSQL: definitions from YAML, rows in memory, and an obvious copy of them.
final class ServedStore {
    let definitions: Definitions
    let catalog: Catalog
    private(set) var rows: [String: [[Value]: HistoryRow]] = [:]
    /// What is stored of views that are not resident.
    private let stored: [String: ViewMemory]
    let now: Int64
    let position: Int64 = 77
    let fetches = Mutex<[String]>([])
    let engine: Engine

    /// - Parameters:
    ///   - resident: names of the views in memory; `nil` = all.
    ///   - versions: older versions of services.
    init(
        _ yaml: String,
        resident: Set<String>? = nil,
        now: Int64 = 1_000_000_000,
        versions: (Definitions) -> [Registry.StoredService] = { _ in [] }
    ) throws {
        self.now = now
        let definitions = try Definitions.parseWithExpressions(yaml: yaml)
        self.definitions = definitions
        var views: [ServedView] = []
        var stored: [String: ViewMemory] = [:]
        for (index, definition) in definitions.views.enumerated() {
            let view = StoredView(id: Int32(index + 1), shape: 1, definition: definition)
            let layout = RowLayout(keys: view.storageKeys, features: definition.features)
            let isResident = resident?.contains(definition.name) ?? true
            let memory = ViewMemory(layout: layout)
            if !isResident { stored[definition.name] = memory }
            views.append(ServedView(view, layout: layout, memory: isResident ? memory : nil))
        }
        self.stored = stored
        let services = definitions.services.map { service in
            Registry.StoredService(service, version: 3, rules: definitions.rules(of: service))
        }
        let registry = Registry(
            version: 5,
            definitions: definitions,
            views: views.map(\.stored),
            services: services,
            retired: RetiredDefinitions()
        )
        let catalog = Catalog(registry, views: views, versions: services + versions(definitions))
        self.catalog = catalog
        let position = position
        let fetching = Fetching(stored: stored)
        self.fetching = fetching
        let source = FeatureReads.Source(
            catalog: { catalog },
            position: { position },
            now: { now },
            whenReached: { wanted, _, finish in finish(wanted <= position + 10 ? .reached : .timedOut) },
            fetch: { view, keys, finish in fetching.fetch(view, keys, finish) }
        )
        engine = Engine(reads: FeatureReads(source))
        piecewise = FeatureReads(
            source,
            LargeReplies.Sizes(
                inlineValuesMax: 0,
                inlineNumbersMax: 0,
                inlineBytesMax: 0,
                inlineArgumentsMax: 0,
                pieceRows: 3,
                pieceBytes: 200
            )
        )
    }

    /// Of the same rows, for which every reply is a large one.
    let piecewise: FeatureReads

    let fetching: Fetching

    /// Answers what is not resident from memories beside the server's.
    final class Fetching: Sendable {
        private let stored: [String: ViewMemory]
        /// The view and number of keys of each fetch.
        let log = Mutex<[(view: String, keys: Int)]>([])
        let failure = Mutex<ServingError?>(nil)

        init(stored: [String: ViewMemory]) { self.stored = stored }

        func fetch(
            _ view: ServedView,
            _ keys: [Column],
            _ finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
        ) {
            log.withLock { $0.append((view.name, keys.first?.rowCount ?? 0)) }
            if let error = failure.withLock({ $0 }) { return finish(.failure(error)) }
            if let memory = stored[view.name] { finish(.success(memory)) }
        }
    }

    func add(_ view: String, _ batch: [HistoryRow], position: Int64 = 1) throws {
        let served = try catalog.view(named: view)
        for row in batch { rows[view, default: [:]][row.keys] = row }
        (served.memory ?? stored[view])?.apply(TestStore.viewRows(batch, served.stored), position: position)
    }

    /// What the rows of a view that is not resident take.
    func fetchedBytes(_ view: String) throws -> Int { stored[view]?.figures.bytes ?? 0 }

    /// Runs a command and gives its reply's bytes.
    func ask(_ words: [String], _ version: ProtocolVersion = .resp3) -> [UInt8] {
        ask(words.map { Array($0.utf8) }, version)
    }

    /// - Parameters:
    ///   - reads: others than the store's.
    ///   - isTogether: as within EXEC.
    ///   - meanwhile: called where the reply comes later, when it is there and before it is taken.
    func ask(
        _ words: [[UInt8]],
        _ version: ProtocolVersion,
        reads: FeatureReads? = nil,
        isTogether: Bool = false,
        meanwhile: () -> Void = {}
    ) -> [UInt8] {
        let engine = reads.map { Engine(reads: $0) } ?? engine
        let name = String(decoding: words[0], as: UTF8.self)
        guard let command = CommandTable.all.command(name) else { return Array("no command \(name)".utf8) }
        let answer = engine.ask(command, words, version, isTogether: isTogether, meanwhile: meanwhile)
        return answer?.bytes ?? Array("no reply within 60 s".utf8)
    }

    /// Runs a command given as a line with blanks between its words; line ends in the reply are shown as `|`.
    func text(_ line: String, _ version: ProtocolVersion = .resp3, reads: FeatureReads? = nil) -> String {
        let words = line.split(separator: " ").map { $0 == "''" ? [] : Array($0.utf8) }
        return String(decoding: ask(words, version, reads: reads), as: UTF8.self).replacing("\r\n", with: "|")
    }
}
