import NIOCore
import Wire

/// Replies that a connection owes and that are not ready, oldest first; behind each, what was answered meanwhile.
struct PendingReplies {
    struct Pending {
        var isWrite: Bool
        /// Of a command of EXEC's, whose replies have their bounds together.
        var isQueued = false
        /// CLIENT REPLY keeps it from the client.
        var isMuted: Bool
        /// Its body is called all the same.
        var hasEffect = false
        var cancel: (@Sendable () -> Void)?
        var abandon: (@Sendable () -> Void)?
        /// Work that begins when all before it is done: the replies of a transaction that come later may be large, and all of
        /// them would be kept while the first is awaited.
        var unstarted: DeferredReply?
        /// For the slow log.
        var command: CommandMeasure
        var requestBytes: Int
        var body: DeferredReply.Body?
        /// Replies of later commands, up to the next pending one.
        var tail = ByteBuffer()
    }

    private var items: [Pending] = []
    /// Items before it have left.
    private var head = 0
    private var headID: Int64 = 0
    private(set) var requestBytes = 0
    /// Of all ``Pending/tail``.
    private(set) var tailBytes = 0

    var isEmpty: Bool { head == items.count }
    var count: Int { items.count - head }
    /// Whether all are writes, which may overlap.
    private(set) var areWrites = true

    /// - Returns: its number, by which it is finished.
    mutating func append(_ pending: Pending) -> Int64 {
        if isEmpty { areWrites = true }
        areWrites = areWrites && pending.isWrite
        requestBytes += pending.requestBytes
        items.append(pending)
        return headID + Int64(count) - 1
    }

    mutating func setLastTail(_ tail: ByteBuffer) {
        tailBytes += tail.readableBytes - items[items.count - 1].tail.readableBytes
        items[items.count - 1].tail = tail
    }

    /// - Returns: `false` where there is none of that number.
    mutating func finish(_ id: Int64, nowNs: Int64, _ body: @escaping DeferredReply.Body) -> CommandMeasure? {
        guard id >= headID, id - headID < Int64(count) else { return nil }
        let index = head + Int(id - headID)
        guard items[index].body == nil else { return nil }
        items[index].body = body
        items[index].command.endedNs = nowNs
        items[index].cancel = nil
        items[index].abandon = nil
        return items[index].command
    }

    /// Takes the oldest, if it is ready.
    mutating func popReady() -> Pending? {
        guard !isEmpty, items[head].body != nil else { return nil }
        let first = items[head]
        items[head].body = nil
        items[head].tail = ByteBuffer()
        head += 1
        headID += 1
        requestBytes -= first.requestBytes
        tailBytes -= first.tail.readableBytes
        if isEmpty {
            items.removeAll(keepingCapacity: items.count <= 64)
            head = 0
        } else if head > 256, head > items.count / 2 {
            items.removeFirst(head)
            head = 0
        }
        return first
    }

    /// The oldest, if its work has not begun; the caller begins it.
    mutating func takeUnstarted() -> (id: Int64, reply: DeferredReply)? {
        guard !isEmpty, let reply = items[head].unstarted else { return nil }
        items[head].unstarted = nil
        return (headID, reply)
    }

    /// What to call so that waiting ends early, or all work where the connection is gone.
    mutating func takeCancels(isGone: Bool = false) -> [@Sendable () -> Void] {
        var cancels: [@Sendable () -> Void] = []
        for index in head..<items.count {
            if items[index].unstarted != nil { continue }
            if let cancel = items[index].cancel { cancels.append(cancel) }
            items[index].cancel = nil
            if isGone, let abandon = items[index].abandon { cancels.append(abandon) }
            if isGone { items[index].abandon = nil }
        }
        return cancels
    }
}

/// When a command began, and what it was, for its counters and the slow log.
struct CommandMeasure {
    /// In the table; -1 = one of EXEC's, which is counted itself.
    var place: Int
    var startedNs: Int64 = 0
    /// When its reply was ready.
    var endedNs: Int64 = 0
    /// Empty = not to be logged.
    var arguments: [[UInt8]] = []

    init(_ place: Int = -1, startedNs: Int64 = 0, arguments: [[UInt8]] = []) {
        self.place = place
        self.startedNs = startedNs
        self.arguments = arguments
    }
}
