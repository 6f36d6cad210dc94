import Synchronization

/// What all connections of a server together keep of replies that their clients have not taken.
///
/// A connection tells what it keeps where that is more than a little, so that clients that read what they ask for never
/// count here. Where all together keep too much, those that keep most are asked to end, as Redis does with
/// `maxmemory-clients`; the others go on.
package final class ReplyMemory: Sendable {
    /// Asks a connection that kept so many bytes to end.
    typealias Leave = @Sendable (_ bytes: Int) -> Void

    private struct Holder {
        var bytes: Int
        let leave: Leave
        /// It was asked to end: what it keeps does not count any more.
        var isLeaving = false
    }

    private struct State {
        var holders: [Int64: Holder] = [:]
        /// Of those that are not leaving.
        var bytes = 0

        /// Of those that keep most, as many as must go.
        mutating func leavers(_ bytesMax: Int) -> [@Sendable () -> Void] {
            var leavers: [@Sendable () -> Void] = []
            while bytes > bytesMax {
                let greatest = holders.filter { !$0.value.isLeaving }.max { $0.value.bytes < $1.value.bytes }
                guard let (id, holder) = greatest else { break }
                holders[id]?.isLeaving = true
                bytes -= holder.bytes
                leavers.append { holder.leave(holder.bytes) }
            }
            return leavers
        }
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Says what a connection keeps.
    ///
    /// - Parameters:
    ///   - bytes: 0 = next to nothing, or the connection is gone.
    ///   - leave: asks the connection to end; any thread may call it, once unless ``stay(_:keeping:)`` follows.
    /// - Returns: what asks those to end that have to; to be called at once.
    /// - Complexity: O(1) while there is room, O(connections that keep something) for each that has to go.
    func change(
        _ id: Int64,
        to bytes: Int,
        leave: @escaping Leave
    ) -> [@Sendable () -> Void] {
        state.withLock { state in
            let holder = state.holders[id]
            if bytes == 0 {
                state.holders[id] = nil
                if let holder, !holder.isLeaving { state.bytes -= holder.bytes }
                return []
            }
            // What it keeps is about to go.
            if holder?.isLeaving == true { return [] }
            state.holders[id] = Holder(bytes: bytes, leave: leave)
            state.bytes += bytes - (holder?.bytes ?? 0)
            return state.leavers(bytesMax)
        }
    }

    /// A connection that was asked to end keeps so little meanwhile that another one should.
    /// - Returns: as ``change(_:to:leave:)``.
    func stay(_ id: Int64, keeping bytes: Int) -> [@Sendable () -> Void] {
        state.withLock { state in
            guard let holder = state.holders[id], holder.isLeaving else { return [] }
            guard bytes > 0 else {
                state.holders[id] = nil
                return []
            }
            state.holders[id] = Holder(bytes: bytes, leave: holder.leave)
            state.bytes += bytes
            return state.leavers(bytesMax)
        }
    }

    /// Connections that keep something, or were asked to end and are not gone.
    var holderCount: Int { state.withLock { $0.holders.count } }

    /// Kept now, by connections that were not asked to end.
    package var bytesKept: Int { state.withLock { $0.bytes } }
}
