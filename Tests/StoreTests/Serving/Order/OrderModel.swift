import Postgres
import TestSupport

@testable import Serving
@testable import Store

/// What the clients of a run were told, against what is in history.
struct OrderModel {
    private let run: OrderRun
    private let wishes: [OrderWish]

    init(_ run: OrderRun) {
        self.run = run
        wishes = run.clients.flatMap(\.wishes)
    }

    func faults() throws -> [String] {
        var faults = run.notes
        let stored = try storedPositions()
        for wish in wishes { faults += Self.faults(of: wish, stored[wish.id] ?? []) }
        for (_, clients) in Dictionary(grouping: run.clients, by: \.source.name) {
            faults += Self.faultsOfOrder(clients)
            faults += Self.faultsOfKeeping(clients, stored)
        }
        faults += try faultsOfTies()
        return faults
    }

    /// Of each view the column that has the ids, and the condition for a number of users in `$1` to `$2`.
    private static func columns(of view: String) -> (id: String, user: String) {
        view == "wide" ? ("h.n", "h.a::bigint") : ("h.clicks", "h.user_id")
    }

    /// By wish, the positions of its own rows in the view that it is for; in a second view they are the same.
    private func storedPositions() throws -> [Int64: [Int64]] {
        var positions: [Int64: [Int64]] = [:]
        let known = Dictionary(uniqueKeysWithValues: wishes.map { ($0.id, $0) })
        var also: [Int64: [Int64]] = [:]
        for view in OrderScene.views {
            let (id, user) = Self.columns(of: view)
            let rows = try run.scene.store.session.query(
                """
                SELECT \(id), b.position FROM history.\(view) h
                JOIN (SELECT DISTINCT batch, position FROM asof.batches) b ON b.batch = h._batch
                WHERE \(user) BETWEEN $1 AND $2 ORDER BY 1, 2
                """,
                [.int64(-run.lastID), .int64(-run.firstID)]
            )
            for row in 0..<rows.count {
                guard let id = rows.int64(row, 0), let wish = known[id] else { continue }
                if wish.view == view {
                    positions[id, default: []].append(rows.int64(row, 1) ?? 0)
                } else {
                    also[id, default: []].append(rows.int64(row, 1) ?? 0)
                }
            }
        }
        // What is only in the second view counts, too: half a write is a fault.
        for (id, other) in also where positions[id] != other { positions[id, default: []] += other }
        for wish in wishes where wish.also != nil && also[wish.id] == nil {
            if let first = positions[wish.id] { positions[wish.id] = first + [-1] }
        }
        return positions
    }

    private static func faults(of wish: OrderWish, _ positions: [Int64]) -> [String] {
        var faults: [String] = []
        func fault(_ text: String) {
            let told = wish.attempts.map { "\($0.number ?? -1)@\($0.connection): \($0.answer.wait())" }
            faults.append("\(wish.id) \(text); stored at \(positions); told \(told.joined(separator: " | "))")
        }
        if positions.count > 1 { fault("is stored twice, or by half") }
        if wish.flaw != nil, !positions.isEmpty { fault("cannot be stored") }
        var mayBeStored = false
        for attempt in wish.attempts {
            switch attempt.answer.wait() {
            case .success(let receipt):
                mayBeStored = true
                if positions.isEmpty { fault("was acknowledged and is not stored") }
                if !receipt.items[0].isDuplicate, positions != [receipt.items[0].position] {
                    fault("was acknowledged at another position")
                }
            case .failure(.outcomeUnknown): mayBeStored = true
            case .failure: break
            }
        }
        if !mayBeStored, !positions.isEmpty { fault("was refused and is stored") }
        if wish.number != nil, wish.flaw == nil, positions.isEmpty, wish.isSettled { fault("was given up by nobody") }
        return faults
    }

    /// On each connection writes are stored in the order in which they were sent; over all of them a source's numbers are.
    ///
    /// - Parameter clients: those of one source.
    private static func faultsOfOrder(_ clients: [OrderRun.Client]) -> [String] {
        var faults: [String] = []
        var byConnection: [Int64: [(order: Int, position: Int64)]] = [:]
        var byNumber: [(number: Int64, position: Int64)] = []
        for attempt in clients.flatMap(\.wishes).flatMap(\.attempts) {
            guard case .success(let receipt) = attempt.answer.wait(), !receipt.items[0].isDuplicate else { continue }
            byConnection[attempt.connection, default: []].append((attempt.order, receipt.items[0].position))
            if let number = attempt.number { byNumber.append((number, receipt.items[0].position)) }
        }
        for (connection, writes) in byConnection {
            let positions = writes.sorted { $0.order < $1.order }.map(\.position)
            if positions != positions.sorted() {
                faults.append("connection \(connection) is out of order: \(positions)")
            }
        }
        let numbers = byNumber.sorted { $0.number < $1.number }
        let positions = numbers.map(\.position)
        if positions != positions.sorted() {
            faults.append("source \(clients.first?.source.name ?? "") is out of order: \(numbers)")
        }
        return faults
    }

    /// Behind a number that failed on a connection none is stored there until it comes again; but for one that cannot come
    /// again, since a greater one of its source was stored on another connection.
    ///
    /// - Parameters:
    ///   - clients: those of one source.
    ///   - positions: by wish, those of its rows.
    private static func faultsOfKeeping(_ clients: [OrderRun.Client], _ positions: [Int64: [Int64]]) -> [String] {
        let wishes = clients.flatMap(\.wishes)
        let attempts = wishes.flatMap(\.attempts) + wishes.flatMap(\.givingUp)
        let stored = wishes.flatMap { Self.stored($0, positions[$0.id] ?? []) }
        var faults: [String] = []
        for (connection, sent) in Dictionary(grouping: attempts, by: \.connection) {
            var failed: Set<Int64> = []
            for attempt in sent.sorted(by: { $0.order < $1.order }) {
                guard let number = attempt.number else { continue }
                switch attempt.answer.wait() {
                case .success(let receipt):
                    failed.remove(number)
                    let position = receipt.items[0].position
                    // At 0 nothing is stored: it was given up.
                    guard !receipt.items[0].isDuplicate, position > 0 else { continue }
                    let isKept = { (before: Int64) in
                        !stored.contains { $0.number > before && $0.connection != connection && $0.position < position }
                    }
                    guard let before = failed.filter({ $0 < number && isKept($0) }).min() else { continue }
                    let others = attempts.filter { $0.number ?? 0 >= before && $0.order <= attempt.order + 20 }
                        .sorted { $0.order < $1.order }
                        .map { "\($0.order) \($0.number ?? -1)@\($0.connection): \($0.answer.wait())" }
                    faults.append(
                        """
                        connection \(connection): \(number) is stored behind \(before), which failed
                        \(others.joined(separator: "\n"))
                        """
                    )
                // It can never be stored, so that nobody waits for it.
                case .failure(.outOfOrder(let text)) where !text.contains("comes behind"): failed.remove(number)
                case .failure: failed.insert(number)
                }
            }
        }
        return faults
    }

    /// The numbers under which a wish was stored, or may have been where nobody was told.
    private static func stored(
        _ wish: OrderWish,
        _ positions: [Int64]
    ) -> [(number: Int64, connection: Int64, position: Int64)] {
        var told: [(number: Int64, connection: Int64, position: Int64)] = []
        var untold: [(number: Int64, connection: Int64, position: Int64)] = []
        for attempt in wish.attempts {
            guard let number = attempt.number else { continue }
            switch attempt.answer.wait() {
            case .success(let receipt) where !receipt.items[0].isDuplicate:
                told.append((number, attempt.connection, receipt.items[0].position))
            case .failure(.outcomeUnknown): untold += positions.map { (number, attempt.connection, $0) }
            default: break
            }
        }
        return told.isEmpty ? untold : told
    }

    /// Of one connection's writes to one entity and time, the one that was sent last is the one that counts.
    private func faultsOfTies() throws -> [String] {
        struct Place: Hashable {
            var view: String
            var user: Int64
            var time: Int64
        }
        var faults: [String] = []
        var last: [Int64: (connection: Int64, order: Int, place: Place)] = [:]
        for wish in wishes {
            for attempt in wish.attempts {
                guard case .success(let receipt) = attempt.answer.wait(), !receipt.items[0].isDuplicate else {
                    continue
                }
                let place = Place(view: wish.view, user: wish.user, time: wish.time)
                last[wish.id] = (attempt.connection, attempt.order, place)
            }
        }
        for view in OrderScene.views {
            let (id, user) = Self.columns(of: view)
            let rows = try run.scene.store.session.query(
                """
                SELECT DISTINCT ON (\(user), h._event_time) \(id) FROM history.\(view) h
                JOIN (SELECT DISTINCT batch, position FROM asof.batches) b ON b.batch = h._batch
                WHERE \(user) BETWEEN $1 AND $2 ORDER BY \(user), h._event_time, b.position DESC
                """,
                [.int64(run.users.lowerBound), .int64(run.users.upperBound)]
            )
            for row in 0..<rows.count {
                guard let id = rows.int64(row, 0), let winner = last[id] else { continue }
                for (other, sent) in last where sent.place == winner.place && sent.connection == winner.connection {
                    if sent.order > winner.order { faults.append("\(id) hides \(other), which was sent later") }
                }
            }
        }
        return faults
    }
}
