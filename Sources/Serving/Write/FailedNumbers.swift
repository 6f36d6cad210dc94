import Store
import Synchronization

/// Which numbered writes failed on which connection, so that the later ones of their source fail there too.
///
/// A client that has sent SEQ 7 and 8 and is told that 7 failed sends 7 again, and then 8. Were 8 stored meanwhile, the rows
/// of 7 would be older than those of 8 without anybody having asked for that, and 7 could not be stored under its number.
/// What is said here is a courtesy to the client and may be forgotten: the numbers that a source has stored, in
/// ``WriteSources``, decide what is a duplicate and what comes too late.
final class FailedNumbers: Sendable {
    /// One connection's sources that have numbers which failed.
    typealias Sources = [SourceName: NumberRanges]

    private struct State {
        var clients: [Int64: Sources] = [:]
        var sourceCount = 0
    }

    private let state = Mutex(State())
    private let isUsed = Atomic<Bool>(false)

    /// What failed on a connection, to try decisions on.
    func sources(of client: Int64) -> Sources {
        guard isUsed.load(ordering: .acquiring) else { return [:] }
        return state.withLock { $0.clients[client] ?? [:] }
    }

    /// Notes numbers as failed; to be called before their client is told.
    func add(_ numbers: some Sequence<SourceSequence>, client: Int64) {
        for number in numbers {
            isUsed.store(true, ordering: .releasing)
            state.withLock { state in
                var sources = state.clients[client] ?? [:]
                if sources[number.source] == nil {
                    guard sources.count < ServingLimits.failedSourcesPerClientMax else { return }
                    state.sourceCount += 1
                }
                sources[number.source, default: NumberRanges()].insert(number.sequence)
                sources[number.source]?.dropHighest(keeping: ServingLimits.sourceRangesMax)
                state.clients[client] = sources
                if state.sourceCount > ServingLimits.failedSourcesMax { Self.forgetOldest(&state) }
            }
        }
    }

    /// Forgets numbers that came again and are done with.
    func remove(_ numbers: some Sequence<SourceSequence>, client: Int64) {
        guard isUsed.load(ordering: .acquiring) else { return }
        for number in numbers {
            state.withLock { state in
                guard var sources = state.clients[client], var ranges = sources[number.source] else { return }
                ranges.remove(number.sequence)
                ranges.dropHighest(keeping: ServingLimits.sourceRangesMax)
                sources[number.source] = ranges.isEmpty ? nil : ranges
                if ranges.isEmpty { state.sourceCount -= 1 }
                state.clients[client] = sources.isEmpty ? nil : sources
            }
        }
    }

    /// Connections get ascending numbers: the oldest quarter has most likely gone.
    private static func forgetOldest(_ state: inout State) {
        let oldest = state.clients.keys.sorted().prefix(max(1, state.clients.count / 4))
        for client in oldest { state.sourceCount -= state.clients.removeValue(forKey: client)?.count ?? 0 }
    }
}

extension FailedNumbers.Sources {
    /// The failed number that a number comes behind; `nil` = none.
    func failure(before number: SourceSequence) -> Int64? {
        guard let least = self[number.source]?.min, least < number.sequence else { return nil }
        return least
    }

    /// Takes a number that comes again as done with.
    mutating func take(_ number: SourceSequence) { self[number.source]?.remove(number.sequence) }
}
