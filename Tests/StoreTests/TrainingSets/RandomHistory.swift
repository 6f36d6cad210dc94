import Features
import PointInTime
import TestSupport
import Testing

@testable import Store

/// A store filled with a random history, and the oracle that saw every commit.
///
/// Few keys and few times, so that ties, late rows, tombstones and duplicates meet all the time. Some batches are written
/// side by side and overtake one another.
final class RandomHistory {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          place: { key: origin, type: string }
          word: { key: word, type: string }
        views:
          stats:
            entities: [user]
            ttl: 4s
            features:
              a: bool
              b: int32
              c: int64
              d: float32
              e: float64
              f: string
              g: bytes
              h: timestamp
              i: vector(3)
              j: list(int64)
              k: list(string)
          weather: { entities: [place], delay: 2s, ttl: 5s, partition: day, features: { temp: float64, note: string } }
          pair: { entities: [place, word], strict: true, partition: none, features: { n: int64 } }
          mixed: { entities: [word, user], strict: true, delay: 1s, ttl: 3s, online: false, partition: year, features: { n: int64 } }
          rates: { entities: [], partition: year, features: { rate: float32, tags: list(string) } }
          clicks: { entities: [user], ttl: 4s, events: { id: click }, features: { click: string, x: float64 } }
          visits:
            entities: [place, word]
            strict: true
            delay: 1s
            partition: day
            events: { id: n }
            features: { note: string, n: int64 }
          click_windows:
            entities: [user]
            windows:
              of: clicks
              features:
                n: count over 3s
                s: sum(x) over 5s
                a: avg(x) over 2s offset 1s
                lo: min(x) over lifetime
                hi: max(x) over 4s where x > 0 or click = 'a'
                f: first(click) over 3s
                l: last(click) over lifetime
                d: distinct(click) over 6s
          visit_windows:
            entities: [place]
            strict: true
            delay: 1s
            windows:
              of: visits
              features:
                n: count over 4s
                s: sum(n) over lifetime
                l: last(note) over 10s
                w: count over lifetime where word = 'a' or n = 7
        services:
          windows: [click_windows.*, visit_windows.*]
          events: [clicks.*, visits.note, visits.n]
          model:
            - rates.rate
            - stats.*
            - weather.*
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [note, temp] }
            - pair.n
            - { view: pair, as: back, keys: { origin: word, word: origin }, features: [n] }
            - mixed.n
            - rates.tags
        """

    static let second: Int64 = 1_000_000
    static let users: [Int64] = [.min, -1, 0, 1, .max]
    /// Texts that concatenate alike, that a locale would order otherwise, that look alike.
    static let words = ["", "a", "ab", "abc", "bc", "c", "B", "é", "e\u{301}", "日本", "a\u{1}", "abcdefgh", "abcdefghi"]
    /// Around these, a few seconds: the first and last moments there are, 1970, the turn of a month, of a century, now-ish.
    static let anchors: [Int64] = [
        Timestamp.earliest.microseconds, Timestamp.latest.microseconds - 6 * second, -3 * second,
        1_709_251_197 * second, 946_684_797 * second,
    ]

    let store: TestStore
    let sessions: [Session]
    private(set) var oracle = Oracle()
    private(set) var states: [LedgerState] = []
    var random: SeededRandom

    init(seed: UInt64, batches: Int, collation: ThrowawayCluster.Collation = .bytewise) throws {
        random = SeededRandom(seed: seed)
        store = try TestStore(Self.yaml, collation: collation)
        let conninfo = store.conninfo
        sessions = try (0..<3).map { _ in try Session(conninfo: conninfo) }
        states = [.beginning, try store.head()]
        try extend(batches: batches)
    }

    /// Commits more batches.
    func extend(batches: Int) throws {
        var made = 0
        while made < batches { made += random.oneIn(2) ? try overtakenBatches() : try oneBatch() }
    }

    func time() -> Int64 {
        let anchor = random.pick(Self.anchors)
        let time = anchor + Int64(random.int(0...5)) * Self.second
        return random.oneIn(4) ? min(time + 1, Timestamp.latest.microseconds) : time
    }

    func keys(of view: ViewDefinition) -> [Value] {
        view.keys.map { $0.type == .int64 ? .int64(random.pick(Self.users)) : .string(random.pick(Self.words)) }
    }

    private func rows(_ view: ViewDefinition) -> [HistoryRow] {
        let now = states.last?.committedAt ?? 0
        var rows: [HistoryRow] = []
        for _ in 0..<random.int(1...25) {
            let eventTime = time()
            let knownAt = random.oneIn(3) ? eventTime + Int64(random.int(-2...4)) * Self.second : nil
            var row = HistoryRow(
                keys(of: view),
                at: eventTime,
                knownAt: knownAt.flatMap { $0 <= now && $0 >= Timestamp.earliest.microseconds ? $0 : nil },
                isDeleted: random.oneIn(8),
                view.features.map { random.value($0.type) }
            )
            // A row of the same batch once more: same keys, same time, another value.
            Self.setEvent(&row, view, &random)
            if let last = rows.last, random.oneIn(5) {
                (row.keys, row.eventTime) = (last.keys, last.eventTime)
                if row.knownAt != nil { row.knownAt = last.knownAt }
            }
            rows.append(row)
        }
        return rows
    }

    /// Of an event view gives a row one of few events.
    static func setEvent(_ row: inout HistoryRow, _ view: ViewDefinition, _ random: inout SeededRandom) {
        guard let place = view.eventPlace else { return }
        row.features[place] =
            view.features[place].type == .int64
            ? .int64(random.pick([.min, -1, 0, 7])) : .string(random.pick(["", "a", "B", "é"]))
    }

    private func view() throws -> StoredView { random.pick(store.registry.views) }

    private func oneBatch() throws -> Int {
        let view = try view()
        let rows = rows(view.definition)
        var options = IngestionOptions()
        options.refusesFuture = false
        let state = try #require(try store.ingest(view.name, rows, options: options).state)
        committed([(view, rows)], state)
        return 1
    }

    /// Batches that take their numbers in one order and commit in another; each may write several views.
    private func overtakenBatches() throws -> Int {
        let count = random.int(2...3)
        var open: [(transaction: WriteTransaction, parts: [(StoredView, [HistoryRow])])] = []
        for session in sessions.prefix(count) {
            var views: [StoredView] = []
            for view in store.registry.views where random.oneIn(2) { views.append(view) }
            let parts = views.map { ($0, rows($0.definition)) }
            for (view, rows) in parts { try KnownPartitions.prepare(view, rows.map(\.eventTime), store.session) }
            open.append((try WriteTransaction(session: session, views: views), parts))
        }
        open.shuffle(using: &random)
        for (transaction, parts) in open {
            guard !parts.isEmpty else {
                transaction.rollBack()
                continue
            }
            for (view, rows) in parts { _ = try transaction.write(TestStore.viewRows(rows, view), to: view) }
            committed(parts, try transaction.commit())
        }
        return count
    }

    private func committed(_ parts: [(StoredView, [HistoryRow])], _ state: LedgerState) {
        for (view, rows) in parts { oracle.commit(rows, to: view.definition, as: state) }
        states.append(state)
    }

    /// Spine rows with the columns `user_id origin word dest t row`; some null keys and times, some rows twice.
    func spine(_ count: Int) -> ColumnBatch {
        var users: [Value] = []
        var texts: [[Value]] = [[], [], []]
        var labels: [Value] = []
        let commits = states.compactMap(\.committedAt)
        for row in 0..<count {
            if row > 0, random.oneIn(10) {
                users.append(users[row - 1])
                for index in texts.indices { texts[index].append(texts[index][row - 1]) }
                labels.append(labels[row - 1])
                continue
            }
            users.append(random.oneIn(12) ? .null : .int64(random.pick(Self.users)))
            for index in texts.indices {
                texts[index].append(random.oneIn(12) ? .null : .string(random.pick(Self.words)))
            }
            var label = time()
            if random.oneIn(8) { label = random.pick(commits) + Int64(random.int(-1...1)) }
            labels.append(random.oneIn(12) ? .null : .timestamp(Timestamp(microseconds: label)))
        }
        return ColumnBatch(
            names: ["user_id", "origin", "word", "dest", "t", "row"],
            columns: [Column(type: .int64, users)] + texts.map { Column(type: .string, $0) } + [
                Column(type: .timestamp, labels), Column(type: .int64, values: .int64((0..<count).map { Int64($0) })),
            ],
            rowCount: count
        )
    }
}

extension RandomHistory {
    /// Like ``spine(_:)``, and a column `at_position` with a position for each row, sometimes null.
    func spineWithPositions(_ count: Int) -> ColumnBatch {
        var spine = spine(count)
        spine.names.append("at_position")
        spine.columns.append(
            Column(
                type: .int64,
                (0..<count).map { _ in
                    random.oneIn(12) ? .null : .int64(random.oneIn(9) ? 0 : random.pick(states).position)
                }
            )
        )
        return spine
    }
}

extension KnownPartitions {
    /// Makes the partitions that event times need, as an ingest does before its transaction.
    static func prepare(_ view: StoredView, _ times: [Int64], _ session: Session) throws {
        var catalog = KnownPartitions(view: view)
        let missing = try catalog.missing(catalog.partition(times).ranges, session)
        if !missing.isEmpty { try catalog.make(missing, session) }
    }
}
